"""Conversion of a layer's output to feature maps, (n, k, u, v), from any order of axes.

Convolutional layers give (n, k, u, v), some transformers (n, u, v, k), most (n, t, k): one row per
token, first the prefix tokens (class token, registers), then the cells row after row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from torch import Tensor

Order = Literal["channels_first", "channels_last", "tokens"]


@dataclass(frozen=True, slots=True)
class Cells:
    """The order of the axes of one layer's output.

    Attributes:
        order: "channels_first" (n, k, u, v), "channels_last" (n, u, v, k) or "tokens" (n, t, k).
        rows, columns: of the cells, u and v.
        prefix: tokens before the first cell; 0 except for tokens.
    """

    order: Order
    rows: int
    columns: int
    prefix: int = 0


def to_maps(values: Tensor, cells: Cells) -> Tensor:
    """A layer's output as (n, k, u, v); prefix tokens are left out."""
    return _TO_MAPS[cells.order](values, cells)


def _from_tokens(values: Tensor, cells: Cells) -> Tensor:
    inner = values[:, cells.prefix : cells.prefix + cells.rows * cells.columns]
    return inner.transpose(1, 2).unflatten(2, (cells.rows, cells.columns))


_TO_MAPS: Mapping[Order, Callable[[Tensor, Cells], Tensor]] = MappingProxyType(
    {
        "channels_first": lambda values, _: values,
        "channels_last": lambda values, _: values.permute(0, 3, 1, 2),
        "tokens": _from_tokens,
    }
)
