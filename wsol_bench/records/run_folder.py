"""A run's folder: a manifest that describes the run, and shards of records.

OUT/run.json   the typed manifest: see `manifest`
OUT/examples/  a file per shard: ids, labels, boxes, classes and scores
OUT/rows/      a folder per row, a file per shard: see `shard_files`
OUT/maps/      likewise, where maps are kept
OUT/parts/     partial shards of an interrupted run: see `partial_shards`
OUT/leases/    which shards are being made, and by which process
OUT/locks/     which process is changing the manifest; empty but for that moment

A file that exists is complete: see `storage`. The folder may lie on a disk or in any file
system that pyarrow knows. Folders of schema 1 are read: see `schema1`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError, UsageError
from wsol_bench.records.command import remedy_of
from wsol_bench.records.manifest import Manifest, ManifestRow
from wsol_bench.records.manifest_file import decode_manifest, encode_manifest
from wsol_bench.records.partial_shards import PARTS
from wsol_bench.records.schema1 import ShardFilesOfSchema1
from wsol_bench.records.shard_files import EXAMPLE_FOLDER, MAPS, ROWS, ShardFiles
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.lock import LOCKS, locked
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import SCHEMA, column_in

MANIFEST = "run.json"
LEASES = "leases"


class RunFolder:
    """The folder of one network's run, open for writing shards and reading them back."""

    def __init__(self, path: Path) -> None:
        """Refers to the folder; `begin` creates it.

        Args:
            path: a folder, or a URI as `storage.locate` describes.

        Raises:
            UsageError: the URI cannot be opened.
        """
        self.path = path
        self.storage = storage_of(path)

    def begin(self, manifest: Manifest) -> Manifest:
        """Makes the folder, or adds rows to the same run that it holds.

        Args:
            manifest: of the requested run; the files of its rows need no names.

        Returns:
            The manifest with all rows, those that were there before included.

        Raises:
            UsageError: it holds another run; names what differs.
            DataError: it cannot be written.
        """
        try:
            self.storage.make(EXAMPLE_FOLDER)
        except OSError as error:
            raise DataError(
                f"--out {self.path}: cannot make the folder ({error.strerror or error}). "
                "Give a folder that can be written."
            ) from error
        with suppress(OSError):  # what cannot be cleaned does no harm
            for folder in ("", EXAMPLE_FOLDER, ROWS, MAPS, PARTS, LEASES, LOCKS):
                self.storage.clean(folder)
        if self.exists():
            there = self.manifest()
            self._refuse_another(there, manifest)
            if all(there.row(row.name) for row in manifest.rows):
                return there  # without writing: a finished run may lie read-only
        return self._change(lambda there: self._with_rows(there, manifest))

    def update(self, **changes: Any) -> Manifest:
        """Replaces fields of the manifest.

        Raises:
            DataError: it cannot be read or written.
        """
        return self.rewrite(lambda there: replace(there, **changes))

    def rewrite(self, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Reads the manifest, changes it and writes it back; no other process does meanwhile.

        Args:
            change: gives the new manifest from the one that is there.

        Raises:
            DataError: it cannot be read or written.
        """
        return self._change(lambda there: change(there or self.manifest()))

    def _change(self, change: Callable[[Manifest | None], Manifest]) -> Manifest:
        with writing(self.path / MANIFEST), locked(self.storage, MANIFEST):
            before = self.manifest() if self.exists() else None
            after = change(before)
            if after != before:
                self.storage.write(MANIFEST, encode_manifest(after))
        return after

    def _with_rows(self, there: Manifest | None, asked: Manifest) -> Manifest:
        """The manifest of the folder, if it has one, with the rows that are requested now."""
        if there is None and self.has_records():
            raise UsageError(
                f"--out {self.path}: holds records but no {MANIFEST}, so their run is "
                "not known. Give another folder."
            )
        if there is not None:
            self._refuse_another(there, asked)
        rows = there.rows if there else ()
        new = [row for row in asked.rows if there is None or there.row(row.name) is None]
        added = tuple(replace(row, file=f"r{i:03d}") for i, row in enumerate(new, len(rows)))
        status = "running" if new or there is None else there.status
        return replace(there or asked, rows=(*rows, *added), status=status)

    def exists(self) -> bool:
        """Whether there is a manifest."""
        return self.storage.exists(MANIFEST)

    def has_records(self) -> bool:
        """Whether any shard exists."""
        return bool(self.storage.names(EXAMPLE_FOLDER) or self.storage.names("records"))

    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            DataError: there is none, or it is not one, or was edited.
        """
        path = self.path / MANIFEST
        try:
            content = self.storage.read(MANIFEST)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(
                f"{path}: not found, so {self.path} is no run's folder. "
                "Give the folder of a run, or restore the file: no records are read without it."
            ) from error
        return decode_manifest(content, path)

    def files(self, names: Iterable[str] | None = None) -> ShardFiles:
        """The files of some rows, for writing; of all rows where none are named."""
        manifest = self.manifest()
        identity, chosen = manifest.identity, None if names is None else set(names)
        return ShardFiles(
            path=self.path,
            storage=self.storage,
            run=identity.digest,
            rows=tuple(row for row in manifest.rows if chosen is None or row.name in chosen),
            keep_maps=identity.keep_maps,
            images=identity.images,
            shard=identity.shard,
            columns=identity.columns,
            remedy=remedy_of(manifest, str(self.path)),
            digests=manifest.digests,
        )

    def open(self, names: Iterable[str] | None = None) -> "Shards":
        """The finished shards of some rows, for reading; of all rows where none are named.

        Raises:
            DataError: a shard is missing, or one is there that the run does not have.
        """
        if self.manifest().schema == 1:
            return ShardFilesOfSchema1(self.path, self.storage)
        files = self.files(names)
        files.check_whole()
        return files

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All records, shard after shard, a line per example and row.

        Args:
            columns: only these, or all.

        Raises:
            DataError: there are none, or a shard is unreadable.
        """
        files = self.open()
        return self._concatenated([files.table(number, columns) for number in files.numbers()])

    def row(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One row's records, in the order of the dataset.

        Args:
            name: of the row.
            columns: only these, or all.

        Raises:
            DataError: there are none, or a shard is unreadable.
        """
        return self._concatenated(list(self.shards(name, columns)))

    def shards(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """One row's records, shard after shard, of which one is in memory; see `row`."""
        files = self.open([name])  # another process may be adding other rows
        for number in files.numbers():
            yield files.row(number, name, columns)

    def read_column(self, row: str, name: str) -> Iterator[NDArray[Any]]:
        """One kept column of a row, shard after shard.

        Args:
            row: its name.
            name: of the column, which the run keeps.

        Raises:
            DataError: a shard is unreadable.
        """
        files = self.open()
        for number in files.numbers():
            yield column_in(files.row(number, row, [name]), name)

    def read_maps(self, name: str) -> Iterator[NDArray[np.float16]]:
        """The kept maps of one row, (t, u, v) each, in the order of the records.

        Raises:
            DataError: none were kept, or a file is unreadable.
        """
        files = self.open([name])
        for number in files.numbers():
            yield from files.maps(number, name)

    def _concatenated(self, tables: Sequence[pa.Table]) -> pa.Table:
        if not tables:
            raise DataError(f"{self.path}: holds no records.")
        return pa.concat_tables(tables)

    def _refuse_another(self, there: Manifest, now: Manifest) -> None:
        if there.schema == 1:
            raise UsageError(
                f"--out {self.path}: holds a run of an earlier version, which can be read but not "
                "continued. Give another folder."
            )
        differences = _differences(asdict(there.identity), asdict(now.identity))
        if len(differences) == 1 and there.identity.digest == now.identity.digest:
            raise UsageError(
                f"--out {self.path}: the run measures other metrics ({differences[0]}). Give its "
                f"own, or measure its records again: score {self.path} --metrics NAMES."
            )
        for row in now.rows:
            before = there.row(row.name)
            if before is not None:
                own = _differences(before.definition, row.definition)
                differences += [f"{row.name}: {each}" for each in own]
        if differences:
            raise UsageError(
                f"--out {self.path}: holds the records of another run ({'; '.join(differences)}). "
                "Give another folder, or the settings of that run."
            )


Shards = ShardFiles | ShardFilesOfSchema1
"""The reader of a run's finished shards."""


def _differences(there: Mapping[str, Any], now: Mapping[str, Any], of: str = "") -> list[str]:
    """Each field that differs, by its path, with both values."""
    found = []
    for name in dict.fromkeys([*there, *now]):
        before, after = there.get(name), now.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _differences(before, after, f"{of}{name}.")
        elif as_plain(before) != as_plain(after):
            found.append(f"{of}{name}: {before!r} there, {after!r} now")
    return found


def as_plain(value: Any) -> Any:
    """The value as JSON has it, so that it equals what is read back."""
    if isinstance(value, Mapping):
        return {str(key): as_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


__all__ = ["LEASES", "MANIFEST", "SCHEMA", "ManifestRow", "RunFolder", "Shards", "as_plain"]
