"""The page that scripts/gpu_check.sh prints: records, speed and memory on this machine's device.

Figures are measured here and now; a part that cannot run says why in place of its figures.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from forward_variants import variant_lines
from gpu_records import correctness_lines
from PIL import Image

from wsol_bench.bench.case import BenchSettings
from wsol_bench.bench.printing import print_bench
from wsol_bench.bench.timing import Spread, interleaved
from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.errors import EXIT_INTERRUPTED, Interrupted, WsolBenchError
from wsol_bench.networks.requests import Requests
from wsol_bench.pipeline.pipeline import Pipeline, records_of
from wsol_bench.pipeline.prepared_images import prepare_ahead
from wsol_bench.runs.checks import find_device
from wsol_bench.runs.prepare import Prepared, prepare
from wsol_bench.runs.source import open_source
from wsol_bench.runtime.machine import machine, versions
from wsol_bench.settings import DEFAULT_DATA, RunSettings

PEERS = ("captum", "grad-cam", "torchcam")
NOTHING = Requests()
"""What classification alone asks a forward pass for."""
VIT = "timm:vit_tiny_patch16_224"
"""Whose records are compared besides, for the methods of attention; with random weights."""
ILSVRC_VAL = 50_000
_MARK = "~"
"""Stands between an image's id and the number of its repeat."""


@dataclass(frozen=True, slots=True)
class Form:
    """How much of each part is run.

    Attributes:
        archs: of the speed; with random weights.
        batches: batch sizes of the speed.
        images: images per round of the speed.
        rounds: interleaved repeats.
        whole: images of the run that stands for ILSVRC's validation set.
        limit: images of the correctness.
        many: of them, those of methods of many passes.
        bench_arch: of the comparison with other libraries.
        bench_batch: its batch size.
    """

    archs: tuple[str, ...]
    batches: tuple[int, ...]
    images: int
    rounds: int
    whole: int
    limit: int
    many: int
    bench_arch: str
    bench_batch: int


ON_GPU = Form(
    archs=("torchvision:vgg16", "torchvision:resnet50", "timm:vit_base_patch16_224"),
    batches=(8, 32, 128, 256),
    images=1024,
    rounds=3,
    whole=ILSVRC_VAL,
    limit=500,
    many=8,
    bench_arch="vgg16",
    bench_batch=32,
)
ON_CPU = Form(
    archs=("torchvision:alexnet",),
    batches=(2, 4),
    images=8,
    rounds=2,
    whole=16,
    limit=2,
    many=1,
    bench_arch="squeezenet1_1",
    bench_batch=2,
)


@dataclass(frozen=True)
class Repeated:
    """A dataset whose images are repeated under distinct ids; a `Dataset`."""

    once: Dataset
    images: int

    def __getattr__(self, name: str) -> object:
        return getattr(self.once, name)

    @property
    def examples(self) -> list[Example]:
        """The given images again and again."""
        given = islice(cycle(self.once.examples), self.images)
        return [
            replace(each, image_id=f"{each.image_id}{_MARK}{at}") for at, each in enumerate(given)
        ]

    def open(self, image_id: str) -> Image.Image:
        """The image that is repeated."""
        return self.once.open(image_id.rpartition(_MARK)[0])


def prepared_for(arch: str, weights: str, data: str, device: str) -> Prepared:
    """A network with Grad-CAM, on a device."""
    settings = RunSettings(
        arch=arch, weights=weights, data=data, methods=("grad_cam",), device=device
    )
    return prepare(settings, open_source(settings, quiet=True))


def machine_lines(device: torch.device) -> Iterator[str]:
    """What the page was measured on."""
    yield ", ".join(f"{name} {value}" for name, value in machine(device).items())
    yield ", ".join(f"{name} {value}" for name, value in versions().items())


def speed_lines(form: Form, data: str, device: torch.device) -> Iterator[str]:
    """The pipeline, decoding included, over the forward passes alone, for each batch size."""
    yield f"{form.images} images, decoding on {os.cpu_count()} cores; median, minimum and maximum"
    for arch in form.archs:
        try:
            prepared = prepared_for(arch, "none", data, str(device))
        except WsolBenchError as error:
            yield f"{arch}: not measured: {error}"
            continue
        for batch in form.batches:
            yield f"{arch}, batch {batch}: " + _speed(prepared, batch, form)


def _speed(prepared: Prepared, batch: int, form: Form) -> str:
    pipeline, images = prepared.pipeline, Repeated(prepared.source.dataset, form.images)
    device = pipeline.device
    batches = _cut(images.examples, batch)
    try:
        _forget_peak(device)
        times = interleaved(
            {"pipeline": partial(_run, pipeline, images, batches)},
            partial(_forwards, pipeline, form.images, batch),
            form.rounds,
            device,
        )
    except torch.cuda.OutOfMemoryError:
        return "not measured: the device's memory is too small"
    rate = _inverse(times.seconds["pipeline"], form.images)
    alone = _inverse(times.units["pipeline"], form.images)
    ratio = times.ratio("pipeline")
    return (
        f"forward {alone.median:,.0f} images/s, pipeline {rate.median:,.0f} images/s, "
        f"{ratio.median:.2f} forwards ({ratio.minimum:.2f}–{ratio.maximum:.2f}); {_peak(device)}"
    )


