"""Nets as Caffe writes them: a list of named layers, each with its bottoms.

A .caffemodel identifies its layers by name, as papers do (`relu5_3`,
`inception_5b/output`). The list is data: torch is imported when a net is built from it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from wsol_bench.networks.archs.layer import Layer

if TYPE_CHECKING:
    from torch import nn

    from wsol_bench.networks.archs.layered_net import LayeredNet

CHANNEL_STEP = 8
"""Scaled channel counts are multiples of this; every group count used divides it."""


def layered_net(layers: Sequence[Layer]) -> "LayeredNet":
    """The net that runs these layers in order, in evaluation mode."""
    from wsol_bench.networks.archs.layered_net import LayeredNet  # imports torch

    return LayeredNet(layers).eval()


def module(kind: str, *arguments: Any, **options: Any) -> "Callable[[], nn.Module]":
    """A function that makes an `nn.<kind>` with these arguments."""

    def build() -> "nn.Module":
        from torch import nn

        made: nn.Module = getattr(nn, kind)(*arguments, **options)
        return made

    return build


def scaled(channels: int, width: float) -> int:
    """A channel count at `width`: the nearest multiple of 8, halves up, and at least 8.

    At width 1 the count itself, whatever it is.
    """
    if width == 1.0:
        return channels
    return max(CHANNEL_STEP, int(channels * width / CHANNEL_STEP + 0.5) * CHANNEL_STEP)


def convolution(
    name: str,
    channels: tuple[int, int],
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    bottom: str | None = None,
) -> Layer:
    """A square convolution with biases, `channels` = (in, out)."""
    build = module("Conv2d", *channels, kernel, stride=stride, padding=padding, groups=groups)
    return Layer(name, build, () if bottom is None else (bottom,))


def linear(name: str, channels: tuple[int, int]) -> Layer:
    """A linear layer with biases on a flat input, `channels` = (in, out)."""
    return Layer(name, module("Linear", *channels))


def relu(name: str) -> Layer:
    """A ReLU as a layer of its own, because papers name its output."""
    return Layer(name, module("ReLU", inplace=False))


def max_pool(
    name: str, kernel: int, stride: int, *, padding: int = 0, bottom: str | None = None
) -> Layer:
    """Caffe's max pooling: a window that hangs over the edge counts (ceil)."""
    build = module("MaxPool2d", kernel, stride=stride, padding=padding, ceil_mode=True)
    return Layer(name, build, () if bottom is None else (bottom,))


def average_pool(name: str, kernel: int) -> Layer:
    """Average pooling over the whole of the maps that a head of this size expects."""
    return Layer(name, module("AvgPool2d", kernel, stride=kernel, ceil_mode=True))


def local_response_norm(name: str) -> Layer:
    """AlexNet's normalisation across 5 channels; torch's alpha equals Caffe's."""
    return Layer(name, module("LocalResponseNorm", size=5, alpha=1e-4, beta=0.75, k=1.0))


def dropout(name: str, probability: float = 0.5) -> Layer:
    """Dropout, which does nothing in evaluation mode."""
    return Layer(name, module("Dropout", probability))


def flatten() -> Layer:
    """Flattening, which Caffe's inner product includes; a name that no Caffe net uses."""
    return Layer("flatten", module("Flatten"))


def concat(name: str, bottoms: Sequence[str]) -> Layer:
    """Joins the outputs of `bottoms` along channels."""

    def build() -> "nn.Module":
        from wsol_bench.networks.archs.layered_net import Concat  # imports torch

        return Concat()

    return Layer(name, build, tuple(bottoms))
