"""The shards of a run.

examples/NNNNNNNN.parquet   a fixed range of the dataset's examples, with classes and scores
rows/r000/NNNNNNNN.parquet  one row's records of these examples
maps/r000/NNNNNNNN.npy      its maps, where they are kept

The header of every Parquet file holds the digests of the run's identity, the row, the ids and the
maps, and the shard's number, so a file of another run or place is detected. The manifest of a
finished run holds the digest of each file, so an edited one is detected too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.records.manifest import ManifestRow
from wsol_bench.records.map_files import decode_maps, encode_maps
from wsol_bench.records.partial_shards import PartialShards
from wsol_bench.records.run_files import SUFFIX, Damaged, RunFiles
from wsol_bench.records.table import (
    EXAMPLE_SCHEMA,
    EXAMPLES,
    ROW,
    ROW_SCHEMA,
    SCHEMA,
    Maps,
    decode_facts,
    decode_table,
    encode_table,
    examples_in,
    joined,
    row_in,
    with_columns,
)

EXAMPLE_FOLDER = "examples"
ROWS = "rows"
MAPS = "maps"


class ShardState(Enum):
    """The state of a shard in a folder."""

    MISSING = "missing"
    WHOLE = "whole"
    DAMAGED = "damaged"
    """Cut off, overwritten, of another length or another run's."""


