"""The most common faults of a network's input and of the order of its outputs.

A wrong mean and standard deviation, channels in the other order, pixels that are not scaled, an
input of another side; outputs shifted by a background class, classes in another order.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.archs.preprocessing import (
    CAFFE_MEAN,
    TORCHVISION_MEAN,
    TORCHVISION_STD,
)
from wsol_bench.networks.outputs import NONE

_ONES, _ZEROS, _HALVES = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)

SIDES = (128, 160, 192, 224, 256, 288, 320, 384)
"""Sides of inputs that weights are trained for."""

OWN_VALUES = "the weights' own preprocessing, without the flags that replace values of it"
OWN_CROP = "the weights' own centre crop (--set view=center-crop)"
OWN_ORDER = ""
"""The order of the outputs that the run assumes."""
_NUMBER = re.compile(r"^\d+\.")
_REMEDY = "(--classes FILE names the output of each class)"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A preprocessing that the weights may have been trained for.

    Attributes:
        name: what it is, with the flags that select it.
        change: the assumed preprocessing -> the suspected one.
    """

    name: str
    change: Callable[[Preprocessing], Preprocessing]


Channels = tuple[float, float, float]


def _values(
    order: str, scale: float, mean: Channels, std: Channels
) -> Callable[[Preprocessing], Preprocessing]:
    return lambda given: given.changed(order=order, scale=scale, mean=mean, std=std)


SUSPECTS: Mapping[str, Suspect] = MappingProxyType(
    {
        "imagenet": Suspect(
            "ImageNet's mean and standard deviation (--order rgb --scale 1/255 "
            "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)",
            _values("rgb", 1 / 255, TORCHVISION_MEAN, TORCHVISION_STD),
        ),
        "half": Suspect(
            "mean 0.5 and standard deviation 0.5 (--order rgb --scale 1/255 --mean 0.5 --std 0.5)",
            _values("rgb", 1 / 255, _HALVES, _HALVES),
        ),
        "unit": Suspect(
            "pixels on 0..1 without a mean (--order rgb --scale 1/255 --mean 0 --std 1)",
            _values("rgb", 1 / 255, _ZEROS, _ONES),
        ),
        "caffe": Suspect(
            "BGR on 0..255 minus Caffe's mean (--order bgr --scale 1 --mean 104,117,123 --std 1)",
            _values("bgr", 1.0, CAFFE_MEAN, _ONES),
        ),
        "unscaled": Suspect(
            "RGB on 0..255, not scaled (--order rgb --scale 1 --mean 0 --std 1)",
            _values("rgb", 1.0, _ZEROS, _ONES),
        ),
        "swapped": Suspect(
            "the channels in the other order (--order with the other value)",
            lambda given: replace(given, order="rgb" if given.order == "bgr" else "bgr"),
        ),
    }
)


def side_change(side: int) -> str:
    """Another side of the input, in words."""
    return f"an input of side {side} (--side {side})"


def output_orders(
    given: Sequence[int],
    class_ids: Sequence[str],
    class_names: Sequence[str],
    devkit: Sequence[int] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Suspected orders of a network's outputs.

    Args:
        given: the output of each class that the run assumes, `NONE` for a class without one.
        class_ids, class_names: of the dataset; position is the class index.
        devkit: the place of each class in the order of ILSVRC's devkit, where it has one.

    Returns:
        Description of the order -> the output of each class. The first is the assumed one.
    """
    own = np.asarray(given, dtype=np.int64)
    known = own != NONE
    orders = {
        OWN_ORDER: own,
        f"each output one later, as behind a background class {_REMEDY}": own + 1,
        f"each output one earlier {_REMEDY}": own - 1,
        f"the outputs in the order of the class ids {_REMEDY}": np.arange(len(own)),
    }
    for what, keys in (("ids", class_ids), ("names", [_bare(each) for each in class_names])):
        there, back = _permuted(own, known, keys)
        orders[f"the outputs in the sorted order of the class {what} {_REMEDY}"] = there
        orders[f"the outputs of the classes sorted by their {what} {_REMEDY}"] = back
    if devkit is not None and known.all():
        there, back = _permuted(own, known, devkit)
        orders[f"the outputs in the order of ILSVRC's devkit ids {_REMEDY}"] = there
        orders["the dataset's labels read as ILSVRC's devkit ids, not in WNID order"] = back
    unlike: dict[str, NDArray[np.int64]] = {}
    for name, each in orders.items():
        order = np.where(known, each, NONE)
        if not any(np.array_equal(order, other) for other in unlike.values()):
            unlike[name] = order
    return unlike


def _bare(name: str) -> str:
    """A name as a list sorted by names has it: without CUB's number before it."""
    return _NUMBER.sub("", name).casefold()


def _permuted(
    own: NDArray[np.int64], known: NDArray[np.bool_], keys: Sequence[str] | Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The assumed outputs, assigned to the classes in the order of their keys, and the inverse.

    With the class ids in order and outputs 0, 1, 2, ..., the first gives each class the rank of
    its key, as where the network's outputs are in the order of the keys.
    """
    places = np.flatnonzero(known).tolist()
    ranked = sorted(places, key=lambda place: keys[place])
    there, back = own.copy(), own.copy()
    there[ranked] = own[places]
    back[places] = own[ranked]
    return there, back
