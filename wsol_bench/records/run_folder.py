"""A run's folder: a manifest that describes the run, and shards of records.

OUT/run.json   the typed manifest: see `manifest`
OUT/examples/  a file per shard: ids, labels, boxes, classes and scores
OUT/rows/      a folder per row, a file per shard: see `shard_files`
OUT/maps/      likewise, where maps are kept
OUT/parts/     partial shards of an interrupted run: see `partial_shards`
OUT/leases/    which shards are being made, and by which process

A file that is there is whole: see `storage`. The folder may lie on a disk or in any file
system that pyarrow knows. Folders of schema 1 are read: see `schema1`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import SCHEMA, column_in

MANIFEST = "run.json"
LEASES = "leases"


class RunFolder:
    """The folder of one network's run, open for writing shards and reading them back."""

    def __init__(self, path: Path) -> None:
        """Names the folder; `begin` makes it.

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
            manifest: of the run as it is asked for now; the files of its rows need no names.

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
            for folder in ("", EXAMPLE_FOLDER, ROWS, MAPS, PARTS, LEASES):
                self.storage.clean(folder)
        if not self.exists():
            if self.has_records():
                raise UsageError(
                    f"--out {self.path}: holds records but no {MANIFEST}, so whose they are is "
                    "not known. Give another folder."
                )
            named = tuple(replace(row, file=f"r{i:03d}") for i, row in enumerate(manifest.rows))
            with writing(self.path / MANIFEST):
                self.storage.create(MANIFEST, encode_manifest(replace(manifest, rows=named)))
        there = self.manifest()  # which another process may have written just now
        self._refuse_another(there, manifest)
        new = [row for row in manifest.rows if there.row(row.name) is None]
        if not new:
            return there
        files = (f"r{i:03d}" for i in range(len(there.rows), len(there.rows) + len(new)))
        added = tuple(replace(row, file=file) for row, file in zip(new, files, strict=True))
        return self.update(rows=(*there.rows, *added), status="running")

    def update(self, **changes: Any) -> Manifest:
        """Replaces fields of the manifest.

        Raises:
            DataError: it cannot be read or written.
        """
        manifest = replace(self.manifest(), **changes)
        with writing(self.path / MANIFEST):
            self.storage.write(MANIFEST, encode_manifest(manifest))
        return manifest

    def exists(self) -> bool:
        """Whether there is a manifest."""
        return self.storage.exists(MANIFEST)

    def has_records(self) -> bool:
        """Whether any shard is there."""
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

    def open(self) -> "Shards":
        """The finished shards of all rows, for reading.

        Raises:
            DataError: a shard is missing, or one is there that the run does not have.
        """
        if self.manifest().schema == 1:
            return ShardFilesOfSchema1(self.path, self.storage)
        files = self.files()
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
        files = self.open()
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
        files = self.open()
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
"""What reads the finished shards of a run."""


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
