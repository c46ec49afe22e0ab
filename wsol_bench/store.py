"""A run's folder: a manifest that says what the run is, and shards of records.

OUT/run.json            the resolved settings, versions, hashes, counts, seconds
OUT/records/NNNNN.parquet  one shard: a fixed range of the dataset's examples
OUT/maps/NNNNN-METHOD.npy  its maps, where they are kept

A shard is written to a temporary name and renamed, so one that is there is whole:
a Parquet file cut off in the middle cannot be read at all.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wsol_bench.errors import DataError, UsageError
from wsol_bench.records import Record
from wsol_bench.scoring import Outcomes

MANIFEST = "run.json"
SHARDS = "records"
MAPS = "maps"

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


class RunFolder:
    """The folder of one run, open for writing shards and reading them back."""

    def __init__(self, path: Path) -> None:
        """Names the folder; `begin` makes it."""
        self.path = path

    def begin(self, identity: Mapping[str, Any]) -> None:
        """Makes the folder, or sees that what it holds is this very run.

        Args:
            identity: all that decides the records, as plain JSON values.

        Raises:
            UsageError: it holds another run; names what differs.
            DataError: it cannot be written.
        """
        try:
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(
                f"--out {self.path}: cannot make the folder ({error.strerror}). "
                "Give a folder that can be written."
            ) from error
        if (self.path / MANIFEST).exists():
            self._refuse_another(identity)
        elif any((self.path / SHARDS).glob("*.parquet")):
            raise UsageError(
                f"--out {self.path}: holds records but no {MANIFEST}, so whose they are is "
                "not known. Give another folder."
            )
        else:
            self.write_manifest({"identity": dict(identity), "status": "running"})

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Replaces the manifest at once."""
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        _replace(self.path / MANIFEST, text.encode())

    def manifest(self) -> dict[str, Any]:
        """The manifest.

        Raises:
            DataError: there is none, or it is not JSON.
        """
        path = self.path / MANIFEST
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise DataError(f"{path}: not found, so {self.path} is no run's folder.") from error
        except ValueError as error:
            raise DataError(
                f"{path}: not JSON ({error}). Remove the folder and run again."
            ) from error
        if not isinstance(content, dict) or "identity" not in content:
            raise DataError(f"{path}: has no 'identity'; was it written by wsol_bench?")
        return content

    def has_shard(self, number: int) -> bool:
        """Whether a shard is written, which means written whole."""
        return self._shard(number).exists()

    def write_shard(self, number: int, records: Iterable[Record]) -> None:
        """Writes one shard and renames it into place."""
        sink = pa.BufferOutputStream()
        pq.write_table(to_table(records), sink, compression="zstd")
        _replace(self._shard(number), sink.getvalue().to_pybytes())

    def write_maps(self, number: int, method: str, maps: NDArray[np.float16]) -> None:
        """Writes one shard's maps of one method, (n, t, u, v), before its records.

        Raises:
            DataError: the file cannot be written.
        """
        buffer = BytesIO()
        np.save(buffer, maps, allow_pickle=False)
        (self.path / MAPS).mkdir(exist_ok=True)
        _replace(self._maps(number, method), buffer.getvalue())

    def read_maps(self, method: str) -> Iterator[NDArray[np.float16]]:
        """The kept maps of one method, (t, u, v) each, in the order of the records.

        Raises:
            DataError: none were kept, or a file is unreadable.
        """
        for path in sorted((self.path / SHARDS).glob("*.parquet")):
            kept = self._maps(int(path.stem), method)
            try:
                yield from np.load(kept, allow_pickle=False)
            except FileNotFoundError as error:
                raise DataError(
                    f"{kept}: no maps of {method} are kept. Run again with --keep-maps."
                ) from error
            except (ValueError, OSError, EOFError) as error:
                raise DataError(f"{kept}: not a readable array ({error}).") from error

    def read(self) -> pa.Table:
        """All records, shard after shard.

        Raises:
            DataError: there are none, or a shard is unreadable.
        """
        paths = sorted((self.path / SHARDS).glob("*.parquet"))
        if not paths:
            raise DataError(f"{self.path / SHARDS}: holds no records.")
        return pa.concat_tables([_read_shard(path) for path in paths])

    def _maps(self, number: int, method: str) -> Path:
        return self.path / MAPS / f"{number:05d}-{method}.npy"

    def _shard(self, number: int) -> Path:
        return self.path / SHARDS / f"{number:05d}.parquet"

    def _refuse_another(self, identity: Mapping[str, Any]) -> None:
        there = self.manifest()["identity"]
        names = [name for name in {**there, **identity} if there.get(name) != identity.get(name)]
        if names:
            what = "; ".join(f"{n}: {there.get(n)!r} there, {identity.get(n)!r} now" for n in names)
            raise UsageError(
                f"--out {self.path}: holds the records of another run ({what}). "
                "Give another folder, or the settings of that run."
            )


def as_plain(value: Any) -> Any:
    """The value as JSON has it, so that it equals what is read back."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def to_table(records: Iterable[Record]) -> pa.Table:
    """Records as a table of `SCHEMA`, one row each, in order."""
    rows = [
        {
            "image_id": record.image_id,
            "index": record.index,
            "method": record.method,
            "label": record.label,
            "height": record.height,
            "width": record.width,
            "classes": record.classes,
            "scores": record.scores,
            **dict(zip(("x0", "y0", "x1", "y1"), record.box.tolist(), strict=True)),
            "true_boxes": record.true_boxes.ravel(),
            "class_boxes": record.class_boxes.ravel(),
            "iou": record.iou,
            "map_state": str(record.map_state),
            "blacklisted": record.blacklisted,
        }
        for record in records
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def outcomes_of(table: pa.Table, method: str) -> Outcomes:
    """What scoring needs of one method's records."""
    part = table.filter(pa.compute.equal(table["method"], method))
    classes = part["classes"].combine_chunks().flatten().to_numpy().astype(np.int64)
    return Outcomes(
        labels=part["label"].to_numpy().astype(np.int64),
        classes=classes.reshape(len(part), len(classes) // max(len(part), 1)),
        ious=part["iou"].to_numpy(),
        blacklisted=part["blacklisted"].to_numpy(),
    )


def count_states(table: pa.Table, methods: Sequence[str]) -> dict[str, dict[str, int]]:
    """Method -> map state -> number of images."""
    counts: dict[str, dict[str, int]] = {}
    for method in methods:
        states = table.filter(pa.compute.equal(table["method"], method))["map_state"]
        counted = states.value_counts().to_pylist()
        counts[method] = {entry["values"]: entry["counts"] for entry in counted}
    return counts


def _read_shard(path: Path) -> pa.Table:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: not a readable Parquet file ({error}). Remove it and run again."
        ) from error
    if table.schema != SCHEMA:
        raise DataError(f"{path}: its columns are not those of this version; run again elsewhere.")
    return table


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror}).") from error
