"""The values that methods request of a forward pass, stated before it runs.

A pass keeps only the requested values and records an autograd graph only above the lowest
requested gradient, so a method that needs the features of the last block pays for no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

PIXELS = "pixels"
"""Stands in place of a layer's name for the network's input tensor."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The values that will be read from a forward pass, by layer name.

    Attributes:
        features: layers whose output is read.
        gradients: layers, or `PIXELS`, at which the gradient of a class's score is read.
        ruled_gradients: (layer, rule) pairs whose gradient is read under another backward rule
            of ReLU, a name of `relu_rules.RELU_RULES`, such as `(PIXELS, "guided")`.
        excitations: (layer, contrastive) pairs whose excitation signal is read.
        attention: whether the attention of each block is read. Fused attention is computed in
            separate steps for this pass.
        attention_gradient: whether the gradient at each block's attention is read.
    """

    features: frozenset[str] = frozenset()
    gradients: frozenset[str] = frozenset()
    ruled_gradients: frozenset[tuple[str, str]] = frozenset()
    excitations: frozenset[tuple[str, bool]] = frozenset()
    attention: bool = False
    attention_gradient: bool = False

    @classmethod
    def merge(cls, many: Iterable["Requests"]) -> "Requests":
        """Everything that any of them requests."""
        merged = list(many)
        values: dict[str, frozenset[object] | bool] = {}
        for each in fields(cls):
            parts = [getattr(requests, each.name) for requests in merged]
            values[each.name] = any(parts) if isinstance(each.default, bool) else _union(parts)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def graph_starts(self) -> frozenset[str]:
        """Layers, or `PIXELS`, at which a gradient of any kind is read."""
        return self.gradients | {layer for layer, _ in self.ruled_gradients}

    @property
    def wants_attention(self) -> bool:
        """Whether attention or its gradient is read."""
        return self.attention or self.attention_gradient


def _union(parts: list[frozenset[object]]) -> frozenset[object]:
    return frozenset().union(*parts)
