"""The whole pipeline over a folder of images, compared with bare classification.

The bare loop is a plain classification script: it decodes and resizes the images of a batch
one by one, runs the unmodified network and takes the five best classes. The pipeline does
the same work and makes maps, boxes and records in addition.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wsol_bench.bench.case import PROTOCOL, Case
from wsol_bench.bench.methods import groups
from wsol_bench.bench.timing import Spread, Task, Times, interleaved
from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.numbers import normalise
from wsol_bench.pipeline.pipeline import Pipeline, records_of
from wsol_bench.protocols.views import VIEWS

BARE = "bare loop"
BARE_OURS = "bare loop, our forward"

BASELINES = find_methods(("center", "whole"))


@dataclass(frozen=True, slots=True)
class TaskCost:
    """The cost of one way of processing the images.

    Attributes:
        milliseconds: per image.
        forwards: relative to the forward passes of the same images.
        bare_loops: relative to the bare loop with the unmodified network.
    """

    milliseconds: Spread
    forwards: Spread
    bare_loops: Spread

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        return {
            "ms_per_image": self.milliseconds.median,
            "forwards": self.forwards.median,
            "forwards_spread": self.forwards.ends,
            "bare_loops": self.bare_loops.median,
            "bare_loops_spread": self.bare_loops.ends,
        }


@dataclass(frozen=True, slots=True)
class PipelineCost:
    """The cost of the pipeline.

    Attributes:
        dataset: its name.
        images: the number of images, in batches of the case's size.
        threads: for decoding and boxes.
        forward_ms: milliseconds per image of the forward pass alone, with images in memory.
        bare: the bare loops, with the unmodified network and with our forward pass.
        runs: methods -> the pipeline with them, the cheapest group first.
    """

    dataset: str
    images: int
    threads: int
    forward_ms: Spread
    bare: Mapping[str, TaskCost]
    runs: Mapping[str, TaskCost]

    @property
    def main(self) -> TaskCost:
        """The first group: Grad-CAM, and CAM if the network supports it."""
        return next(iter(self.runs.values()))

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        return {
            "dataset": self.dataset,
            "images": self.images,
            "threads": self.threads,
            "forward_ms_per_image": self.forward_ms.median,
            "bare": {name: each.to_json() for name, each in self.bare.items()},
            "runs": {name: each.to_json() for name, each in self.runs.items()},
        }


def measure_pipeline(case: Case, dataset: Dataset) -> PipelineCost:
    """Times the pipeline with each group of methods, interleaved with both bare loops.

    Args:
        case: provides network, batch size and rounds.
        dataset: all of its examples are processed. From the second round on, its files come
            from the disk cache.
    """
    batches = _batches(dataset.examples, case.batch)
    threads = os.cpu_count() or 1
    bare: dict[str, Task] = {
        BARE: _bare_loop(case, dataset, batches, lambda x: case.plain(x.contiguous())),
        BARE_OURS: _bare_loop(case, dataset, batches, case.network.traced),
    }
    runs: dict[str, Task] = {}
    for names in _together(case):
        run = partial(records_of, pipeline_of(case, names), dataset, batches, threads)
        runs["+".join(names)] = partial(_exhaust, run)
    times = interleaved(bare | runs, _forwards(case, batches), case.rounds, case.device)
    count = len(dataset.examples)
    return PipelineCost(
        dataset=dataset.name,
        images=count,
        threads=threads,
        forward_ms=times.unit().scaled(1000 / count),
        bare={name: _cost(times, name, count) for name in bare},
        runs={name: _cost(times, name, count) for name in runs},
    )


def pipeline_of(case: Case, names: Sequence[str]) -> Pipeline:
    """The pipeline of these methods; that of all methods includes the baselines."""
    everything = set(names) == set(case.bound)
    return Pipeline(
        network=case.network,
        preprocessing=case.topology.preprocessing,
        methods=(*(case.bound[name] for name in names), *(BASELINES if everything else ())),
        protocol=PROTOCOL,
        device=case.device,
    )


def _together(case: Case) -> list[tuple[str, ...]]:
    """Groups of several methods, and grad_cam alone if the network does not support CAM."""
    wanted = [group for group in groups(case) if len(group) > 1]
    alone = [] if "cam" in case.bound else [("grad_cam",)]
    return alone + wanted


def _exhaust(run: Callable[[], Iterable[object]]) -> None:
    for _ in run():
        pass


def _forwards(case: Case, batches: Sequence[Sequence[Example]]) -> Task:
    def run() -> None:
        with torch.no_grad():
            for batch in batches:  # the last may be smaller
                case.network.traced(case.inputs[: len(batch)])

    return run


def _bare_loop(
    case: Case,
    dataset: Dataset,
    batches: Sequence[Sequence[Example]],
    net: Callable[[Tensor], Tensor],
) -> Task:
    view, preprocessing = VIEWS[PROTOCOL.view], case.topology.preprocessing
    side, crop = preprocessing.size, preprocessing.crop

    def run() -> None:
        with torch.no_grad():
            for batch in batches:
                images = [dataset.open(example.image_id) for example in batch]
                tensors = np.concatenate([view.tensors(i, side, crop) for i in images])
                inputs = normalise(torch.from_numpy(tensors).to(case.device), preprocessing)
                scores = net(inputs)
                scores.topk(min(PROTOCOL.topk, scores.shape[1]))[1].cpu()

    return run


def _batches(examples: Sequence[Example], size: int) -> list[Sequence[Example]]:
    return [examples[start : start + size] for start in range(0, len(examples), size)]


def _cost(times: Times, name: str, images: int) -> TaskCost:
    each = Spread.of([1000 * seconds / images for seconds in times.seconds[name]])
    return TaskCost(each, times.ratio(name), times.over(name, BARE))
