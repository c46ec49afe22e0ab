"""Backward rules of ReLU other than its derivative: guided backprop and the deconvnet.

With g the gradient at a ReLU's output y = max(x, 0), the gradient at its input is

    plain     g [y > 0]
    guided    max(g, 0) [y > 0]
    deconv    max(g, 0)

One recorded graph serves all three: each ReLU reads the rule when a backward pass reaches it.

Sources: Springenberg et al., Striving for Simplicity, ICLR workshop 2015, figure 1 (guided);
Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014 (deconv).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

Rule = Callable[[Tensor, Tensor], Tensor]
"""(gradient at the output, where the ReLU is active) -> gradient at the input."""

PLAIN = "plain"

RELU_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        PLAIN: lambda gradient, active: gradient * active,
        "guided": lambda gradient, active: gradient.clamp(min=0) * active,
        "deconv": lambda gradient, active: gradient.clamp(min=0),
    }
)


@dataclass(slots=True)
class RuleInForce:
    """The rule that backward passes follow now, shared by all ReLUs of one forward pass."""

    name: str = PLAIN

    @contextmanager
    def set_to(self, name: str) -> Iterator[None]:
        """Puts another rule in force while inside."""
        before, self.name = self.name, name
        try:
            yield
        finally:
            self.name = before


def ruled_relu(values: Tensor, rule: RuleInForce, ceiling: float | None = None) -> Tensor:
    """max(values, 0), cut at `ceiling` where there is one, with a backward rule to be chosen."""
    result: Tensor = _RuledReLU.apply(values, rule, ceiling)
    return result


class _RuledReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, rule: RuleInForce, ceiling: float | None) -> Tensor:
        active = values > 0 if ceiling is None else (values > 0) & (values < ceiling)
        ctx.save_for_backward(active)
        ctx.rule = rule
        return values.clamp(min=0, max=ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (active,) = ctx.saved_tensors
        return RELU_RULES[ctx.rule.name](gradients[0], active), None, None
