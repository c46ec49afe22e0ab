"""Finished runs, opened from their folders; every reader of a run uses this module."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError, UsageError, find
from wsol_bench.geometry import Boxes, Size, Window
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.manifest import Identity, Manifest, ManifestRow
from wsol_bench.records.run_folder import MANIFEST, RunFolder
from wsol_bench.records.schema1 import ShardFilesOfSchema1, check_records
from wsol_bench.records.stated_figures import check_figures
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.catalog import metrics_of

__all__ = ["open_networks"]

UNREAD = Size(0, 0)
"""The size of an image that could not be read."""


@dataclass(frozen=True)
class NetworkRecords:
    """The records and the manifest of one network of a run.

    Attributes:
        folder: where they lie.
        manifest: the network's own.
        rows: the rows of the run's result that are this network's.
        order: the rows of all its networks, in the order of the result.
    """

    folder: RunFolder
    manifest: Manifest
    rows: tuple[dict[str, Any], ...]
    order: tuple[str, ...]

    @property
    def identity(self) -> Identity:
        """The identity of the records."""
        return self.manifest.identity

    @property
    def methods(self) -> tuple[str, ...]:
        """The rows that have records here, in the order of the result."""
        return tuple(row["method"] for row in self.rows)

    def row(self, name: str) -> ManifestRow:
        """A row of the manifest."""
        row = self.manifest.row(name)
        if row is None:
            raise DataError(
                f"{self.folder.path / MANIFEST}: has no row {name}. Put the original "
                "back, or run again into a new folder."
            )
        return row

    def has_map(self, name: str) -> bool:
        """Whether a row makes maps, and is no baseline."""
        return self.row(name).makes_map

    def title_of(self, row: Mapping[str, Any]) -> str:
        """The title of a row of the run, with its network where that is not this one."""
        title, arch = str(row["title"]), row["arch"]
        return title if arch == self.identity.arch else f"{title} ({arch})"

    @cached_property
    def table(self) -> pa.Table:
        """All records, a line per example and row; `of` reads one row only."""
        return self.folder.read()

    def of(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One row's records, in the order of the dataset.

        Args:
            name: of the row.
            columns: only these, or all.
        """
        return self.folder.row(name, columns)

    def shards(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """One row's records, shard after shard; see `of`."""
        return self.folder.shards(name, columns)


def run_folders(path: Path) -> list[Path]:
    """The folder itself, or those of the archs of one command beneath it."""
    if (path / MANIFEST).exists():
        return [path]
    return sorted(each.parent for each in path.glob(f"*/{MANIFEST}")) or [path]


def open_rows(
    paths: Sequence[Path], methods: Sequence[str] = ()
) -> list[tuple[NetworkRecords, ...]]:
    """The networks of each run beneath some folders, with the chosen rows only.

    Args:
        paths: folders of runs, or of the runs of several archs.
        methods: names of rows, each of them in at least one of the runs; default: all. A run
            without any of them is left out.

    Raises:
        UsageError: no run has such a row.
        DataError: as `open_networks`.
    """
    runs = [open_networks(folder) for path in paths for folder in run_folders(path)]
    if not methods:
        return runs
    known = dict.fromkeys(name for networks in runs for name in networks[0].order)
    of = "this run" if len(runs) == 1 else "these runs"
    for name in methods:
        find(f"method of {of}", name, known)
    chosen = [tuple(_with_rows(network, methods) for network in networks) for networks in runs]
    return [networks for networks in chosen if networks[0].order]


def _with_rows(network: NetworkRecords, methods: Sequence[str]) -> NetworkRecords:
    return replace(
        network,
        rows=tuple(row for row in network.rows if row["method"] in methods),
        order=tuple(name for name in network.order if name in methods),
    )


def open_one(path: Path) -> tuple[NetworkRecords, ...]:
    """The networks of the one run that a folder holds, for commands that take only one.

    Raises:
        UsageError: it holds the runs of several archs; names their folders.
        DataError: as `open_networks`.
    """
    folders = run_folders(path)
    if len(folders) > 1:
        names = ", ".join(str(each) for each in folders)
        raise UsageError(f"{path}: holds {len(folders)} runs. Name one of them: {names}.")
    return open_networks(folders[0])


def open_networks(path: Path) -> tuple[NetworkRecords, ...]:
    """The networks of a run: its own, and its CAM net's where it has one.

    Raises:
        DataError: no finished run lies there, its manifest is not of the form that runs
            write, or its files are not the run's own.
    """
    manifest = RunFolder(path).manifest()
    if manifest.result is None:
        raise DataError(f"{path}: the run is not finished. Give the command that began it again.")
    try:
        metrics_of(manifest.identity.protocol)
    except UsageError as error:
        raise DataError(
            f"{path / MANIFEST}: its protocol has metrics that this version of wsol_bench does not "
            f"know ({error}). Upgrade wsol_bench, or run again into a new folder."
        ) from error
    try:
        return _networks(path, manifest, manifest.result["rows"])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path / MANIFEST}: its result is not of the form that a run writes "
            f"({type(error).__name__}: {error}). Was it edited? Run again into a new folder."
        ) from error


def _networks(
    path: Path, manifest: Manifest, rows: Sequence[dict[str, Any]]
) -> tuple[NetworkRecords, ...]:
    order = tuple(str(row["method"]) for row in rows)
    missing = [row.name for row in manifest.rows if row.name not in order]
    if missing:
        raise DataError(
            f"{path}: rows were added that are not finished ({first_names(missing)}). Give the "
            "command that adds them again."
        )
    networks = []
    for arch in dict.fromkeys(str(row["arch"]) for row in rows):
        own = arch == manifest.identity.arch
        if not own and (Path(arch).name != arch or arch == ".."):
            raise DataError(
                f"{path / MANIFEST}: {arch!r:.40} is no name of an arch's folder. Put "
                "the original back, or run again into a new folder."
            )
        folder = RunFolder(path if own else path / arch)
        folder.open()
        mine = tuple(row for row in rows if row["arch"] == arch)
        its = manifest if own else folder.manifest()
        if its.schema == 1:
            check_records(ShardFilesOfSchema1(folder.path, folder.storage), its)
            check_figures(folder, its, mine)
        networks.append(NetworkRecords(folder, its, mine, order))
    return tuple(networks)


def own_protocol(network: NetworkRecords) -> Protocol:
    """The protocol that a run was made under."""
    return network.identity.protocol


def joined_maps(network: NetworkRecords, name: str) -> Iterator[NDArray[np.float32]]:
    """The kept maps of one row, joined by the run's view, in the records' order."""
    for maps in network.folder.read_maps(name):
        yield joined_map(network.identity, maps)


def joined_map(identity: Identity, maps: NDArray[np.float16]) -> NDArray[np.float32]:
    """The map of an image from those of its tensors, by the view of a run."""
    return VIEWS[identity.protocol.view].join(maps.astype(np.float32), identity.side)


def window_of(identity: Identity, size: Size) -> Window:
    """The part of an image of a size that the maps of a run show."""
    return VIEWS[identity.protocol.view].window(size, identity.side, identity.crop)


def true_boxes_of(table: pa.Table) -> Iterator[Boxes]:
    """The ground-truth boxes of each record, (m, 4)."""
    for flat in table["true_boxes"].to_pylist():
        yield np.array(flat, dtype=np.float64).reshape(-1, 4)
