"""Archs, their topologies, and the preprocessing of their inputs.

The same name hides different networks: an `Arch` is the name, a `Topology` is one network under
it, with the preprocessing that its published weights were trained for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from wsol_bench.geometry import Crop

if TYPE_CHECKING:
    from torch import nn

NO_ROLES: Mapping[str, str] = MappingProxyType({})

__all__ = ["Arch", "Preprocessing", "PublishedError", "Topology"]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The conversion of a decoded RGB image, 0..255, to the input of a network.

    value = (pixel * scale - mean) / std, channel by channel, after the channels were put in
    `order`. `mean` and `std` are in that order.
    """

    size: int
    """Side of the square input, in pixels."""
    order: Literal["rgb", "bgr"]
    scale: float
    """1.0 for networks that were trained on 0..255, 1/255 for those on 0..1."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    crop: Crop | None = None
    """The centre crop under which the error is published, which the view `center-crop` takes;
    None for 256/224 of the side and the bilinear filter. Other views have their own geometry."""

    def changed(self, **fields: Any) -> "Preprocessing":
        """The preprocessing with other values of some fields; another side scales the crop."""
        new = replace(self, **fields)
        if new.crop is None or new.size == self.size:
            return new
        shorter = max(new.size, round(new.crop.shorter * new.size / self.size))
        return replace(new, crop=replace(new.crop, shorter=shorter))


@dataclass(frozen=True, slots=True)
class PublishedError:
    """Classification errors in per cent that a source states for some weights."""

    top1: float
    top5: float
    source: str


@dataclass(frozen=True, slots=True)
class Topology:
    """One network under an arch's name.

    Attributes:
        build: number of classes -> the module in evaluation mode.
        roles: "features" (Grad-CAM, CAM), "excitation" (MWP, c-MWP) and "classifier" (the last
            layer with weights; the contrast of c-MWP is taken at its input) -> name of the layer,
            a submodule's dotted path. The first two name a layer's output.
        preprocessing: of the published weights.
        map_sizes: role "features" or "excitation" -> channels and side of its maps, as the
            source of the network states them; a test compares them with the network.
        published: the error that `--gate` compares with, or None.
        finds_roles: whether the network is opened by `opening.open_network`, which finds the
            roles that `roles` leaves out; else it is traced as it is.
        on_meta: whether `build` works without memory for parameters; a loader then overwrites
            every one of them.
        note: a remark for the user, such as on a preprocessing that was assumed, or "".
    """

    build: Callable[[int], "nn.Module"]
    roles: Mapping[str, str]
    preprocessing: Preprocessing
    map_sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    published: PublishedError | None = None
    finds_roles: bool = False
    on_meta: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True)
class Arch:
    """A name for `--arch`, with its networks.

    Attributes:
        name: such as "vgg16" or "timm:vit_tiny_patch16_224".
        title: as a paper's table writes it, such as "VGG-16".
        topologies: "torchvision", "caffe", "demo", "timm" or "own" -> the network that such
            weights are for.
        cam_arch: the arch whose network supports CAM if this one does not, or None.
        unsupported: names of methods that its networks do not support, such as CAM without
            global average pooling; a test compares them with the methods' own checks.
        default_weights: the value of `--weights` if neither the user nor the dataset names any.
        origin: for the manifest, where code of the user's came from: path or qualified name, and
            sha256; empty for the arches of the package and of libraries.
    """

    name: str
    title: str
    topologies: Mapping[str, Topology]
    cam_arch: str | None = None
    unsupported: frozenset[str] = frozenset()
    default_weights: str = "torchvision"
    origin: Mapping[str, str] = field(default_factory=dict)
