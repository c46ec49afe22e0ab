"""Checks of the values of a table of records that a file holds."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wsol_bench.geometry import LONGEST_SIDE, MOST_PIXELS

_COORDINATES = 4
"""Of a box; `true_boxes` holds those of one box after the other."""


def check_values(table: pa.Table) -> None:
    """Checks that every line has all of its values.

    Raises:
        pyarrow.ArrowException: a text is not UTF-8, or a list's items are not there.
        ValueError: a value is missing, the numbers of classes differ, a box is incomplete, or
            no image can have a size.
    """
    table.validate(full=True)
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count or (pa.types.is_list(column.type) and _has_null_item(column)):
            raise ValueError(f"column {name} has lines without a value")
    if "classes" in table.column_names and len(set(_lengths(table, "classes"))) > 1:
        raise ValueError("its lines have different numbers of classes")
    if "true_boxes" in table.column_names and any(
        length % _COORDINATES for length in _lengths(table, "true_boxes")
    ):
        raise ValueError("a ground-truth box has fewer than four coordinates")
    if {"height", "width"} <= set(table.column_names):
        _check_sizes(table["height"].to_numpy(), table["width"].to_numpy())


def _check_sizes(heights: NDArray[np.int32], widths: NDArray[np.int32]) -> None:
    """Checks sizes in pixels; an unread image's is 0 x 0."""
    low, high = np.minimum(heights, widths), np.maximum(heights, widths)
    fits = (low > 0) & (high <= LONGEST_SIDE) & (heights <= MOST_PIXELS // np.maximum(widths, 1))
    possible = fits | ((low == 0) & (high == 0))
    if not possible.all():
        at = int(np.argmin(possible))
        raise ValueError(f"an image of {widths[at]} x {heights[at]} pixels is impossible")


def _has_null_item(column: pa.ChunkedArray) -> bool:
    return any(chunk.flatten().null_count for chunk in column.chunks)


def _lengths(table: pa.Table, name: str) -> list[int]:
    """The lengths that the lists of a column have, each once."""
    lengths: list[int] = pc.unique(pc.list_value_length(table[name])).to_pylist()
    return lengths
