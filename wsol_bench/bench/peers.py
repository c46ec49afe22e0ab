"""Other libraries on the same work, with the same result.

Each runs the unmodified network on the same images at the same layer, and our box rule
turns its maps into boxes, so that only the maps differ. Two tasks are timed: one map of the
label's class, and the top-5 protocol, which takes scores and the maps of the five best
classes, as the library documents it. Ours needs the first alone for both errors, since no
other class's box can count.

The maps of the label's class are compared with ours, each scaled to 0..1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol_bench.bench.case import PROTOCOL, Case
from wsol_bench.bench.methods import asker, draw, maps_of
from wsol_bench.bench.timing import Spread, Task, Times
from wsol_bench.errors import find
from wsol_bench.scoring.ilsvrc import rank_classes

METHOD = "grad_cam"
"""The method that all of them implement."""

WORK = ("label_map", "top5")
"""The tasks of each library: one map of the label's class; the whole top-5 protocol."""

SAME = 1e-3
"""The maximum difference, scaled to 0..1, that another order of float32 sums explains."""

Maps = Tensor | NDArray[np.float32]
"""(n, u, v), one per image."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The calls of a library on one case.

    Attributes:
        label_map: maps of the labels' classes, as a user gets them.
        five_maps: scores, and the maps of the five best classes.
        raw: maps of the labels' classes at the layer's resolution, up to scale.
    """

    label_map: Callable[[], Maps]
    five_maps: Callable[[], list[Maps]]
    raw: Callable[[], Maps]


@dataclass(frozen=True, slots=True)
class PeerCost:
    """The cost of a library.

    Attributes:
        name, version: those of the distribution; the version is None if it is not installed.
        costs: task of `WORK` -> cost in forward passes of ours and of the unmodified network.
        difference: the maximum between its maps and ours, each scaled to 0..1.
        reason: why it was not measured, or "".
    """

    name: str
    version: str | None = None
    costs: Mapping[str, tuple[Spread, Spread]] | None = None
    difference: float | None = None
    reason: str = ""

    @property
    def agrees(self) -> bool:
        """Whether its maps equal ours."""
        return self.difference is not None and self.difference <= SAME

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        if self.costs is None:
            return {"version": self.version, "reason": self.reason}
        costs = {
            name: {
                "forwards": ours.median,
                "spread": ours.ends,
                "own_forwards": own.median,
                "own_spread": own.ends,
            }
            for name, (ours, own) in self.costs.items()
        }
        return {
            "version": self.version,
            **costs,
            "difference": self.difference,
            "agrees": self.agrees,
        }


class Peers:
    """The requested libraries on one case."""

    def __init__(self, case: Case, names: tuple[str, ...]) -> None:
        """Imports the installed ones.

        Raises:
            UsageError: a name is unknown; lists the known ones.
        """
        self._case = case
        self._ways: dict[str, Ways] = {}
        self._reasons: dict[str, str] = {}
        for name in names:
            make = find("peer", name, PEERS)
            if METHOD not in case.bound:
                self._reasons[name] = f"{case.arch.name} does not support {METHOD}"
                continue
            try:
                version(name)
                self._ways[name] = make(case)
            except (PackageNotFoundError, ImportError) as error:
                self._reasons[name] = _absence(name, error)

    def tasks(self) -> dict[str, Task]:
        """Two tasks per library."""
        tasks: dict[str, Task] = {}
        for name, ways in self._ways.items():
            for what, run in zip(WORK, (_draw_one, _draw_five), strict=True):
                tasks[f"{name}, {what}"] = partial(run, ways)
        return tasks

    def costs(self, times: Times, plain: str) -> tuple[PeerCost, ...]:
        """The cost of each library, and the difference between its maps and ours.

        Args:
            times: those of `tasks`, with our forward pass as the unit.
            plain: the task that runs the unmodified network.
        """
        costs = [PeerCost(name, reason=reason) for name, reason in self._reasons.items()]
        if self._ways:
            case = self._case
            ours = maps_of(case, asker(case, (METHOD,))(case.inputs), METHOD, case.labels)
        for name, ways in self._ways.items():
            both = {
                what: (times.ratio(f"{name}, {what}"), times.over(f"{name}, {what}", plain))
                for what in WORK
            }
            costs.append(PeerCost(name, version(name), both, difference(ours, ways.raw())))
        return tuple(costs)


