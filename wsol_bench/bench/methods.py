"""Our methods as tasks: each alone and several in one pass, including maps and boxes."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol_bench.bench.case import PROTOCOL, Case
from wsol_bench.bench.timing import Task
from wsol_bench.boxes.extract import extract_box
from wsol_bench.geometry import Size
from wsol_bench.networks.determinism import repeatable
from wsol_bench.networks.forward import Forward, Requests
from wsol_bench.scoring.ilsvrc import rank_classes

TOGETHER = (
    ("grad_cam", "cam"),
    ("grad_cam", "backprop", "c_mwp"),
    ("grad_cam", "cam", "c_mwp", "mwp", "backprop"),
)
"""Methods that are timed in one pass, without those that a network does not support.
The method `center` needs no network."""

IMAGE = Size(375, 500)
"""The most common image size in ILSVRC, in which boxes are drawn."""

FIVE = "grad_cam, boxes of five classes"
DETERMINISTIC = "{}, deterministic"
"""The most expensive group again, with deterministic operations."""


def groups(case: Case) -> list[tuple[str, ...]]:
    """The methods of each task, without duplicates."""
    wanted = [tuple(name for name in group if name in case.bound) for group in TOGETHER]
    alone = [(name,) for name in case.bound]
    return [group for group in dict.fromkeys([*alone, *wanted]) if group]


def method_tasks(case: Case) -> dict[str, Task]:
    """The tasks: from the batch to a box per image and method."""
    tasks: dict[str, Task] = {"+".join(group): _localize(case, group) for group in groups(case)}
    most_expensive = max(groups(case), key=len)
    tasks[DETERMINISTIC.format("+".join(most_expensive))] = _repeatably(
        _localize(case, most_expensive)
    )
    if "grad_cam" in case.bound:
        tasks[FIVE] = lambda: _localize_five(case)
    return tasks


def core_tasks(case: Case) -> dict[str, Task]:
    """The tasks of the short benchmark: Grad-CAM, and three methods in one pass."""
    wanted = [("grad_cam",), ("grad_cam", "backprop", "c_mwp")]
    carried = [tuple(name for name in group if name in case.bound) for group in wanted]
    return {"+".join(group): _localize(case, group) for group in dict.fromkeys(carried) if group}


def asker(case: Case, names: Sequence[str]) -> Callable[[Tensor], Forward]:
    """A function from inputs to a forward pass that records what these methods request."""
    requests = Requests.merge(case.bound[name].requests() for name in names)
    return lambda inputs: case.network.forward(inputs, requests)


def maps_of(case: Case, forward: Forward, name: str, classes: Tensor) -> Tensor:
    """The maps of a method, (n, u, v), for one class per image."""
    return case.bound[name].maps(forward, classes)


def draw(maps: Tensor | NDArray[np.float32]) -> None:
    """Draws the box of each map, (n, u, v), in an image of the most common size."""
    for values in maps.cpu().numpy() if isinstance(maps, Tensor) else maps:
        extract_box(values, IMAGE, PROTOCOL.box_rule)


def _localize(case: Case, names: tuple[str, ...]) -> Task:
    ask = asker(case, names)

    def run() -> None:
        forward = ask(case.inputs)
        for name in names:
            draw(maps_of(case, forward, name, case.labels))

    return run


def _repeatably(task: Task) -> Task:
    def run() -> None:
        with repeatable(True):
            task()

    return run


def _localize_five(case: Case) -> None:
    """The additional work of `--boxes top5`: the boxes of the five best classes."""
    forward = asker(case, ("grad_cam",))(case.inputs)
    best = rank_classes(forward.scores.float().cpu().numpy(), PROTOCOL.topk)  # (n, 5)
    for column in best.T:
        draw(maps_of(case, forward, "grad_cam", torch.from_numpy(column.copy())))
