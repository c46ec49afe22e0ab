"""Run folders of schema 1, which are read but no longer written.

records/NNNNN.parquet  one shard: a row per image and method
maps/NNNNN-METHOD.npy  its maps, where they were kept
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wsol_bench.datasets.example import Example
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import ERRORS
from wsol_bench.records.manifest import Manifest, converted
from wsol_bench.records.map_files import decode_maps
from wsol_bench.records.run_files import numbers_in, reason_of
from wsol_bench.records.table import SCHEMA, UNREADABLE, decode_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from wsol_bench.records.storage.entry import Storage

_FACTS = (
    *("status", "settings", "versions", "machines", "seconds_of_network", "seconds", "device"),
    *("weights_ignored", "missing_images", "sizes_differ", "boxes_outside", "class_names"),
    *("opening", "network_notes"),
    "result",
)


def upgraded(plain: Mapping[str, Any], path: Path) -> Manifest:
    """A manifest of schema 1, converted to the current schema.

    Raises:
        DataError: a field is missing or of another type; names it.
    """
    try:
        identity = dict(plain["identity"])
        layers = dict(identity.pop("methods"))
        baselines = list(identity.pop("baselines", []))
        order = list(identity.pop("order", [*layers, *baselines]))
        sigma, options = identity.pop("sigma", 0.02), dict(identity.pop("options", {}))
        titles = {
            row["method"]: row["title"] for row in (plain.get("result") or {}).get("rows", ())
        }
        protocol = {"metrics": ERRORS, **identity["protocol"]}
        settings = dict(plain.get("settings") or {})
        rows = [
            {
                "name": name,
                "title": titles.get(name, name),
                "file": name,
                "method": name,
                "options": options.get(name, {"sigma": sigma} if name == "backprop" else {}),
                "layer": layers.get(name),
                "makes_map": name in layers,
            }
            for name in order
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: not of the form that a run writes ({type(error).__name__}: {error}). Was it "
            "edited? Run again into a new folder."
        ) from error
    content = {name: plain[name] for name in _FACTS if name in plain}
    source = {name: settings.get(name) for name in ("layout", "limit")}
    return converted(
        {
            **content,
            "identity": {**identity, "protocol": protocol},
            "rows": rows,
            "data": {"path": str(settings.get("data", identity.get("dataset"))), **source},
            "class_ids": plain.get("wnids", ()),
            "schema": 1,
        },
        path,
    )


class ShardFilesOfSchema1:
    """The finished shards of a run of schema 1."""

    def __init__(self, path: Path, storage: "Storage") -> None:
        """Names the folder.

        Args:
            path: of the run, for messages.
            storage: its files.
        """
        self.path = path
        self.storage = storage

    def numbers(self) -> list[int]:
        """The existing shards."""
        return numbers_in(self.storage.names("records"), "05d")

    def table(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The records of one shard, a row per image and method.

        Raises:
            DataError: the file is unreadable, or has other columns.
        """
        name = f"records/{number:05d}.parquet"
        try:
            table = decode_table(self.storage.read(name), SCHEMA, columns)
        except UNREADABLE as error:
            raise DataError(
                f"{self.path / name}: not readable ({reason_of(error)}). {_RUN_AGAIN}"
            ) from error
        if table is None:
            raise DataError(
                f"{self.path / name}: its columns are not those of schema 1. {_RUN_AGAIN}"
            )
        return table

    def row(self, number: int, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One row's records of a shard."""
        wanted = None if columns is None else list(dict.fromkeys([*columns, "method"]))
        table = self.table(number, wanted)
        return table.filter(pc.equal(table["method"], name))

    def maps(self, number: int, name: str) -> "NDArray[np.float16]":
        """The kept maps of one shard, (n, t, u, v).

        Raises:
            DataError: none were kept, or the file is unreadable.
        """
        path = f"maps/{number:05d}-{name}.npy"
        try:
            return decode_maps(self.storage.read(path), len(self.row(number, name, ("index",))))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.path / path}: no maps of {name} are kept. {_RUN_AGAIN}"
            ) from error
        except UNREADABLE as error:
            raise DataError(
                f"{self.path / path}: not a readable array ({reason_of(error)}). {_RUN_AGAIN}"
            ) from error


def check_records(files: ShardFilesOfSchema1, manifest: Manifest) -> None:
    """Checks that the records are those of the run's images, each once under every row.

    These folders hold no digests of files. The digest of the data, of ids, labels and boxes,
    is computed from the records instead.

    Raises:
        DataError: a shard is missing, or records are missing, doubled or of other images.
    """
    numbers, methods = files.numbers(), [row.name for row in manifest.rows]
    gaps = sorted(set(range(len(numbers))) - set(numbers))
    if gaps or not numbers:
        missing = gaps[0] if gaps else 0
        raise DataError(f"{files.path}: records/{missing:05d}.parquet is missing. {_RUN_AGAIN}")
    examples: list[Example] = []
    last = -1
    for number in numbers:
        table = files.table(number, ("image_id", "index", "label", "method", "true_boxes"))
        each = [table.filter(pc.equal(table["method"], name)) for name in methods]
        images = [own.drop_columns("method") for own in each]
        if sum(map(len, each)) != len(table) or any(own != images[0] for own in images):
            raise DataError(
                f"{files.path / f'records/{number:05d}.parquet'}: its rows are not one per image "
                f"and method. {_RUN_AGAIN}"
            )
        indices = images[0]["index"].to_pylist()
        ascends = indices == sorted(indices)  # as in any data but those in an order of a list
        if ascends and indices and indices[0] < last:
            raise DataError(
                f"{files.path / f'records/{number:05d}.parquet'}: its images come before those of "
                f"the file before it, so files were exchanged. {_RUN_AGAIN}"
            )
        last = indices[-1] if ascends and indices else -1
        examples += [_example(line) for line in images[0].to_pylist()]
    there, expected = len(examples), manifest.identity.images
    if there != expected or _digest(examples, manifest) != manifest.identity.dataset_sha256:
        count = f"{there:,} of {expected:,} images" if there != expected else "other images"
        raise DataError(
            f"{files.path}: its records are of {count}, or of other labels or boxes, than its "
            f"run.json states. {_RUN_AGAIN}"
        )


_RUN_AGAIN = (
    "The folder is of an earlier version, which cannot be continued: restore it, or run again "
    "into a new one."
)


@dataclass(frozen=True, slots=True)
class _Index:
    """The fields of a dataset that `index_sha256` reads."""

    examples: Sequence[Example]
    class_ids: Sequence[str]


def _example(line: Mapping[str, Any]) -> Example:
    boxes = np.reshape(line["true_boxes"], (-1, 4))
    return Example(line["image_id"], line["index"], line["label"], boxes, None)


def _digest(examples: Sequence[Example], manifest: Manifest) -> str:
    try:
        return index_sha256(_Index(examples, manifest.class_ids))
    except (IndexError, UnicodeEncodeError):  # a label without a class, an id that is no text
        return ""
