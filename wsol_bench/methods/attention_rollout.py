"""Attention rollout: attention multiplied through the layers, read at the class token.

With A_l the attention of layer l, averaged over its heads, and I for the residual connection,

    R = B_L ... B_1,   B_l = (A_l + I) with rows scaled to sum 1.

The map is the class token's row of R without the prefix tokens (class token, registers), on the
grid of the patches, and this row alone is multiplied, from B_L down. No class and no gradient
enters.

Source: Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, section 3.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.tokens import check_class_token, class_row, class_token, times_mean
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def attention_rollout(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """One map per image, whatever the class.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: not read.

    Returns:
        (n, u, v) float32, >= 0, summing to at most 1.
    """
    blocks = forward.attention()  # each (n, heads, t, t)
    row = class_token(blocks[-1])
    for attention in reversed(blocks):
        scaled = row / (1 + attention.sum(dim=3).mean(dim=1))
        row = times_mean(scaled, attention) + scaled
    return class_row(forward, row)


def _requests(layer: str) -> Requests:
    return Requests(attention=True)


ATTENTION_ROLLOUT = MapMethod(
    name="attention_rollout",
    title="Attention rollout",
    source="Abnar and Zuidema 2020, section 3",
    role=None,
    requests=_requests,
    maps=attention_rollout,
    check=check_class_token,
    layers=None,
    knows_class=False,
)
