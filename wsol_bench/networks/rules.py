"""The rules by which an operation propagates an excitation signal to its inputs.

With inputs x >= 0, weights w and w+ = max(w, 0), no bias, a unit i propagates its
signal p_i to its inputs in the shares

    x_j w+_ij / sum_k x_k w+_ik,    and nothing where that sum is 0.

For an operation f that is linear with weights >= 0, averages included, this is one
formula with f's transpose: p_in = x * fT(p_out / f(x)). The normaliser f(x) does
not depend on the signal: a pass computes it once and all its signals share it.
Signals travel stacked, (s, n, k, u, v), over n images.

A sum of branches x + y, as in a residual network, propagates x / (x + y) of its signal to x. The
branches keep their signs, so a share may be below 0 or above 1: the paper states no rule, and this
is that of both reference codes (Caffe's and TorchRay's).

Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016,
section 3.2, eq. 3, and section 3.3 for max pooling and normalisation layers.
"""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from wsol_bench.networks import graph
from wsol_bench.networks.graph import Step
from wsol_bench.networks.numbers import widened
from wsol_bench.networks.stem import gradient_at_input

PositiveWeights = dict[tuple[nn.Module, int], Tensor]
"""(layer, sign) -> max(sign * weight, 0); belongs to a network."""

_MIN_NORMALISER = 1e-30
"""A sum of excitations below this counts as 0: dividing by it could overflow."""


@dataclass(frozen=True, slots=True)
class Pass:
    """The values that the rules read during one forward pass.

    Attributes:
        traced: the network's graph.
        values: step -> its output, (n, k, u, v), at least where a rule reads it.
        weights: the network's cache.
        normalisers: (step, sign) -> the divisor of signals: f(x), and infinity where it is
            0; filled here, shared by all signals.
    """

    traced: fx.GraphModule
    values: Mapping[Step, Tensor]
    weights: PositiveWeights
    normalisers: dict[tuple[Step, int], Tensor] = field(default_factory=dict)

    def input_of(self, step: Step) -> Tensor:
        """The value of a step's first input, without a graph, float32 at least."""
        return widened(self.values[step.all_input_nodes[0]].detach())


Rule = Callable[[Pass, Step, Tensor], list[Tensor]]
"""(pass, step, signals at its output) -> signals at each of its inputs."""


def by_weights(state: Pass, step: Step, signals: Tensor, sign: int = 1) -> list[Tensor]:
    """Convolution and linear layers: by shares of x w+; `sign` -1 takes w- instead."""
    layer = graph.layer_of(state.traced, step)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    weight = state.weights.get((layer, sign))
    if weight is None:
        weight = state.weights[layer, sign] = (sign * layer.weight).clamp(min=0)
    x = state.input_of(step)
    if (step, sign) not in state.normalisers:
        normaliser = _weigh(layer, x, weight)
        if x.device.type != "cpu":
            normaliser = without_noise(layer, normaliser, x, weight)
        state.normalisers[step, sign] = _divisor(normaliser)
    ratio = signals / state.normalisers[step, sign]
    handed = _unweigh(layer, ratio.flatten(0, 1), weight, x)
    return [handed.view(signals.shape[:2] + handed.shape[1:]).mul_(x)]


def without_noise(
    layer: nn.Conv2d | nn.Linear, normaliser: Tensor, x: Tensor, weight: Tensor
) -> Tensor:
    """A sum of excitations with exact zeros where no input is excited.

    A GPU may convolve by a transform, which leaves about 1e-8 where every input is 0,
    and dividing by that would propagate noise. Counting the inputs that excite a unit is
    safe from it: a count is a whole number.
    """
    exciting = _weigh(layer, (x > 0).to(x.dtype), (weight > 0).to(weight.dtype))
    return torch.where(exciting > 0.5, normaliser, 0.0)


def by_averages(state: Pass, step: Step, signals: Tensor) -> list[Tensor]:
    """Average pooling: by the shares x / sum x of each window."""
    x = state.input_of(step)
    average, transpose = _transposed(state, step, x)
    return [_each(transpose, signals / _divisor(average)).mul_(x)]


