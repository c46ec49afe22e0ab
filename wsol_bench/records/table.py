"""Records as a table of columns, and back; a shard's files as bytes, and back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wsol_bench.boxes.map_state import MapState
from wsol_bench.geometry import Boxes
from wsol_bench.records.record import Record
from wsol_bench.records.table_checks import check_values
from wsol_bench.scoring.catalog import COLUMNS
from wsol_bench.scoring.row_data import RowData

SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("index", pa.int32()),
        ("method", pa.string()),
        ("label", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("classes", pa.list_(pa.int32())),
        ("scores", pa.list_(pa.float32())),
        ("x0", pa.float64()),
        ("y0", pa.float64()),
        ("x1", pa.float64()),
        ("y1", pa.float64()),
        ("true_boxes", pa.list_(pa.float64())),  # 4 m numbers, box after box
        ("class_boxes", pa.list_(pa.float64())),  # 4 k numbers, or none
        ("iou", pa.float64()),
        ("map_state", pa.string()),
        ("blacklisted", pa.bool_()),
    ]
)

UNREADABLE = (pa.ArrowException, OSError, EOFError, ValueError, KeyError)
"""The exceptions that decoding damaged bytes raises; they are in memory, so no disk is at fault."""

Maps = Mapping[str, NDArray[np.float16]]
"""Row -> (n, t, u, v) half floats; empty where none are kept."""


def with_columns(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """A schema followed by columns that metrics read; see `scoring.image_columns`.

    Args:
        schema: `SCHEMA` or `ROW_SCHEMA`.
        names: of columns in `scoring.catalog.COLUMNS`.
    """
    for name in names:
        column = COLUMNS[name]
        number = pa.from_numpy_dtype(np.dtype(column.dtype))
        schema = schema.append(pa.field(name, pa.list_(number) if column.width else number))
    return schema


def to_table(records: Iterable[Record], columns: Sequence[str] = ()) -> pa.Table:
    """Records as a table of `SCHEMA`, one row each, in order.

    Args:
        records: each with the same columns.
        columns: the names of these columns, which follow those of `SCHEMA`.
    """
    each = list(records)
    schema = with_columns(SCHEMA, columns)
    boxes = np.array([record.box for record in each]).reshape(-1, 4)
    made: dict[str, Any] = {
        "map_state": [str(record.map_state) for record in each],
        **dict(zip(("x0", "y0", "x1", "y1"), boxes.T, strict=True)),
        **{name: [record.columns[name] for record in each] for name in columns},
    }
    arrays = []
    for column in schema:
        values = made.get(column.name)
        if values is None:
            values = [getattr(record, column.name) for record in each]
        is_list = pa.types.is_list(column.type)
        arrays.append(_lists(values, column.type) if is_list else pa.array(values, column.type))
    return pa.Table.from_arrays(arrays, schema=schema)


def unreadable_in(table: pa.Table) -> tuple[str, ...]:
    """The ids of the images that could not be read, in the records' order, each once."""
    odd = table.filter(pc.equal(table["map_state"], str(MapState.UNREADABLE)))
    return tuple(dict.fromkeys(odd["image_id"].to_pylist()))


def localized_in(table: pa.Table) -> int:
    """The number of images that localization counts: all but the blacklist's."""
    each = table.filter(pc.equal(table["method"], table["method"][0])) if len(table) else table
    return len(each) - int(pc.sum(each["blacklisted"]).as_py() or 0)


def _lists(values: Sequence[NDArray[Any]], kind: pa.ListType) -> pa.ListArray:
    """Arrays, flattened, as a column of lists: thirty times as fast as one by one."""
    offsets = np.concatenate([[0], np.cumsum([value.size for value in values], dtype=np.int32)])
    flat = np.concatenate([value.ravel() for value in values]) if values else np.zeros(0)
    items = pa.array(flat, kind.value_type, from_pandas=False)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, type=kind)