@dataclass(frozen=True, slots=True)
class ShardFiles(RunFiles):
    """The shards of some rows of a run.

    Attributes:
        images: number of examples of the run.
        shard: examples per shard.
        digests: folder -> sha256 of each of its files, once the run is finished.
    """

    images: int
    shard: int
    digests: Mapping[str, Sequence[str]] = field(default_factory=dict, kw_only=True)

    @property
    def partial(self) -> PartialShards:
        """The partial shards of the same rows."""
        return PartialShards(
            self.path, self.storage, self.run, self.rows, self.keep_maps, self.columns
        )

    def numbers(self) -> list[int]:
        """The shards whose examples exist."""
        return self.numbers_in(EXAMPLE_FOLDER)

    def check_whole(self) -> None:
        """Checks that the files are those of the run, neither fewer nor more.

        Raises:
            DataError: a shard is missing, or there is one that the run does not have.
        """
        expected = -(-self.images // self.shard)
        for folder in self._folders:
            found = set(self.numbers_in(folder))
            stray = sorted(number for number in found if number >= expected)
            there = f"({len(found):,} of {expected:,} shards are there)"
            if stray:
                raise DataError(
                    f"{self.path}: {_file(folder, stray[0])} is not of this run {there}. Remove it."
                )
            if len(found) < expected:
                missing = next(number for number in range(expected) if number not in found)
                raise DataError(
                    f"{self.path}: {_file(folder, missing)} is missing {there}. {self.remedy}"
                )

    def digests_now(self) -> dict[str, tuple[str, ...]]:
        """Folder -> the sha256 of each of its files, in order; for the manifest.

        Raises:
            DataError: a file cannot be read.
        """
        return {
            folder: tuple(
                sha256(self.read_file(_file(folder, number))).hexdigest()
                for number in self.numbers_in(folder)
            )
            for folder in self._folders
        }

    def has(self, number: int) -> bool:
        """Whether a shard exists, which means that it is complete."""
        names = [_examples(number), *(_row(number, row) for row in self.rows)]
        return all(self.storage.exists(name) for name in names)

    def state_of(self, number: int) -> ShardState:
        """The state of a shard; reads all of it and compares its checksums.

        Raises:
            DataError: a file cannot be read, which is no damage.
        """
        if not self.has(number):
            return ShardState.MISSING
        try:
            self._joined(number, self.rows, [*SCHEMA.names, *self.columns])
            for row in self.rows_with_maps:
                self.maps(number, row.name)
        except Damaged:
            return ShardState.DAMAGED
        return ShardState.WHOLE

    def write(self, number: int, table: pa.Table, maps: Maps | None = None) -> None:
        """Writes one shard: maps, rows, then examples, so that an existing shard is complete.

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
                self.write_file(_maps(number, row), content)
            facts = {**self._facts(number, ids), "row": row.digest, "maps": digest}
            self.write_file(_row(number, row), encode_table(row_in(table, row.name), facts))
        if not self._has_examples(number, ids):
            self.write_file(_examples(number), encode_table(examples, self._facts(number, ids)))

    def table(self, number: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The records of one shard, a line per example and row.

        Args:
            number: of the shard.
            columns: only these, or all but those that are kept for metrics.

        Raises:
            DataError: a file is missing, unreadable, damaged or not the run's own.
        """
        return self._joined(number, self.rows, columns)

    def row(self, number: int, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """One row's records of a shard; see `table`."""
        return self._joined(number, (self.find_row(name),), columns)

    def maps(self, number: int, name: str) -> NDArray[np.float16]:
        """The kept maps of one row and shard, (n, t, u, v).

        Raises:
            DataError: none were kept, or the file is unreadable, damaged or not the run's own.
        """
        row = self.find_row(name)
        file = _maps(number, row)
        if not self.keep_maps:
            raise DataError(f"{self.path}: no maps are kept. Run again with --keep-maps.")
        content = self.read_file(file)
        header = _row(number, row)
        facts, _ = self.decoded(header, self.read_file(header), decode_facts)
        if facts.get("maps") != sha256(content).hexdigest():
            raise Damaged(
                f"{self.path / file}: not the maps that were written there. {self.remedy}"
            )
        images = self._images_of(number)
        return self.decoded(file, content, lambda c: decode_maps(c, images))

    @property
    def _folders(self) -> list[str]:
        return [EXAMPLE_FOLDER, *(_folder_of(row) for row in self.rows)]

    def _images_of(self, number: int) -> int:
        return min(self.shard, self.images - number * self.shard)

    def _joined(
        self, number: int, rows: Sequence[ManifestRow], columns: Sequence[str] | None
    ) -> pa.Table:
        wanted = list(SCHEMA.names if columns is None else columns)
        ours = [name for name in wanted if name in EXAMPLES]
        own = [name for name in wanted if name in (*ROW, *self.columns)]
        row_schema = with_columns(ROW_SCHEMA, self.columns)
        examples, facts = self._checked(number, _examples(number), EXAMPLE_SCHEMA, ours, None)
        found = {}
        for row in rows:
            found[row.name], its = self._checked(
                number, _row(number, row), row_schema, own, row.digest
            )
            if its.get("ids") != facts.get("ids"):
                raise Damaged(
                    f"{self.path / _row(number, row)}: is of other images than "
                    f"{_examples(number)}. {self.remedy}"
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
        """Some columns of a file, after checking that its header is the one expected here."""
        content = self.read_file(name)
        facts, lines = self.decoded(name, content, decode_facts)
        images = self._images_of(number)
        wanted = {"run": self.run, "shard": number, "images": images}
        wanted |= {"row": row} if row else {}
        odd = [key for key, value in wanted.items() if facts.get(key) != value]
        if odd or lines != images:
            what = f"its header has another {odd[0]}" if odd else f"it holds {lines:,} lines"
            raise Damaged(
                f"{self.path / name}: not this run's own file here: {what}. {self.remedy}"
            )
        self._check_digest(name, number, content)
        # At least one column, so that the number of lines is known.
        read = list(columns) or [schema.names[0]]
        if row is None and "image_id" not in read:
            read.append("image_id")
        table = self.decoded(name, content, lambda c: decode_table(c, schema, read))
        if table is None:
            raise DataError(
                f"{self.path / name}: its columns are not those of this version; run again "
                "elsewhere."
            )
        if row is None and _digest_of_ids(table) != facts.get("ids"):
            raise Damaged(f"{self.path / name}: its ids are not those of its header. {self.remedy}")
        return table, facts

    def _has_examples(self, number: int, ids: str) -> bool:
        try:
            name = _examples(number)  # every column, so that no damaged one is kept
            _, facts = self._checked(number, name, EXAMPLE_SCHEMA, EXAMPLES, None)
        except DataError:
            return False
        return facts.get("ids") == ids

    def _facts(self, number: int, ids: str) -> dict[str, str | int | None]:
        return {"run": self.run, "shard": number, "images": self._images_of(number), "ids": ids}

    def _check_digest(self, name: str, number: int, content: bytes) -> None:
        known = self.digests.get(name.rpartition("/")[0], ())
        if number < len(known) and sha256(content).hexdigest() != known[number]:
            raise Damaged(
                f"{self.path / name}: its checksum is not the one that the finished run noted, so "
                f"it was edited or damaged. {self.remedy}"
            )


def _digest_of_ids(examples: pa.Table) -> str:
    return sha256("\n".join(examples["image_id"].to_pylist()).encode()).hexdigest()


def _folder_of(row: ManifestRow) -> str:
    return f"{ROWS}/{row.file}"


def _file(folder: str, number: int) -> str:
    return f"{folder}/{number:08d}{SUFFIX}"


def _examples(number: int) -> str:
    return _file(EXAMPLE_FOLDER, number)


def _row(number: int, row: ManifestRow) -> str:
    return _file(_folder_of(row), number)


def _maps(number: int, row: ManifestRow) -> str:
    return f"{MAPS}/{row.file}/{number:08d}.npy"
