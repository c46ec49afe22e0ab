"""Run folders of schema 1, which are read but no longer written.

records/NNNNN.parquet  one shard: a row per image and method
maps/NNNNN-METHOD.npy  its maps, where they were kept
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import ERRORS
from wsol_bench.records.manifest import Manifest, converted
from wsol_bench.records.table import SCHEMA, UNREADABLE, decode_maps, decode_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wsol_bench.records.storage.entry import Storage

_FACTS = (
    *("status", "settings", "versions", "machines", "seconds_of_network", "seconds", "device"),
    *("weights_ignored", "missing_images", "sizes_differ", "boxes_outside", "class_names"),
    *("opening", "network_notes"),
    "result",
)


def upgraded(plain: Mapping[str, Any], path: Path) -> Manifest:
    """The manifest of today's schema from one of schema 1.

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
        """The shards that are there."""
        names = [each.removesuffix(".parquet") for each in self.storage.names("records")]
        return [int(each) for each in names if each.isdecimal()]

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
                f"{self.path / name}: not a readable Parquet file ({error})."
            ) from error
        if table is None:
            raise DataError(f"{self.path / name}: its columns are not those of schema 1.")
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
            return decode_maps(self.storage.read(path))
        except FileNotFoundError as error:
            raise DataError(f"{self.path / path}: no maps of {name} are kept.") from error
        except UNREADABLE as error:
            raise DataError(f"{self.path / path}: not a readable array ({error}).") from error