def difference(ours: Maps, theirs: Maps) -> float:
    """The maximum difference of two stacks of maps, (n, u, v), each map scaled to 0..1.

    A constant map becomes 0. The difference of stacks of unequal shapes is infinite.
    """
    first, second = (_scaled(maps) for maps in (ours, theirs))
    if first.shape != second.shape:
        return float("inf")
    return float(np.abs(first - second).max())


def _scaled(maps: Maps) -> NDArray[np.float64]:
    array = maps.detach().cpu().numpy() if isinstance(maps, Tensor) else maps
    values = np.asarray(array, np.float64)
    low = values.min(axis=(1, 2), keepdims=True)
    span = values.max(axis=(1, 2), keepdims=True) - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)


def _draw_one(ways: Ways) -> None:
    draw(ways.label_map())


def _draw_five(ways: Ways) -> None:
    for maps in ways.five_maps():
        draw(maps)


def _absence(name: str, error: Exception) -> str:
    if isinstance(error, PackageNotFoundError):
        return "not installed; pip install 'wsol-bench[peers]'"
    return f"installed but cannot be imported ({error})"


def _best(scores: Tensor) -> list[list[int]]:
    """The class of each image, for each of the top five ranks."""
    ranked = rank_classes(scores.detach().float().cpu().numpy(), PROTOCOL.topk)
    return [column.tolist() for column in ranked.T]


def _captum(case: Case) -> Ways:
    """One pass and one gradient per call; scores need an additional pass."""
    library = import_module("captum.attr")
    grad_cam = library.LayerGradCam(case.plain, _layer(case))

    def of(classes: list[int]) -> Maps:
        maps: Tensor = grad_cam.attribute(case.plain_inputs, target=classes, relu_attributions=True)
        return maps.detach()[:, 0]

    labels = case.labels.tolist()
    return Ways(
        label_map=lambda: of(labels),
        five_maps=lambda: [of(classes) for classes in _best(case.plain_forward())],
        raw=lambda: of(labels),
    )


def _torchcam(case: Case) -> Ways:
    """One pass with hooks, then one gradient per map."""
    library = import_module("torchcam.methods")
    layer = str(case.bound[METHOD].layer)

    def five() -> list[Maps]:
        with library.GradCAM(case.plain, layer) as grad_cam:
            scores = case.plain(case.plain_inputs)
            return [
                grad_cam(classes, scores, normalized=False, retain_graph=True)[0]
                for classes in _best(scores)
            ]

    def one() -> Maps:
        with library.GradCAM(case.plain, layer) as grad_cam:
            scores = case.plain(case.plain_inputs)
            maps: Tensor = grad_cam(case.labels.tolist(), scores, normalized=False)[0]
            return maps

    return Ways(label_map=one, five_maps=five, raw=one)


def _pytorch_grad_cam(case: Case) -> Ways:
    """One pass and one gradient with respect to the weights per call; the first gives scores.

    Its maps are scaled to 0..1 and upsampled to the input.
    """
    library = import_module("pytorch_grad_cam")
    target_of = import_module("pytorch_grad_cam.utils.model_targets").ClassifierOutputTarget

    def targets(classes: list[int]) -> list[Any]:
        return [target_of(each) for each in classes]

    def one(*, enlarge: bool = True) -> Maps:
        with library.GradCAM(model=case.plain, target_layers=[_layer(case)]) as grad_cam:
            if not enlarge:
                grad_cam.get_target_width_height = lambda inputs: None
            maps: NDArray[np.float32] = grad_cam(case.plain_inputs, targets(case.labels.tolist()))
            return maps

    def five() -> list[Maps]:
        with library.GradCAM(model=case.plain, target_layers=[_layer(case)]) as grad_cam:
            first = grad_cam(case.plain_inputs, None)  # None selects the best class
            others = _best(grad_cam.outputs)[1:]
            return [first, *(grad_cam(case.plain_inputs, targets(classes)) for classes in others)]

    return Ways(label_map=one, five_maps=five, raw=lambda: one(enlarge=False))


def _layer(case: Case) -> torch.nn.Module:
    return case.plain.get_submodule(str(case.bound[METHOD].layer))


PEERS: Mapping[str, Callable[[Case], Ways]] = {
    "captum": _captum,
    "grad-cam": _pytorch_grad_cam,
    "torchcam": _torchcam,
}
"""The choices of `--against`: the name of a distribution -> its calls."""
