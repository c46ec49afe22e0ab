"""The shards of a run: whole ones, and the beginnings of interrupted ones.

records/NNNNN.parquet  one shard: a fixed range of the dataset's examples
maps/NNNNN-METHOD.npy  its maps, where they are kept
parts/                 the beginnings of shards, likewise
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.records.storage.entry import Storage
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import (
    UNREADABLE,
    as_made,
    decode_maps,
    decode_table,
    encode_maps,
    encode_table,
)

SHARDS = "records"
MAPS = "maps"
PARTS = "parts"

Maps = Mapping[str, NDArray[np.float16]]
"""Method -> (n, t, u, v) half floats; empty where none are kept."""

_SUFFIX = ".parquet"


class ShardState(Enum):
    """What a folder has of a shard."""

    MISSING = "missing"
    WHOLE = "whole"
    DAMAGED = "damaged"
    """Cut off, overwritten or of another length: a disk lost what it had confirmed."""


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The files of a run's shards.

    Attributes:
        path: the run's folder, for messages.
        storage: its files.
    """

    path: Path
    storage: Storage

    def numbers(self) -> list[int]:
        """The shards that are there."""
        return self._numbers(SHARDS)

    def has(self, number: int) -> bool:
        """Whether a shard is there, which means that it was written whole."""
        return self.storage.exists(_shard(number))

    def state_of(self, number: int, images: int, methods: int, kept: Iterable[str]) -> ShardState:
        """What is there of a shard; reads all of it and compares its checksums.

        Args:
            number: of the shard.
            images: how many it must have.
            methods: how many records an image must have.
            kept: the methods whose maps must be there.

        Raises:
            DataError: it was written by a version with other columns.
        """
        if not self.has(number):
            return ShardState.MISSING
        try:
            whole = len(self._table(_shard(number))) == images * methods and all(
                len(self._array(_maps(number, method))) == images for method in kept
            )
        except UNREADABLE:
            whole = False
        return ShardState.WHOLE if whole else ShardState.DAMAGED

    def write(self, number: int, table: pa.Table, maps: Maps | None = None) -> None:
        """Writes one shard: its maps first, so that one that is there has them.

        Raises:
            DataError: a file cannot be written.
        """
        self._write(_shard(number), table, {_maps(number, m): a for m, a in (maps or {}).items()})

    def table(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The records of one shard.

        Args:
            number: of the shard.
            columns: only these, or all.

        Raises:
            DataError: the file is unreadable, or of another version.
        """
        try:
            return self._table(_shard(number), columns)
        except UNREADABLE as error:
            raise DataError(
                f"{self.path / _shard(number)}: not a readable Parquet file ({error}). The "
                "command that made the run makes this shard anew; give it again."
            ) from error

    def maps(self, number: int, method: str) -> NDArray[np.float16]:
        """The kept maps of one shard, (n, t, u, v).

        Raises:
            DataError: none were kept, or the file is unreadable.
        """
        path = self.path / _maps(number, method)
        try:
            return self._array(_maps(number, method))
        except FileNotFoundError as error:
            raise DataError(
                f"{path}: no maps of {method} are kept. Run again with --keep-maps."
            ) from error
        except UNREADABLE as error:
            raise DataError(f"{path}: not a readable array ({error}).") from error

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
        maps = maps or {}
        self._write(_part(number), table, {_part_maps(number, m): a for m, a in maps.items()})

    def read_part(self, number: int, kept: Iterable[str]) -> tuple[pa.Table, Maps] | None:
        """The beginning of a shard, or None where there is none or it is damaged.

        Args:
            number: of the shard.
            kept: the methods whose maps are kept. There may be maps of more images than
                there are records of, where writing was cut off between them.
        """
        try:
            table = as_made(self._table(_part(number)))
            return table, {method: self._array(_part_maps(number, method)) for method in kept}
        except (*UNREADABLE, DataError):
            return None

    def remove_part(self, number: int, kept: Iterable[str]) -> None:
        """Removes the beginning of a shard; it need not be there.

        Its records go last: while they are there, `parts` names it and a run that was
        killed half-way through here is cleaned up after by the next.
        """
        with suppress(OSError):  # nobody reads it once the shard is there
            for name in (*(_part_maps(number, method) for method in kept), _part(number)):
                self.storage.remove(name)

    def _numbers(self, folder: str) -> list[int]:
        names = [name.removesuffix(_SUFFIX) for name in self.storage.names(folder)]
        return [int(name) for name in names if name.isdecimal()]

    def _table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        table = decode_table(self.storage.read(name), columns)
        if table is None:
            raise DataError(
                f"{self.path / name}: its columns are not those of this version; run again "
                "elsewhere."
            )
        return table

    def _array(self, name: str) -> NDArray[np.float16]:
        return decode_maps(self.storage.read(name))

    def _write(self, name: str, table: pa.Table, maps: Maps) -> None:
        files = {each: encode_maps(array) for each, array in maps.items()}
        for each, content in {**files, name: encode_table(table)}.items():
            with writing(self.path / each):
                self.storage.make(str(Path(each).parent))
                self.storage.write(each, content)


def _shard(number: int) -> str:
    return f"{SHARDS}/{number:05d}{_SUFFIX}"


def _maps(number: int, method: str) -> str:
    return f"{MAPS}/{number:05d}-{method}.npy"


def _part(number: int) -> str:
    return f"{PARTS}/{number:05d}{_SUFFIX}"


def _part_maps(number: int, method: str) -> str:
    return f"{PARTS}/{number:05d}-{method}.npy"
