"""What an arch, a topology of it and its preprocessing are.

The same name hides different nets: an `Arch` is the name, a `Topology` is one
net under it, with the preprocessing that its published weights were trained for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import nn

__all__ = ["Arch", "Preprocessing", "PublishedError", "Topology"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a decoded RGB image, 0..255, becomes the numbers a net was trained on.

    value = (pixel * scale - mean) / std, channel by channel, after the channels
    were put in `order`. `mean` and `std` are in that order.
    """

    size: int
    """Side of the square input, in pixels."""
    order: Literal["rgb", "bgr"]
    scale: float
    """1.0 for nets that were trained on 0..255, 1/255 for those on 0..1."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class PublishedError:
    """Classification errors in per cent that a source states for some weights."""

    top1: float
    top5: float
    source: str


@dataclass(frozen=True, slots=True)
class Topology:
    """One net under an arch's name.

    Attributes:
        build: number of classes -> the module in evaluation mode. Its parameters
            may be uninitialised; a loader overwrites every one of them.
        roles: "features" (Grad-CAM, CAM), "excitation" (MWP, c-MWP) and
            "classifier" (the last layer with weights; its input is where the
            contrast of c-MWP is taken) -> name of the layer, a submodule's
            dotted path. The first two name a layer's output.
        preprocessing: of the published weights.
        published: what `--gate` compares with, or None.
    """

    build: Callable[[int], nn.Module]
    roles: Mapping[str, str]
    preprocessing: Preprocessing
    published: PublishedError | None = None


@dataclass(frozen=True, slots=True)
class Arch:
    """A name that `--arch` takes.

    Attributes:
        name: such as "vgg16".
        title: as a paper's table writes it, such as "VGG-16".
        topologies: "torchvision", "caffe" or "demo" -> the net that such weights
            are for.
        companion: the arch that carries CAM where this one cannot, or None.
    """

    name: str
    title: str
    topologies: Mapping[str, Topology]
    companion: str | None = None
