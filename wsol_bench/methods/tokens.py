"""Common code of methods that read a transformer's attention: the class token's row as a map."""

from typing import TYPE_CHECKING

from wsol_bench.errors import NotApplicable

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network


def check_class_token(network: "Network", layer: str) -> None:
    """Checks that the network has attention between all its tokens, and a class token.

    Raises:
        NotApplicable: it has not.
    """
    network.check_attention()
    if network.tokens is None or network.tokens.prefix == 0:
        raise NotApplicable("needs a class token, whose attention is read; this network has none")


def class_row(forward: "Forward", relevance: "Tensor") -> "Tensor":
    """The class token's row of (n, t, t), its cells on their grid: (n, u, v)."""
    return relevance[:, 0, forward.prefix_tokens :].unflatten(1, forward.grid)
