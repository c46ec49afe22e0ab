"""Files of a finished run's folder: its manifest, shards and maps, of both schemas.

The folder around the fuzzed file is whole. Its manifest notes no digests of files, so that
what lies behind them is reached too; `tests/records/test_fault_table.py` has those.
"""

import io
import json
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from math import isfinite
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_bytes import WILD_NUMBERS, any_of, odd
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))
from spoiled import HUGE_MAPS, make_run, make_schema1_run

from wsol_bench.analysis.rescore import rescore_each
from wsol_bench.errors import WsolBenchError
from wsol_bench.records.manifest import digest_of
from wsol_bench.records.opened_run import open_networks, own_protocol
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.scoring.catalog import metrics_of

FILES = {
    "run-manifest": (2, "run.json"),
    "run-examples": (2, "examples/00000001.parquet"),
    "run-row": (2, "rows/r000/00000001.parquet"),
    "run-old-manifest": (1, "run.json"),
    "run-old-shard": (1, "records/00001.parquet"),
    "run-old-maps": (1, "maps/00001-cam.npy"),
}
"""Reader -> schema, and the file that is fuzzed."""

WILD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    WILD_NUMBERS,
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["", "../../x", "r999", "alexnet", "cam", "center"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


@cache
def folder_of(schema: int) -> Path:
    """A whole folder in this process's temporary files."""
    path = Path(mkdtemp(prefix="fuzz-runs-")) / "run"
    (make_run if schema == 2 else make_schema1_run)(path)
    if schema == 2:
        RunFolder(path).update(digests={})
    return path


def content_of(name: str) -> st.SearchStrategy[bytes]:
    """The file as it was made, rewritten with odd values, or damaged."""
    schema, file = FILES[name]
    whole = (folder_of(schema) / file).read_bytes()
    made: Callable[[bytes], st.SearchStrategy[bytes]] = {
        ".json": manifests,
        ".parquet": tables,
        ".npy": arrays,
    }[Path(file).suffix]
    return any_of(st.one_of(st.just(whole), made(whole)))


@st.composite
def manifests(draw: st.DrawFn, whole: bytes) -> bytes:
    """The manifest with other values at some places, its digest right as often as not."""
    plain = json.loads(whole)
    for _ in range(draw(st.integers(1, 3))):
        inner: Any = plain
        while isinstance(inner, dict | list) and inner:
            keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
            key = draw(st.sampled_from(list(keys)))
            if not isinstance(inner[key], dict | list) or not inner[key] or odd(draw, 4):
                inner[key] = draw(WILD_VALUES)
                break
            inner = inner[key]
    if "digest" in plain and draw(st.booleans()):
        plain = {"digest": digest_of({k: v for k, v in plain.items() if k != "digest"}), **plain}
    return json.dumps(plain).encode()


@st.composite
def tables(draw: st.DrawFn, whole: bytes) -> bytes:
    """The shard with other values in a column, or lines and columns changed; its own header."""
    table = pq.read_table(io.BytesIO(whole))
    kept = table.schema.metadata
    name = draw(st.sampled_from(table.column_names))
    at = table.schema.get_field_index(name)
    kind = draw(st.sampled_from(("value", "value", "value", "drop", "lines", "type")))
    if kind == "value":
        field, values = table.schema.field(name), table[name].to_pylist()
        values[draw(st.integers(0, len(values) - 1))] = draw(_values(values[0]))
        with suppress(pa.ArrowException, OverflowError, TypeError):
            table = table.set_column(at, field, pa.array(values, field.type))
    elif kind == "drop":
        table = table.remove_column(at)
    elif kind == "lines":
        table = pa.concat_tables([table] * draw(st.integers(1, 3))) if odd(draw, 2) else table[1:]
    else:
        table = table.set_column(at, name, pa.array(["x"] * len(table)))
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(kept), sink)
    return sink.getvalue()


def _values(value: Any) -> st.SearchStrategy[Any]:
    if isinstance(value, list):
        return st.one_of(st.none(), st.lists(st.one_of(st.none(), st.floats()), max_size=9))
    if isinstance(value, str):
        known = st.sampled_from(["cam", "zero", "image02"])
        return st.one_of(st.none(), st.text(max_size=20), known)
    return st.one_of(st.none(), st.floats(), st.integers(-(2**31), 2**31 - 1), st.booleans())


@st.composite
def arrays(draw: st.DrawFn, whole: bytes) -> bytes:
    """Maps of other shapes and types, or a header that promises 365 GiB."""
    if odd(draw, 4):
        return HUGE_MAPS
    shape = draw(st.lists(st.integers(0, 7), max_size=5))
    kind = draw(st.sampled_from(("<f2", ">f2", "<f8", "<i4", "S3", "?", "<c8")))
    sink = io.BytesIO()
    np.save(sink, np.zeros(shape, kind), allow_pickle=False)
    return sink.getvalue()


def reader_of(
    name: str,
    expect: Callable[[object, str], None],
    check_message: Callable[[str, Path], None],
) -> Callable[[Path], bool]:
    """Puts the fuzzed file into its whole folder and scores the run, from its maps too."""
    schema, file = FILES[name]

    def read(path: Path) -> bool:
        folder = path.parent / f"schema{schema}"
        if not folder.exists():
            shutil.copytree(folder_of(schema), folder)
        whole = (folder_of(schema) / file).read_bytes()
        (folder / file).write_bytes(path.read_bytes())
        try:
            networks = open_networks(folder)
            own = own_protocol(networks[0])
            other = replace(own, box_rule=replace(own.box_rule, threshold=0.3))
            results = rescore_each(networks, (own, other), metrics_of(own))  # files are read once
            for row in (row for result in results for row in result.rows):
                for figure in row.figures.values():
                    value = figure.value
                    fine = value is None or (isfinite(value) and 0 <= value <= 100)
                    expect(fine, f"figure {value} of {row.method}")
        except WsolBenchError as error:
            check_message(str(error), folder)
            return True
        finally:
            (folder / file).write_bytes(whole)
        return False

    return read