def to_winner(state: Pass, step: Step, signals: Tensor) -> list[Tensor]:
    """Max pooling: all of the signal to the maximum input of each window."""
    _, transpose = _transposed(state, step, state.input_of(step))
    return [_each(transpose, signals)]


def unchanged(state: Pass, step: Step, signals: Tensor) -> list[Tensor]:
    """ReLU, LRN and dropout pass the signal on; flattening only reshapes it."""
    return [signals.reshape(signals.shape[:1] + state.input_of(step).shape)]


def by_channels(state: Pass, step: Step, signals: Tensor) -> list[Tensor]:
    """Concatenation: each branch gets back its own channels."""
    widths = [state.values[source].shape[1] for source in step.all_input_nodes]
    return list(signals.split(widths, dim=2))


def by_sum(state: Pass, step: Step, signals: Tensor) -> list[Tensor]:
    """A sum of two branches: x / (x + y) to each, nothing where the sum is 0."""
    branches = [widened(state.values[source].detach()) for source in step.all_input_nodes]
    if len(branches) == 1:  # x + x
        return [signals]
    total = branches[0] + branches[1]
    ratio = (signals / F.hardshrink(total, _MIN_NORMALISER)).nan_to_num_(0.0, 0.0, 0.0)
    return [ratio * branch for branch in branches]


RULES: Mapping[object, Rule] = MappingProxyType(
    {
        nn.Conv2d: by_weights,
        nn.Linear: by_weights,
        nn.AvgPool2d: by_averages,
        nn.AdaptiveAvgPool2d: by_averages,
        F.adaptive_avg_pool2d: by_averages,
        nn.MaxPool2d: to_winner,
        F.max_pool2d: to_winner,
        nn.ReLU: unchanged,
        F.relu: unchanged,
        torch.relu: unchanged,
        "relu": unchanged,
        nn.LocalResponseNorm: unchanged,
        nn.Dropout: unchanged,
        F.dropout: unchanged,
        nn.Identity: unchanged,
        nn.Flatten: unchanged,
        torch.flatten: unchanged,
        torch.cat: by_channels,
        operator.add: by_sum,
        torch.add: by_sum,
    }
)
"""A layer's class, a function, or the name of a tensor's method -> its rule."""


def find_rule(traced: fx.GraphModule, step: Step) -> Rule | None:
    """The rule of a step's operation, or None where it has none."""
    layer = graph.layer_of(traced, step)
    if layer is None:
        return RULES.get(step.target)
    return RULES.get(graph.kind_of(layer))


def _transposed(state: Pass, step: Step, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """A pooling step's output at x, and its transpose there."""
    call = graph.callable_of(state.traced, step)
    with torch.enable_grad():
        x = x.requires_grad_()
        output = call(x, *step.args[1:], **step.kwargs)

    # Node by node: torch.autograd.grad takes no signal without an import of half a second.
    nodes = list(_nodes(output))

    def transpose(signal: Tensor) -> Tensor:
        for node in nodes:
            signal = node(signal)
        return signal

    return output.detach(), transpose


def _nodes(output: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
    """The transposes of the operations from a pooling's output back to its input, a chain."""
    node: Any = output.grad_fn
    while node.next_functions:
        yield node
        ((node, _),) = node.next_functions


def _each(transpose: Callable[[Tensor], Tensor], signals: Tensor) -> Tensor:
    if len(signals) == 1:  # a stack of one would be a copy
        return transpose(signals[0])[None]
    return torch.stack([transpose(signal) for signal in signals])


def _divisor(normaliser: Tensor) -> Tensor:
    """Infinity where a sum of excitations counts as 0: a quotient by it becomes 0.

    A tenth of the time of `torch.where`, which goes element by element in channels_last.
    """
    return F.threshold(normaliser, _MIN_NORMALISER, math.inf)


def _weigh(layer: nn.Conv2d | nn.Linear, x: Tensor, weight: Tensor) -> Tensor:
    if isinstance(layer, nn.Linear):
        return F.linear(x, weight)
    return F.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation, layer.groups)


def _unweigh(layer: nn.Conv2d | nn.Linear, ratio: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    if isinstance(layer, nn.Linear):
        return ratio @ weight
    return gradient_at_input(layer, weight, (ratio.shape[0], *x.shape[1:]), ratio)
