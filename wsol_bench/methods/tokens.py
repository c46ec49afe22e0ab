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


def class_token(attention: "Tensor") -> "Tensor":
    """The first row of the identity, (n, t), for attention (n, heads, t, t)."""
    row = attention.new_zeros(attention.shape[0], attention.shape[3])
    row[:, 0] = 1
    return row


def class_row(forward: "Forward", row: "Tensor") -> "Tensor":
    """The class token's row of a matrix, (n, t), as its cells on their grid: (n, u, v)."""
    return row[:, forward.prefix_tokens :].unflatten(1, forward.grid)


def times_mean(row: "Tensor", attention: "Tensor") -> "Tensor":
    """A row (n, t) times the mean over heads of (n, heads, t, t), which is not formed: (n, t)."""
    n, heads, tokens, _ = attention.shape
    tiled = (row / heads)[:, None].expand(n, heads, tokens).reshape(n, 1, -1)
    return (tiled @ attention.reshape(n, heads * tokens, tokens))[:, 0]
