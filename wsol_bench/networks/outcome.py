"""The values that a forward pass keeps, of a traced or a hooked network."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from wsol_bench.networks import rules


@dataclass(frozen=True, slots=True)
class Outcome:
    """The values that were requested of one pass over n tensors.

    Attributes:
        scores: (n, C), with a graph where a gradient was requested.
        layers: layer, or `PIXELS` -> its output as the layer gives it, on that graph.
        attention: of each block, (n, heads, t, t), on that graph; empty where not requested.
        excitation: what the excitation rules read, or None for a hooked network.
    """

    scores: Tensor
    layers: Mapping[str, Tensor]
    attention: tuple[Tensor, ...] = ()
    excitation: rules.Pass | None = field(default=None)
