"""The shards of a run: whole ones, and the beginnings of interrupted ones.

examples/NNNNNNNN.parquet   a fixed range of the dataset's examples, with classes and scores
rows/r000/NNNNNNNN.parquet  one row's records of these examples
maps/r000/NNNNNNNN.npy      its maps, where they are kept
parts/                      the beginnings of shards, a line per example and row

Every Parquet file carries in its header whose it is: the digest of the run's identity and of
the row, the shard's number, and the digest of its ids. A file that lies in the wrong place,
or comes from another run, is known by its header.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.records.manifest import ManifestRow
from wsol_bench.records.storage.entry import Storage
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import (
    EXAMPLE_SCHEMA,
    EXAMPLES,
    ROW,
    ROW_SCHEMA,
    SCHEMA,
    UNREADABLE,
    decode_facts,
    decode_maps,
    decode_table,
    encode_maps,
    encode_table,
    examples_in,
    joined,
    remade,
    row_in,
)

EXAMPLE_FOLDER = "examples"
ROWS = "rows"
MAPS = "maps"
PARTS = "parts"

Maps = Mapping[str, NDArray[np.float16]]
"""Row -> (n, t, u, v) half floats; empty where none are kept."""

_SUFFIX = ".parquet"
_MEND = "The command that made the run makes this shard anew; give it again."


class ShardState(Enum):
    """What a folder has of a shard."""

    MISSING = "missing"
    WHOLE = "whole"
    DAMAGED = "damaged"
    """Cut off, overwritten, of another length or another run's."""