def whole_lines(form: Form, data: str, device: torch.device) -> Iterator[str]:
    """What many images take under distinct ids, and which stage bounds them."""
    batch = max(form.batches) // 2
    prepared = prepared_for(form.archs[0], "none", data, str(device))
    pipeline, images = prepared.pipeline, Repeated(prepared.source.dataset, form.whole)
    batches = _cut(images.examples, batch)
    _run(pipeline, images, batches[:1])  # compiles and fills caches
    begun = time.perf_counter()
    _run(pipeline, images, batches)
    taken = time.perf_counter() - begun
    some = batches[: max(1, 2048 // batch)]
    count = sum(map(len, some))
    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in prepare_ahead(pipeline, images, some, pool):
            pass
    decoding = count / (time.perf_counter() - begun)
    begun = time.perf_counter()
    _forwards(pipeline, count, batch)
    forward = count / (time.perf_counter() - begun)
    bound = "decoding" if decoding < forward else "the network"
    yield f"{form.archs[0]}, batch {batch}: {form.whole:,} images took {taken:.1f} s"
    yield (
        f"decoding alone {decoding:,.0f} images/s on {os.cpu_count()} cores, the forward pass "
        f"alone {forward:,.0f} images/s: bound by {bound}"
    )
    if form.whole < ILSVRC_VAL:
        yield f"{ILSVRC_VAL:,} images are run on a GPU only; no figure is made from fewer"


def _cut(examples: Sequence[Example], batch: int) -> list[Sequence[Example]]:
    return [examples[start : start + batch] for start in range(0, len(examples), batch)]


def _run(pipeline: Pipeline, images: Dataset, batches: Sequence[Sequence[Example]]) -> None:
    for _ in records_of(pipeline, images, batches, os.cpu_count() or 1):
        pass


def _forwards(pipeline: Pipeline, images: int, batch: int) -> None:
    side = pipeline.side
    inputs = torch.zeros(batch, 3, side, side, device=pipeline.device)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        for start in range(0, images, batch):
            scores = pipeline.network.forward(inputs[: images - start], NOTHING).scores
    scores.cpu()  # waits for the device


def _inverse(seconds: Sequence[float], images: int) -> Spread:
    return Spread.of([images / each for each in seconds])


def _forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: torch.device) -> str:
    if device.type == "cuda":
        return f"peak {torch.cuda.max_memory_allocated(device) / 2**30:.2f} GiB on the device"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return f"peak so far {peak / 2**30:.2f} GiB of this process"


def peer_lines(form: Form, data: str, device: torch.device) -> Iterator[str]:
    """Other libraries on the same maps; `bench` prints its own table."""
    sys.stdout.flush()
    print_bench(
        BenchSettings(
            archs=(form.bench_arch,),
            device=str(device),
            batches=(form.bench_batch,),
            rounds=form.rounds,
            against=PEERS,
            parts=("core",),
            data=data,
            limit=form.bench_batch,
        ),
        as_json=False,
    )
    yield "in forward passes; libraries that are not installed are named above"


def show(title: str, lines: Callable[[], Iterator[str]]) -> bool:
    """Prints a part as it is measured; False where it failed."""
    print(f"\n== {title}", flush=True)
    try:
        for line in lines():
            print(line, flush=True)
    except Interrupted as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except (WsolBenchError, RuntimeError, ImportError) as error:
        print(f"FAILED: {error}", flush=True)
        return False
    return True


def main() -> int:
    """Prints the page."""
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description=__doc__)
    parser.add_argument("--data", default=DEFAULT_DATA, help="folder or tar; default: the demo")
    parser.add_argument("--weights", help="as of `run`; default: the dataset's")
    parser.add_argument("--arch", help="of the comparison of records; default: googlenet")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1")
    asked = parser.parse_args()
    try:
        device = find_device(asked.device)
    except WsolBenchError as error:
        print(error, file=sys.stderr)
        return 2
    form = ON_CPU if device.type == "cpu" else ON_GPU
    if device.type == "cpu":
        print("No GPU is used: this is the SHORT FORM ON THE CPU; no figure below is a GPU's.")
    else:
        print(f"Full form on {device}.")
    arch = asked.arch or ("googlenet" if device.type != "cpu" else "alexnet")
    with TemporaryDirectory() as folder:
        nets = {
            arch: RunSettings(arch=arch, weights=asked.weights, data=asked.data),
            VIT: RunSettings(arch=VIT, weights="none", data=asked.data),
        }
        records = {
            f"records of {name}": partial(
                correctness_lines,
                each,
                device,
                form.limit,
                0 if name == VIT else form.many,
                Path(folder) / str(at),
            )
            for at, (name, each) in enumerate(nets.items())
        }
        parts = {
            "machine": partial(machine_lines, device),
            **records,
            "pipeline over forward": partial(speed_lines, form, asked.data, device),
            "many images": partial(whole_lines, form, asked.data, device),
            "forms of the forward pass": partial(variant_lines, form.archs, device, form.rounds),
            "other libraries": partial(peer_lines, form, asked.data, device),
        }
        fine = [show(title, lines) for title, lines in parts.items()]
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
