"""Why a network classifies far worse than published: the usual suspects, each tried and measured.

The commonest faults of the field are a wrong mean and standard deviation, channels in the other
order, pixels that are not scaled, outputs shifted by a background class, and classes in another
order. Each is tried on a few dozen images, alone and together with each order of the outputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from wsol_bench.errors import UsageError
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.archs.preprocessing import (
    CAFFE_MEAN,
    TORCHVISION_MEAN,
    TORCHVISION_STD,
)
from wsol_bench.networks.forward import Network, Requests
from wsol_bench.networks.numbers import normalise

IMAGES = 64
"""How many images tell the suspects apart: the faults move errors by 20 points and more."""
_BATCH = 16
_ONES, _ZEROS, _HALVES = (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)

Images = Callable[[int], NDArray[np.uint8]]
"""Side of the input -> (n, side, side, 3) RGB, the same n images in the same order."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A preprocessing that the weights may have been trained for.

    Attributes:
        name: what it is.
        flags: how a user asks for it.
        change: the assumed preprocessing -> the suspected one.
    """

    name: str
    flags: str
    change: Callable[[Preprocessing], Preprocessing]


Channels = tuple[float, float, float]


def _rgb(scale: float, mean: Channels, std: Channels) -> Callable[[Preprocessing], Preprocessing]:
    return lambda given: Preprocessing(given.size, "rgb", scale, mean, std)


SUSPECTS: Mapping[str, Suspect] = MappingProxyType(
    {
        "given": Suspect("the preprocessing as it is", "", lambda given: given),
        "imagenet": Suspect(
            "ImageNet's mean and standard deviation",
            "--order rgb --scale 1/255 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
            _rgb(1 / 255, TORCHVISION_MEAN, TORCHVISION_STD),
        ),
        "half": Suspect(
            "mean 0.5 and standard deviation 0.5",
            "--order rgb --scale 1/255 --mean 0.5 --std 0.5",
            _rgb(1 / 255, _HALVES, _HALVES),
        ),
        "unit": Suspect(
            "pixels on 0..1 without a mean",
            "--order rgb --scale 1/255 --mean 0 --std 1",
            _rgb(1 / 255, _ZEROS, _ONES),
        ),
        "caffe": Suspect(
            "BGR on 0..255 minus Caffe's mean",
            "--order bgr --scale 1 --mean 104,117,123 --std 1",
            lambda given: Preprocessing(given.size, "bgr", 1.0, CAFFE_MEAN),
        ),
        "unscaled": Suspect(
            "RGB on 0..255, not scaled",
            "--order rgb --scale 1 --mean 0 --std 1",
            _rgb(1.0, _ZEROS, _ONES),
        ),
        "swapped": Suspect(
            "the channels in the other order",
            "--order with the other value",
            lambda given: replace(given, order="rgb" if given.order == "bgr" else "bgr"),
        ),
        "larger": Suspect(
            "a larger input", "--side with the larger value", lambda given: _scaled(given, 8 / 7)
        ),
        "smaller": Suspect(
            "a smaller input", "--side with the smaller value", lambda given: _scaled(given, 7 / 8)
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one suspicion, a preprocessing and an order of the outputs, would give.

    Attributes:
        suspect: a name of `SUSPECTS`.
        order: a name of the orders, "as they are" for the network's own.
        wrong: images whose best class is not the label.
        n: images tried.
    """

    suspect: str
    order: str
    wrong: int
    n: int

    @property
    def percent(self) -> float:
        """Top-1 error."""
        return 100 * self.wrong / self.n

    @property
    def changes(self) -> int:
        """How many things it changes; of two equally good findings the simpler is likelier."""
        return (self.suspect != "given") + (self.order != OWN_ORDER)


OWN_ORDER = "as they are"


def output_orders(
    class_ids: Sequence[str],
    class_names: Sequence[str],
    other: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, NDArray[np.int64]]:
    """Suspected orders of a network's outputs: name -> the output of each class.

    Args:
        class_ids, class_names: of the dataset; position is the class index.
        other: further orders, such as the devkit's, as the output of each class.
    """
    classes = np.arange(len(class_ids))
    by_name = np.empty_like(classes)
    names = [each.casefold() for each in class_names]
    by_name[sorted(range(len(names)), key=names.__getitem__)] = classes
    return {
        OWN_ORDER: classes,
        "shifted by one: the first output is the background": classes + 1,
        "shifted by one the other way: the first class has no output": classes - 1,
        "sorted by the classes' names": by_name,
        **{name: np.asarray(order) for name, order in (other or {}).items()},
    }


def diagnose(
    network: Network,
    given: Preprocessing,
    images: Images,
    labels: Sequence[int],
    orders: Mapping[str, NDArray[np.int64]],
) -> tuple[Finding, ...]:
    """Tries every suspicion.

    Args:
        network: on its device.
        given: the preprocessing that was assumed.
        images: of the protocol's view.
        labels: of the images.
        orders: from `output_orders`.

    Returns:
        The findings, the lowest error first; of equal ones the one that changes less.
    """
    findings = []
    truth = np.asarray(labels)
    for name, suspect in SUSPECTS.items():
        preprocessing = suspect.change(given)
        if name != "given" and preprocessing == given:
            continue
        best = _best(network, preprocessing, images(preprocessing.size))
        if best is None:
            continue
        for order, output_of in orders.items():
            wrong = int((best != output_of[truth]).sum())
            findings.append(Finding(name, order, wrong, len(truth)))
    return tuple(sorted(findings, key=lambda each: (each.wrong, each.changes)))


def explain(findings: Sequence[Finding], passes: Callable[[Finding], bool]) -> str:
    """The diagnosis in words: which suspicion would pass, with figures.

    Args:
        findings: from `diagnose`.
        passes: whether an error is near enough to the expected one.
    """
    own = next(each for each in findings if not each.changes)
    passing = [each for each in findings if each.changes and passes(each)]
    best = min(passing or findings, key=lambda each: (each.wrong, each.changes))
    measured = f"top-1 error is {own.percent:.1f} % on {own.n} images"
    if not best.changes or best.wrong >= own.wrong:
        return f"Of the usual faults none explains it: {measured}, and no other setting is better."
    suspect = SUSPECTS[best.suspect]
    parts = [f"{suspect.name} ({suspect.flags})"] if best.suspect != "given" else []
    if best.order != OWN_ORDER:
        parts.append(f"outputs {best.order} (--classes FILE gives each class its output)")
    verdict = "would pass" if passing else "is nearer, and still fails"
    return f"With {' and '.join(parts)} it is {best.percent:.1f} %, which {verdict}; {measured}."


def _best(
    network: Network, preprocessing: Preprocessing, images: NDArray[np.uint8]
) -> NDArray[np.int64] | None:
    """The best output of each image, or None where the network does not take such an input."""
    device = next(iter(network.parameters())).device
    found = []
    for start in range(0, len(images), _BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + _BATCH])).to(device)
        try:
            scores = network.forward(normalise(batch, preprocessing), Requests()).scores
        except (RuntimeError, AssertionError, UsageError, ValueError):
            return None  # a fixed input size
        found.append(scores.argmax(1).cpu().numpy())
    return np.concatenate(found)


def _scaled(given: Preprocessing, factor: float) -> Preprocessing:
    return replace(given, size=round(given.size * factor))