class Damaged(DataError):  # noqa: N818 - a state of the file, caught where it can be mended
    """A file that is there does not decode, or is not the run's own."""


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The files of some rows of a run.

    Attributes:
        path: the run's folder, for messages.
        storage: its files.
        run: digest of the run's identity.
        rows: those that are read and written here.
        keep_maps: whether their maps are kept.
        images: number of examples of the run.
        shard: examples per shard.
    """

    path: Path
    storage: Storage
    run: str
    rows: tuple[ManifestRow, ...]
    keep_maps: bool
    images: int
    shard: int

    def numbers(self) -> list[int]:
        """The shards whose examples are there."""
        return self._numbers(EXAMPLE_FOLDER)

    def check_whole(self) -> None:
        """Checks that the files are those of the run, neither fewer nor more.

        Raises:
            DataError: a shard is missing, or there is one that the run does not have.
        """
        expected = list(range(-(-self.images // self.shard)))
        folders = [EXAMPLE_FOLDER, *(f"{ROWS}/{row.file}" for row in self.rows)]
        for folder in folders:
            found = self._numbers(folder)
            if found == expected:
                continue
            missing = sorted(set(expected) - set(found))
            stray = sorted(set(found) - set(expected))
            what = f"{folder}/{missing[0]:08d}{_SUFFIX} is missing" if missing else ""
            what = what or f"{folder}/{stray[0]:08d}{_SUFFIX} is not of this run, remove it"
            raise DataError(
                f"{self.path}: {what} ({len(found):,} of {len(expected):,} shards are there). "
                f"{_MEND if missing else ''}".rstrip()
            )

    def has(self, number: int) -> bool:
        """Whether a shard is there, which means that it was written whole."""
        names = [_examples(number), *(_row(number, row) for row in self.rows)]
        return all(self.storage.exists(name) for name in names)

    def state_of(self, number: int) -> ShardState:
        """What is there of a shard; reads all of it and compares its checksums.

        Raises:
            DataError: a file cannot be read, which is no damage.
        """
        if not self.has(number):
            return ShardState.MISSING
        try:
            self.table(number)
            for row in self._with_maps:
                self.maps(number, row.name)
        except Damaged:
            return ShardState.DAMAGED
        return ShardState.WHOLE

    def write(self, number: int, table: pa.Table, maps: Maps | None = None) -> None:
        """Writes one shard: maps, rows, and the examples last, so that what is there is whole.

        Examples that are there already, of other rows, stay as they are.

        Raises:
            DataError: a file cannot be written.
        """
        examples = examples_in(table, self.rows[0].name)
        ids = _digest_of_ids(examples)
        for row in self.rows:
            digest = None
            if maps and row.name in maps:
                content = encode_maps(maps[row.name])
                digest = sha256(content).hexdigest()
                self._write(_maps(number, row), content)
            facts = {**self._facts(number, ids), "row": row.digest, "maps": digest}
            self._write(_row(number, row), encode_table(row_in(table, row.name), facts))
        if not self._has_examples(number, ids):
            self._write(_examples(number), encode_table(examples, self._facts(number, ids)))

    def table(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The records of one shard, a line per example and row.

        Args:
            number: of the shard.
            columns: only these, or all.

        Raises:
            DataError: a file is missing, unreadable, damaged or not the run's own.
        """
        return self._joined(number, self.rows, columns)

    def row(self, number: int, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One row's records of a shard; see `table`."""
        return self._joined(number, (self._find(name),), columns)

    def maps(self, number: int, name: str) -> NDArray[np.float16]:
        """The kept maps of one row and shard, (n, t, u, v).

        Raises:
            DataError: none were kept, or the file is unreadable, damaged or not the run's own.
        """
        row = self._find(name)
        file = _maps(number, row)
        if not self.keep_maps:
            raise DataError(f"{self.path}: no maps are kept. Run again with --keep-maps.")
        content = self._read(file)
        facts, _ = self._header(_row(number, row), self._read(_row(number, row)))
        if facts.get("maps") != sha256(content).hexdigest():
            raise Damaged(f"{self.path / file}: not the maps that were written there. {_MEND}")
        try:
            return decode_maps(content)
        except UNREADABLE as error:
            raise Damaged(f"{self.path / file}: not a readable array ({error}). {_MEND}") from error

    def parts(self) -> list[int]:
        """The shards whose beginnings are there."""
        return self._numbers(PARTS)

    def has_part(self, number: int) -> bool:
        """Whether a shard's beginning is there."""
        return self.storage.exists(_part(number))

    def write_part(self, number: int, table: pa.Table, maps: Maps | None = None) -> None:
        """Writes the beginning of a shard, its maps first.

        Raises:
            DataError: a file cannot be written.
        """
        for row in self._with_maps:
            if maps and row.name in maps:
                self._write(_part_maps(number, row), encode_maps(maps[row.name]))
        self._write(_part(number), encode_table(table, self._part_facts(number)))

    def read_part(self, number: int, *, maps: bool = True) -> tuple[pa.Table, Maps] | None:
        """The beginning of a shard, or None where there is none, or it is damaged or not ours.

        Args:
            number: of the shard.
            maps: whether to read its maps too. There may be maps of more images than there
                are records of, where writing was cut off between them.

        Raises:
            DataError: a file cannot be read, which is no damage.
        """
        try:
            content = self._read(_part(number))
            facts, _ = self._decoded(_part(number), content, decode_facts)
            if facts != self._part_facts(number):
                return None
            table = self._decoded(_part(number), content, lambda c: decode_table(c, SCHEMA))
            if table is None:
                return None
            kept = {
                row.name: self._decoded(
                    _part_maps(number, row), self._read(_part_maps(number, row)), decode_maps
                )
                for row in (self._with_maps if maps else ())
            }
        except Damaged:
            return None
        return remade(table), kept

    def remove_part(self, number: int) -> None:
        """Removes the beginning of a shard; it need not be there.

        Its records go last: while they are there, `parts` names it and a run that was
        killed half-way through here is cleaned up after by the next.
        """
        with suppress(OSError):  # nobody reads it once the shard is there
            for row in self._with_maps:
                self.storage.remove(_part_maps(number, row))
            self.storage.remove(_part(number))

    @property
    def _with_maps(self) -> Iterable[ManifestRow]:
        return [row for row in self.rows if row.makes_map] if self.keep_maps else []

    def _find(self, name: str) -> ManifestRow:
        return next(row for row in self.rows if row.name == name)

    def _joined(
        self, number: int, rows: Sequence[ManifestRow], columns: Sequence[str] | None
    ) -> pa.Table:
        wanted = list(SCHEMA.names if columns is None else columns)
        ours = [name for name in wanted if name in EXAMPLES]
        own = [name for name in wanted if name in ROW]
        examples, facts = self._checked(number, _examples(number), EXAMPLE_SCHEMA, ours, None)
        found = {}
        for row in rows:
            found[row.name], its = self._checked(
                number, _row(number, row), ROW_SCHEMA, own, row.digest
            )
            if its.get("ids") != facts.get("ids"):
                raise Damaged(
                    f"{self.path / _row(number, row)}: is of other images than "
                    f"{_examples(number)}. {_MEND}"
                )
        return joined(examples, found, wanted)

    def _checked(
        self,
        number: int,
        name: str,
        schema: pa.Schema,
        columns: Sequence[str],
        row: str | None,
    ) -> tuple[pa.Table, dict[str, Any]]:
        """Some columns of a file, once its header says that it is the one expected here."""
        content = self._read(name)
        facts, lines = self._header(name, content)
        images = min(self.shard, self.images - number * self.shard)
        wanted = {"run": self.run, "shard": number, "images": images}
        wanted |= {"row": row} if row else {}
        odd = [key for key, value in wanted.items() if facts.get(key) != value]
        if odd or lines != images:
            what = f"its header has another {odd[0]}" if odd else f"it holds {lines:,} lines"
            raise Damaged(f"{self.path / name}: not this run's own file here: {what}. {_MEND}")
        # At least one column, so that the number of lines is known.
        read = list(columns) or [schema.names[0]]
        if row is None and "image_id" not in read:
            read.append("image_id")
        table = self._decoded(name, content, lambda c: decode_table(c, schema, read))
        if table is None:
            raise DataError(
                f"{self.path / name}: its columns are not those of this version; run again "
                "elsewhere."
            )
        if row is None and _digest_of_ids(table) != facts.get("ids"):
            raise Damaged(f"{self.path / name}: its ids are not those of its header. {_MEND}")
        return table, facts

    def _has_examples(self, number: int, ids: str) -> bool:
        try:
            name = _examples(number)  # every column, so that no damaged one is kept
            _, facts = self._checked(number, name, EXAMPLE_SCHEMA, EXAMPLES, None)
        except DataError:
            return False
        return facts.get("ids") == ids

    def _facts(self, number: int, ids: str) -> dict[str, str | int | None]:
        images = min(self.shard, self.images - number * self.shard)
        return {"run": self.run, "shard": number, "images": images, "ids": ids}

    def _part_facts(self, number: int) -> dict[str, str | int | None]:
        rows = sha256(" ".join(row.digest for row in self.rows).encode()).hexdigest()
        return {"run": self.run, "shard": number, "rows": rows}

    def _header(self, name: str, content: bytes) -> tuple[dict[str, Any], int]:
        return self._decoded(name, content, decode_facts)

    def _decoded(self, name: str, content: bytes, decode: Callable[[bytes], Any]) -> Any:
        try:
            return decode(content)
        except UNREADABLE as error:
            raise Damaged(f"{self.path / name}: not readable ({error}). {_MEND}") from error

    def _read(self, name: str) -> bytes:
        try:
            return self.storage.read(name)
        except FileNotFoundError as error:
            raise Damaged(f"{self.path / name}: is missing. {_MEND}") from error
        except OSError as error:
            raise DataError(
                f"{self.path / name}: cannot be read ({error.strerror or error}). Nothing was "
                "removed; try again when the disk or store answers."
            ) from error

    def _numbers(self, folder: str) -> list[int]:
        names = [
            name.removesuffix(_SUFFIX)
            for name in self.storage.names(folder)
            if name.endswith(_SUFFIX)
        ]
        return sorted(int(name) for name in names if name.isdecimal())

    def _write(self, name: str, content: bytes) -> None:
        with writing(self.path / name):
            self.storage.make(str(Path(name).parent))
            self.storage.write(name, content)


def _digest_of_ids(examples: pa.Table) -> str:
    return sha256("\n".join(examples["image_id"].to_pylist()).encode()).hexdigest()


def _examples(number: int) -> str:
    return f"{EXAMPLE_FOLDER}/{number:08d}{_SUFFIX}"


def _row(number: int, row: ManifestRow) -> str:
    return f"{ROWS}/{row.file}/{number:08d}{_SUFFIX}"


def _maps(number: int, row: ManifestRow) -> str:
    return f"{MAPS}/{row.file}/{number:08d}.npy"


def _part(number: int) -> str:
    return f"{PARTS}/{number:08d}{_SUFFIX}"


def _part_maps(number: int, row: ManifestRow) -> str:
    return f"{PARTS}/{number:08d}-{row.file}.npy"
