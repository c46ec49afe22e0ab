"""Nets as Caffe writes them: a list of named layers, each with its bottoms.

A .caffemodel knows its layers by name, and so do papers (`relu5_3`,
`inception_5b/output`). A `LayeredNet` keeps those names as the names of its
submodules, and runs the list in order, so torch.fx unrolls it into one node per
layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHANNEL_STEP = 8
"""Scaled channel counts are multiples of this; every group count used divides it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One line of a net.

    Attributes:
        name: unique in its net; a slash is allowed, a dot is not.
        module: what computes it.
        bottoms: names of the layers that it reads; empty means the layer before,
            or the image for the first.
    """

    name: str
    module: nn.Module
    bottoms: tuple[str, ...] = ()


class Concat(nn.Module):
    """Joins its inputs along channels, as a layer that has a name."""

    def forward(self, *inputs: Tensor) -> Tensor:
        """(n, c1, h, w), (n, c2, h, w), ... -> (n, c1 + c2 + ..., h, w)."""
        return torch.cat(inputs, 1)


class LayeredNet(nn.Module):
    """Runs its layers in order; each is a submodule under its own name."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        for layer in layers:
            self.add_module(layer.name, layer.module)
        self.wiring = tuple((layer.name, layer.bottoms) for layer in layers)
        # Only these are kept while the net runs: keeping every output of
        # VGG-16 would cost gigabytes at batch size 32.
        self.read_later = frozenset(name for layer in layers for name in layer.bottoms)

    def forward(self, image: Tensor) -> Tensor:
        """(n, 3, height, width) -> the last layer's output, (n, classes)."""
        kept: dict[str, Tensor] = {}
        output = image
        for name, bottoms in self.wiring:
            inputs = [kept[bottom] for bottom in bottoms] or [output]
            output = getattr(self, name)(*inputs)
            if name in self.read_later:
                kept[name] = output
        return output


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
    module = nn.Conv2d(*channels, kernel, stride=stride, padding=padding, groups=groups)
    return Layer(name, module, () if bottom is None else (bottom,))


def linear(name: str, channels: tuple[int, int]) -> Layer:
    """A linear layer with biases on a flat input, `channels` = (in, out)."""
    return Layer(name, nn.Linear(*channels))


def relu(name: str) -> Layer:
    """A ReLU as a layer of its own, because papers name its output."""
    return Layer(name, nn.ReLU(inplace=False))


def max_pool(
    name: str, kernel: int, stride: int, *, padding: int = 0, bottom: str | None = None
) -> Layer:
    """Caffe's max pooling: a window that hangs over the edge counts (ceil)."""
    module = nn.MaxPool2d(kernel, stride=stride, padding=padding, ceil_mode=True)
    return Layer(name, module, () if bottom is None else (bottom,))


def average_pool(name: str, kernel: int) -> Layer:
    """Average pooling over the whole of the maps that a head of this size expects."""
    return Layer(name, nn.AvgPool2d(kernel, stride=kernel, ceil_mode=True))


def local_response_norm(name: str) -> Layer:
    """AlexNet's normalisation across 5 channels; torch's alpha equals Caffe's."""
    return Layer(name, nn.LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=1.0))


def dropout(name: str, probability: float = 0.5) -> Layer:
    """Dropout, which does nothing in evaluation mode."""
    return Layer(name, nn.Dropout(probability))


def flatten() -> Layer:
    """What Caffe's inner product does by itself; a name that no Caffe net uses."""
    return Layer("flatten", nn.Flatten())


def without_inplace(net: nn.Module) -> nn.Module:
    """Makes every ReLU and dropout of a net write to a new tensor.

    An in-place ReLU overwrites the output of the layer before it, which a method
    may have asked for.
    """
    for module in net.modules():
        if isinstance(module, nn.ReLU | nn.Dropout):
            module.inplace = False
    return net
