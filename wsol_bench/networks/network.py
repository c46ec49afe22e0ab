"""A network opened for forward passes: its layers, parameters and known properties."""

from collections.abc import Iterator, Mapping
from typing import Self

import torch
from torch import fx

from wsol_bench.errors import NotApplicable
from wsol_bench.networks import excitation
from wsol_bench.networks.cells import Cells
from wsol_bench.networks.hooked import Hooked
from wsol_bench.networks.numbers import FP32, Precision
from wsol_bench.networks.outputs import Outputs
from wsol_bench.networks.traced import Traced


class OpenNetwork:
    """An arch with weights loaded, in evaluation mode: its layers and known properties.

    Attributes:
        way: how it was opened; `Traced` or `Hooked`.
        opening: "traced" or "hooked".
        reason: why it is hooked; "" for a traced network.
        classifier: name of the last layer with weights, whose input c-MWP's contrast is taken
            at; "" where the network has none.
        precision: of its computation.
        cells: layer -> the order of its axes; a layer that is not listed gives (n, k, u, v).
        tokens: the prefix and grid of a transformer's tokens, or None.
        averaged: the layer whose pooled cells the classifier maps to the scores, as CAM needs; ""
            where there is none or that is unknown.
        outputs: the order of its outputs by the dataset's classes, or None for their own.
        has_relu: whether a ReLU is computed, None where that is unknown.
        black: a black pixel as the preprocessing gives it; set where that is known.
    """

    def __init__(
        self,
        module: torch.nn.Module | Traced | Hooked,
        classifier: str,
        precision: Precision = FP32,
        *,
        cells: Mapping[str, Cells] | None = None,
        tokens: Cells | None = None,
        has_relu: bool | None = None,
        averaged: str = "",
    ) -> None:
        """Opens a module by tracing it; `opening.open_network` chooses the way.

        Args:
            module: (n, 3, h, w) -> scores (n, C) before the softmax, or one that is open already.
            classifier: dotted path of the last layer with weights.
            precision, cells, tokens, has_relu, averaged: the attributes.

        Raises:
            UsageError: the module cannot be traced or has no such layer.
        """
        self.way = module if isinstance(module, Hooked | Traced) else Traced(module, classifier)
        self.opening = self.way.opening
        self.reason = self.way.reason
        self.classifier = classifier
        self.precision = precision
        self.cells = dict(cells or {})
        self.tokens = tokens
        self.has_relu = has_relu
        self.black: tuple[float, ...] = (0.0, 0.0, 0.0)
        self.outputs: Outputs | None = None
        self.averaged = averaged

    @property
    def traced(self) -> fx.GraphModule:
        """The graph of steps.

        Raises:
            NotApplicable: the network was opened with hooks and has none.
        """
        return self.way.graph

    def to(self, device: torch.device) -> Self:
        """Moves the parameters and lays them out for fast convolutions."""
        self.way.to(device)
        return self

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """The parameters, frozen."""
        return self.way.parameters()

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def module(self) -> torch.nn.Module:
        """The network as a plain module in evaluation mode, frozen, on the network's device."""
        return self.way.plain_module()

    def step(self, layer: str) -> fx.Node:
        """The step of the graph that gives a layer's output; `PIXELS` is the input.

        Raises:
            UsageError: there is no such layer.
            NotApplicable: the network has no graph.
        """
        return self.way.step(layer)

    def check_layer(self, layer: str) -> None:
        """Raises UsageError, listing the nearest names, where there is no such layer."""
        self.way.check_layer(layer)

    def layer(self, name: str) -> torch.nn.Module:
        """The module of a layer.

        Raises:
            UsageError: there is none, or the name is of a block that is not one module.
        """
        return self.way.module_of(name)

    def excitation_path(self, layer: str) -> excitation.Path:
        """The way of the excitation signal from the scores down to a layer.

        Raises:
            NotApplicable: the way meets an operation without a rule, or there is no graph.
        """
        return self.way.excitation_path(layer)

    def check_attention(self) -> None:
        """Raises NotApplicable where the network has no attention between all its tokens."""
        if self.tokens is None:
            raise NotApplicable(
                "needs attention between all tokens of the image; this network has none"
            )

    def check_rule(self, rule: str) -> None:
        """Raises NotApplicable where no ReLU is there for a backward rule to act on."""
        if self.has_relu is False:
            raise NotApplicable(f"the {rule} rule acts on ReLUs; this network has none")
