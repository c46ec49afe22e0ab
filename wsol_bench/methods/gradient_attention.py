"""Gradient attention: attention times its gradient, accumulated at the class token.

With A_l the attention of layer l, dA_l the gradient of the class's score at it, and the mean over
heads of its positive part,

    C_l = mean_h (dA_l * A_l)^+,   R = I, then R <- R + C_l R for l = 1 ... L.

The map is the class token's row of R without the prefix tokens (class token, registers), on the
grid of the patches, and this row alone is multiplied, from C_L down. Rows are not normalised.

Source: Chefer et al., Generic Attention-model Explainability for Interpreting Bi-Modal and
Encoder-Decoder Transformers, ICCV 2021, eqs. 5 and 6: the rule without relevance propagation.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.tokens import check_class_token, class_row, class_token, times_mean
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def gradient_attention(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised.
    """
    blocks = forward.attention()  # each (n, heads, t, t)
    row = class_token(blocks[-1])
    for attention, gradient in zip(
        reversed(blocks), reversed(forward.attention_gradient(classes)), strict=True
    ):
        row = row + times_mean(row, (gradient * attention).relu_())
    return class_row(forward, row)


def _requests(layer: str) -> Requests:
    return Requests(attention=True, attention_gradient=True)


GRADIENT_ATTENTION = MapMethod(
    name="gradient_attention",
    title="Gradient attention",
    source="Chefer et al. 2021, eqs. 5-6",
    role=None,
    requests=_requests,
    maps=gradient_attention,
    check=check_class_token,
    layers=None,
)
