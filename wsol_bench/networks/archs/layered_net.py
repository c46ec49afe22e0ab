"""The module of a list of layers.

A `LayeredNet` keeps the layers' names as the names of its submodules, and runs the list in
order, so torch.fx unrolls it into one node per layer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from wsol_bench.networks.archs.layer import Layer


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
            self.add_module(layer.name, layer.build())
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
