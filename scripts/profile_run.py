"""Where the time of a run goes, in one table.

    python scripts/profile_run.py                                   # VGG-16 on the demo
    python scripts/profile_run.py --arch googlenet --weights caffe:FILE --data DIR --limit 128

Makes a real run twice, after a short one that warms up: once as it is, once with
torch's profiler in the network and a watch on everything round it. Meant for a CPU,
where what a thread waits for is what it does; on a GPU the stages of the network are
timed with a synchronisation at both ends, which a run does not have.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from unittest.mock import patch

# Before torch is imported: its profiler complains on stderr where there is no GPU.
os.environ.setdefault("KINETO_LOG_LEVEL", "99")

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile, record_function

from wsol_bench.boxes.extract import extract_box
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.networks.forward import Forward, Network
from wsol_bench.networks.numbers import normalise
from wsol_bench.pipeline.pipeline import Pipeline, records_of
from wsol_bench.records.result import Result
from wsol_bench.records.shard_files import ShardFiles
from wsol_bench.records.table import to_table
from wsol_bench.runs.checks import find_device
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.runtime.progress import log
from wsol_bench.settings import RunSettings, names_in

Row = tuple[str, str, float]
"""Stage, "threads" or "main", seconds."""

THREADS = ("decode", "resize", "boxes")
"""Stages beside the main thread that the watch tells apart."""
STAGES = ("normalise", "forward", "gradients", "excitation")
"""Stages of the main thread in which the profiler looks."""
PRODUCTS = ("conv", "addmm", "aten::mm", "aten::bmm", "gemm", "aten::linear")
"""What the names of convolutions and of products of matrices have in them."""


@dataclass
class Watch:
    """Seconds by stage.

    Attributes:
        seconds: stage -> seconds of all threads together.
        wall: of the whole run.
        inside: whether the main thread is in the pipeline and not in the network. Other
            parts of a run, and some layers, have threads of their own.
    """

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall: float = 0.0
    inside: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def on(self, stage: str) -> Iterator[None]:
        """Adds the time that passes inside to a stage.

        In the threads that is time on a core: they wait for one whenever the network has
        them all.
        """
        in_main = threading.current_thread() is threading.main_thread()
        clock = time.perf_counter if in_main else time.thread_time
        begun = clock()
        try:
            yield
        finally:
            with self._lock:
                self.seconds[stage] += clock() - begun

    def over(self, stage: str, work: Callable) -> Callable:
        """The function, watched."""

        @wraps(work)
        def watched(*arguments, **options):
            with self.on(stage):
                return work(*arguments, **options)

        return watched

    def over_each(self, stage: str, work: Callable) -> Callable:
        """The generator function, each of its steps watched."""

        @wraps(work)
        def watched(*arguments, **options):
            made = work(*arguments, **options)
            while True:
                self.inside = True
                with self.on(stage):
                    value = next(made, None)
                self.inside = False
                if value is None:
                    return
                yield value

        return watched

    def in_network(self, stage: str, work: Callable, device: torch.device) -> Callable:
        """The function, watched and named to the profiler."""

        @wraps(work)
        def watched(*arguments, **options):
            _finish(device)
            before, self.inside = self.inside, False
            with self.on(stage), record_function(stage):
                result = work(*arguments, **options)
                _finish(device)
            self.inside = before
            return result

        return watched


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def watching(watch: Watch, device: torch.device) -> Iterator[None]:
    """Puts the watch on every stage while inside."""
    main = threading.main_thread()
    view, submit, result = Pipeline.view.fget, ThreadPoolExecutor.submit, Future.result

    def watched_view(pipeline: Pipeline):
        original = view(pipeline)
        return replace(original, tensors=watch.over("resize", original.tensors))

    def watched_submit(pool, work, *arguments, **options):
        watched = watch.over("threads", work) if watch.inside else work
        return submit(pool, watched, *arguments, **options)

    def watched_result(future, timeout=None):
        if not watch.inside or threading.current_thread() is not main:
            return result(future, timeout)
        with watch.on("waiting"):
            return result(future, timeout)

    functions = {
        records_of: watch.over_each("pipeline", records_of),
        extract_box: watch.over("boxes", extract_box),
        to_table: watch.over("store", to_table),
        normalise: watch.in_network("normalise", normalise, device),
    }
    methods = (
        (ImageDataset, "open", watch.over("decode", ImageDataset.open)),
        (ShardFiles, "write", watch.over("store", ShardFiles.write)),
        (ThreadPoolExecutor, "submit", watched_submit),
        (Future, "result", watched_result),
        (Pipeline, "view", property(watched_view)),
        (Network, "forward", watch.in_network("forward", Network.forward, device)),
        (Forward, "gradient", watch.in_network("gradients", Forward.gradient, device)),
        (Forward, "excitation", watch.in_network("excitation", Forward.excitation, device)),
    )
    with ExitStack() as stack:
        for owner, name, replacement in (*methods, *_wherever_imported(functions)):
            stack.enter_context(patch.object(owner, name, replacement))
        yield


def _wherever_imported(functions: dict[Callable, Callable]) -> Iterator[tuple]:
    """(module, name, replacement) of every module of the package that has such a function."""
    for function, replacement in functions.items():
        name = function.__name__
        for module in list(sys.modules.values()):
            if module.__name__.startswith("wsol_bench") and vars(module).get(name) is function:
                yield module, name, replacement


def run(settings: RunSettings) -> tuple[Result, float]:
    """The run as it is, records thrown away, and its seconds."""
    begun = time.perf_counter()
    (result,) = evaluate(settings, quiet=True)
    return result, time.perf_counter() - begun


def products_by_stage(profiler: profile) -> dict[str, float]:
    """Stage -> seconds of the main thread in convolutions and products of matrices."""
    seconds: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        stage, above = None, event.cpu_parent
        while above is not None and stage is None:
            stage, above = above.name if above.name in STAGES else None, above.cpu_parent
        if stage and any(part in event.name for part in PRODUCTS):
            seconds[stage] += event.self_cpu_time_total / 1e6
    return seconds


def rows(watch: Watch, products: dict[str, float], split: bool) -> list[Row]:
    """(stage, where, seconds); those of the main thread add up to the wall clock."""
    spent = watch.seconds
    found = [(name, "threads", spent[name]) for name in THREADS]
    records = spent["threads"] - sum(spent[name] for name in THREADS)
    found.append(("records, the rest", "threads", records))
    main = [("normalise", spent["normalise"])]
    for stage in STAGES[1:]:
        if split:
            main.append((f"{stage}: convolution, linear", products[stage]))
            main.append((f"{stage}: other", spent[stage] - products[stage]))
        else:
            main.append((stage, spent[stage]))
    main.append(("waiting for threads", spent["waiting"]))
    main.append(("maps, hand-over", spent["pipeline"] - sum(seconds for _, seconds in main)))
    main.append(("records to the disk", spent["store"]))
    main.append(("opening, scoring", watch.wall - spent["pipeline"] - spent["store"]))
    return found + [(name, "main", seconds) for name, seconds in main]


def told(watch: Watch, found: Sequence[Row], result: Result, bare: float, batch: int) -> dict:
    """What the table says, as plain JSON values."""
    return {
        "arch": result.arch,
        "weights": result.weights,
        "dataset": result.dataset,
        "methods": [row.method for row in result.rows],
        "images": result.n,
        "batch": batch,
        "seconds": bare,
        "profiled_seconds": watch.wall,
        "rows": [
            {"stage": name, "thread": where, "seconds": seconds} for name, where, seconds in found
        ],
    }


def show(profiled: dict) -> None:
    """Prints the table and what overlaps."""
    images, wall = profiled["images"], profiled["profiled_seconds"]
    table = Table(
        title=f"{profiled['arch']} ({profiled['weights']}), {', '.join(profiled['methods'])}; "
        f"{images} images of {profiled['dataset']}, batch {profiled['batch']}: "
        f"{profiled['seconds']:.2f} s, {wall:.2f} s when profiled",
        caption="The rows of the main thread add up to the profiled time. Those of the threads "
        "are what they had of the cores, all together; they run beside the network and cost "
        "time only as waiting and by taking cores from it.",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("stage")
    table.add_column("thread")
    for heading in ("s", "%", "ms/image"):
        table.add_column(heading, justify="right")
    before = None
    for row in profiled["rows"]:
        if before not in (None, row["thread"]):
            table.add_section()
        before, seconds = row["thread"], row["seconds"]
        share, each = 100 * seconds / wall, 1000 * seconds / images
        table.add_row(row["stage"], before, f"{seconds:.2f}", f"{share:.1f}", f"{each:.2f}")
    Console().print(table)


def main() -> None:
    """Parses, runs, prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--arch", default="vgg16")
    parser.add_argument("--weights", help="what run --weights takes")
    parser.add_argument("--data", default="demo")
    parser.add_argument("--methods", default="grad_cam,backprop,c_mwp")
    parser.add_argument("--limit", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    given = vars(parser.parse_args())
    as_json = given.pop("json")
    settings = RunSettings(**{**given, "methods": names_in(given["methods"])})
    device = find_device(settings.device)
    log("warming up, then a run as it is, then one that is watched")
    run(replace(settings, limit=min(settings.limit, settings.batch_size)))
    _, bare = run(settings)
    watch = Watch()
    with profile(activities=[ProfilerActivity.CPU]) as profiler, watching(watch, device):
        result, watch.wall = run(settings)
    found = rows(watch, products_by_stage(profiler), device.type == "cpu")
    profiled = told(watch, found, result, bare, settings.batch_size)
    if as_json:
        print(json.dumps(profiled, indent=2))
    else:
        show(profiled)


if __name__ == "__main__":
    main()
