"""Checks of the values of a table of records that a file holds."""

import pyarrow as pa
import pyarrow.compute as pc

_COORDINATES = 4
"""Of a box; `true_boxes` holds those of one box after the other."""


def check_values(table: pa.Table) -> None:
    """Checks that every line has all of its values.

    Raises:
        ValueError: a value is missing, the numbers of classes differ, or a box is incomplete.
    """
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count or (pa.types.is_list(column.type) and _has_null_item(column)):
            raise ValueError(f"column {name} has lines without a value")
    if "classes" in table.column_names and len(set(_lengths(table, "classes"))) > 1:
        raise ValueError("its lines have different numbers of classes")
    if "true_boxes" in table.column_names and any(
        length % _COORDINATES for length in _lengths(table, "true_boxes")
    ):
        raise ValueError("a ground-truth box has fewer than four coordinates")


def _has_null_item(column: pa.ChunkedArray) -> bool:
    return any(chunk.flatten().null_count for chunk in column.chunks)


def _lengths(table: pa.Table, name: str) -> list[int]:
    """The lengths that the lists of a column have, each once."""
    lengths: list[int] = pc.unique(pc.list_value_length(table[name])).to_pylist()
    return lengths