def boxes_of(table: pa.Table) -> Boxes:
    """The predicted boxes of some records, (n, 4)."""
    return np.stack([table[name].to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)


def outcomes_of(table: pa.Table, method: str) -> RowData:
    """The data of one method's records that metrics read, without its maps."""
    part = table.filter(pc.equal(table["method"], method))
    classes = part["classes"].combine_chunks().flatten().to_numpy().astype(np.int64)
    flat = part["true_boxes"].combine_chunks().flatten().to_numpy()
    sides = [part[name].to_numpy() for name in ("height", "width")]
    return RowData(
        labels=part["label"].to_numpy().astype(np.int64),
        classes=classes.reshape(len(part), len(classes) // max(len(part), 1)),
        ious=part["iou"].to_numpy(),
        blacklisted=part["blacklisted"].to_numpy(),
        image_ids=np.array(part["image_id"].to_pylist(), dtype=np.str_),
        boxes=boxes_of(part),
        true_boxes=flat.astype(np.float64).reshape(-1, 4),  # (t, 4)
        box_counts=pc.list_value_length(part["true_boxes"]).to_numpy().astype(np.int64) // 4,
        sizes=np.stack(sides, axis=1).astype(np.int64),  # (n, 2)
    )


def count_states(table: pa.Table, method: str) -> dict[str, int]:
    """Map state -> number of images, of one method's records."""
    states = table.filter(pc.equal(table["method"], method))["map_state"]
    return {entry["values"]: entry["counts"] for entry in states.value_counts().to_pylist()}


def columns_in(table: pa.Table) -> tuple[str, ...]:
    """The names of a table's columns beyond those of `SCHEMA`."""
    return tuple(name for name in table.column_names if name in COLUMNS)


def column_in(table: pa.Table, name: str) -> NDArray[Any]:
    """One kept column, (n,) or (n, width)."""
    column, values = COLUMNS[name], table[name].combine_chunks()
    if not column.width:
        return np.asarray(values.to_numpy(zero_copy_only=False), column.dtype)
    return np.asarray(values.flatten().to_numpy(), column.dtype).reshape(-1, column.width)


SCORED = tuple(name for name in SCHEMA.names if name not in ("index", "scores", "class_boxes"))
"""The columns that metrics read; the rest stays on the disk."""

EXAMPLES: tuple[str, ...] = (
    *("image_id", "index", "label", "height", "width", "classes", "scores"),
    *("true_boxes", "blacklisted"),
)
"""The columns of an example, which all rows of a run share; the others are a row's own."""
ROW = tuple(name for name in SCHEMA.names if name not in (*EXAMPLES, "method"))
EXAMPLE_SCHEMA = pa.schema([SCHEMA.field(name) for name in EXAMPLES])
ROW_SCHEMA = pa.schema([SCHEMA.field(name) for name in ROW])


def examples_in(table: pa.Table, row: str) -> pa.Table:
    """The examples of a table of `SCHEMA`, each once, taken from one row's records."""
    return table.filter(pc.equal(table["method"], row)).select(EXAMPLES)


def row_in(table: pa.Table, row: str) -> pa.Table:
    """A row's own columns of a table of `SCHEMA`, in the order of the examples."""
    return table.filter(pc.equal(table["method"], row)).select([*ROW, *columns_in(table)])


def joined(examples: pa.Table, rows: Mapping[str, pa.Table], columns: Sequence[str]) -> pa.Table:
    """A table with a line per example and row, example after example.

    Args:
        examples: n examples, with those of `columns` that are theirs.
        rows: row -> its own columns, n lines in the examples' order.
        columns: of `SCHEMA`, in the order wanted.
    """
    each = []
    for name, own in rows.items():
        method = pa.repeat(pa.scalar(name, SCHEMA.field("method").type), len(own))
        found = {"method": method, **_columns(examples), **_columns(own)}
        each.append(pa.table({column: found[column] for column in columns}))
    n, m = len(next(iter(rows.values()))), len(rows)
    order = np.arange(n * m).reshape(m, n).T.ravel()
    return pa.concat_tables(each).take(pa.array(order)) if m > 1 else each[0]


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def encode_table(table: pa.Table, facts: Mapping[str, str | int | None] | None = None) -> bytes:
    """A Parquet file with checksums; the same bytes however the rows are cut into chunks.

    Args:
        table: what it holds.
        facts: of the file, kept in its header.
    """
    kept = None if facts is None else {FACTS: json.dumps(facts)}
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks().replace_schema_metadata(kept),
        sink,
        compression="zstd",
        write_page_checksum=True,
    )
    return bytes(sink.getvalue().to_pybytes())


FACTS = "wsol_bench"
"""Key of a file's facts in its header."""


def decode_table(
    content: bytes, schema: pa.Schema, columns: Sequence[str] | None = None
) -> pa.Table | None:
    """The table of a Parquet file, or None where its columns are not the schema's.

    Args:
        content: of the file.
        schema: what it must have.
        columns: only these, or all.

    Raises:
        ValueError: a line lacks a value.
    """
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    if not file.schema_arrow.remove_metadata().equals(schema):
        return None
    table = file.read(columns=None if columns is None else list(columns))
    check_values(table)
    return table.replace_schema_metadata(None)


def decode_facts(content: bytes) -> tuple[dict[str, Any], int]:
    """A Parquet file's facts, and how many lines its header promises; nothing else is read."""
    metadata = pq.read_metadata(pa.BufferReader(content))
    kept = (metadata.metadata or {}).get(FACTS.encode(), b"{}")
    facts = json.loads(kept)
    return facts if isinstance(facts, dict) else {}, metadata.num_rows


def remade(table: pa.Table) -> pa.Table:
    """The table as it was before it was written.

    Read from a file, columns have masks of missing values that a fresh one has not, and
    `encode_table` would give other bytes.
    """
    schema = with_columns(SCHEMA, columns_in(table))
    return pa.table([column.to_pylist() for column in table.columns], schema=schema)
