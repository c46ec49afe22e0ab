"""A finished run, opened from its folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import BoxRule, Protocol, Sweep
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.run_folder import MANIFEST, RunFolder

__all__ = ["open_parts"]

UNREAD = Size(0, 0)
"""Of an image that could not be read."""


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one network, and what its manifest says of them.

    Attributes:
        folder: where they lie.
        identity: what decided them.
        rows: the rows of the run's own result that are this network's.
        order: the methods of all its networks, in the order of the result.
        table: the records.
    """

    folder: RunFolder
    identity: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    order: tuple[str, ...]
    table: pa.Table

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have records here, in the order of the result's rows."""
        return tuple(row["method"] for row in self.rows)

    def has_map(self, method: str) -> bool:
        """Whether a method makes maps, and is no baseline."""
        return method in self.identity["methods"]

    def of(self, method: str) -> pa.Table:
        """One method's records, in the order of the dataset."""
        return self.table.filter(pc.equal(self.table["method"], method))


def open_parts(path: Path) -> tuple[Part, ...]:
    """The networks of a run: its own, and its CAM net's where it has one.

    Raises:
        DataError: no finished run lies there, or its manifest is not of the form that runs write.
    """
    manifest = RunFolder(path).manifest()
    if manifest.get("result") is None:
        raise DataError(f"{path}: the run is not finished. Give the command that began it again.")
    try:
        return _parts(path, manifest)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path / MANIFEST}: its result is not of the form that a run writes "
            f"({type(error).__name__}: {error}). Was it edited? Run again into a new folder."
        ) from error


def _parts(path: Path, manifest: dict[str, Any]) -> tuple[Part, ...]:
    result = manifest["result"]
    order = tuple(row["method"] for row in result["rows"])
    parts = []
    for arch in dict.fromkeys(row["arch"] for row in result["rows"]):
        own = arch == manifest["identity"]["arch"]
        folder = RunFolder(path if own else path / arch)
        identity = folder.manifest()["identity"]
        rows = tuple(row for row in result["rows"] if row["arch"] == arch)
        parts.append(Part(folder, identity, rows, order, folder.read()))
    return tuple(parts)


def own_protocol(part: Part) -> Protocol:
    """The protocol that a run was made under."""
    stored = dict(part.identity["protocol"])
    sweep = stored.pop("sweep")
    if sweep:
        sweep = Sweep(**{**sweep, "ious": tuple(sweep["ious"])})
    rule = BoxRule(**stored.pop("box_rule"))
    return Protocol(**stored, box_rule=rule, sweep=sweep)


def joined_maps(part: Part, method: str) -> Iterator[NDArray[np.float32]]:
    """The kept maps of one method, joined by the run's view, in the records' order."""
    view = VIEWS[part.identity["protocol"]["view"]]
    side = part.identity["preprocessing"]["size"]
    for maps in part.folder.read_maps(method):
        yield view.join(maps.astype(np.float32), side)


def boxes_of(table: pa.Table) -> Boxes:
    """The drawn boxes of some records, (n, 4)."""
    return np.stack([table[name].to_numpy() for name in ("x0", "y0", "x1", "y1")], axis=1)


def true_boxes_of(table: pa.Table) -> Iterator[Boxes]:
    """The true boxes of each record, (m, 4)."""
    for flat in table["true_boxes"].to_pylist():
        yield np.array(flat, dtype=np.float64).reshape(-1, 4)
