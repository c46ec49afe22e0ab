"""Partial shards: the finished batches of shards that an interrupted run did not complete.

parts/NNNNNNNN.parquet   the records, a line per example and row
parts/NNNNNNNN-r000.npy  one row's maps, where they are kept
"""

from contextlib import suppress
from hashlib import sha256

import pyarrow as pa

from wsol_bench.records.manifest import ManifestRow
from wsol_bench.records.map_files import decode_maps, encode_maps
from wsol_bench.records.run_files import SUFFIX, Damaged, RunFiles
from wsol_bench.records.table import (
    SCHEMA,
    Maps,
    decode_facts,
    decode_table,
    encode_table,
    remade,
    with_columns,
)

PARTS = "parts"


class PartialShards(RunFiles):
    """The partial shards of some rows of a run."""

    __slots__ = ()

    def numbers(self) -> list[int]:
        """The shards that have a partial one."""
        return self.numbers_in(PARTS)

    def has(self, number: int) -> bool:
        """Whether the records of a partial shard exist."""
        return self.storage.exists(_records(number))

    def write(self, number: int, table: pa.Table, maps: Maps | None = None) -> None:
        """Writes a partial shard, its maps first.

        Raises:
            DataError: a file cannot be written.
        """
        for row in self.rows_with_maps:
            if maps and row.name in maps:
                self.write_file(_maps(number, row), encode_maps(maps[row.name]))
        self.write_file(_records(number), encode_table(table, self._facts(number)))

    def read(self, number: int, *, maps: bool = True) -> tuple[pa.Table, Maps] | None:
        """A partial shard, or None if there is none, or it is damaged or of another run.

        Args:
            number: of the shard.
            maps: whether to read its maps too. There may be maps of more images than there
                are records of, where writing was cut off between them.

        Raises:
            StorageError: a file cannot be read, which is no damage.
        """
        name = _records(number)
        try:
            content = self.read_file(name)
            facts, _ = self.decoded(name, content, decode_facts)
            if facts != self._facts(number):
                return None
            schema = with_columns(SCHEMA, self.columns)
            table = self.decoded(name, content, lambda c: decode_table(c, schema))
            if table is None:
                return None
            kept = {
                row.name: self.decoded(
                    _maps(number, row), self.read_file(_maps(number, row)), decode_maps
                )
                for row in (self.rows_with_maps if maps else ())
            }
        except Damaged:
            return None
        return remade(table), kept

    def remove(self, number: int) -> None:
        """Removes a partial shard, which need not exist.

        Its records are removed last: while they exist, `numbers` lists the shard, and the next
        run cleans up after one that was killed in between.
        """
        with suppress(OSError):  # nothing reads it once the shard is complete
            for row in self.rows_with_maps:
                self.storage.remove(_maps(number, row))
            self.storage.remove(_records(number))

    def _facts(self, number: int) -> dict[str, str | int | None]:
        rows = sha256(" ".join(row.digest for row in self.rows).encode()).hexdigest()
        return {"run": self.run, "shard": number, "rows": rows}


def _records(number: int) -> str:
    return f"{PARTS}/{number:08d}{SUFFIX}"


def _maps(number: int, row: ManifestRow) -> str:
    return f"{PARTS}/{number:08d}-{row.file}.npy"
