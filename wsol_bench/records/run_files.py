"""Files of some rows of a run: reading, decoding and writing them, with messages."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsol_bench.errors import DataError
from wsol_bench.records.manifest import ManifestRow
from wsol_bench.records.storage.entry import Storage
from wsol_bench.records.storage.messages import writing
from wsol_bench.records.table import UNREADABLE
from wsol_bench.runtime.names import shown

SUFFIX = ".parquet"
REMEDY = "Give the command that made the run again; it makes this shard anew."


class Damaged(DataError):  # noqa: N818 - a state of the file, caught where it can be mended
    """A file is missing, does not decode, or is not the run's own."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of some rows of a run.

    Attributes:
        path: the run's folder, for messages.
        storage: its files.
        run: digest of the run's identity.
        rows: those that are read and written here.
        keep_maps: whether their maps are kept.
        columns: names of the columns that are kept for metrics.
        remedy: what to do about a shard that is missing or damaged.
    """

    path: Path
    storage: Storage
    run: str
    rows: tuple[ManifestRow, ...]
    keep_maps: bool
    columns: tuple[str, ...]
    remedy: str = field(default=REMEDY, kw_only=True)

    @property
    def rows_with_maps(self) -> tuple[ManifestRow, ...]:
        """The rows whose maps are kept."""
        return tuple(row for row in self.rows if row.makes_map and self.keep_maps)

    def find_row(self, name: str) -> ManifestRow:
        """The row of this name, which must be one of them."""
        return next(row for row in self.rows if row.name == name)

    def read_file(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            Damaged: it is missing.
            StorageError: it cannot be read, which is no damage.
        """
        try:
            return self.storage.read(name)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Damaged(f"{self.path / name}: is missing. {self.remedy}") from error

    def decoded(self, name: str, content: bytes, decode: Callable[[bytes], Any]) -> Any:
        """The content of a file, decoded by `decode`.

        Raises:
            Damaged: it cannot be decoded.
        """
        try:
            return decode(content)
        except UNREADABLE as error:
            raise Damaged(
                f"{self.path / name}: not readable ({reason_of(error)}). {self.remedy}"
            ) from error

    def write_file(self, name: str, content: bytes) -> None:
        """Writes a file and the folders above it.

        Raises:
            DataError: it cannot be written.
        """
        with writing(self.path / name):
            self.storage.make(str(Path(name).parent))
            self.storage.write(name, content)

    def numbers_in(self, folder: str) -> list[int]:
        """The numbers of the shards that have a Parquet file in a folder."""
        return numbers_in(self.storage.names(folder), "08d")


def numbers_in(names: Iterable[str], form: str) -> list[int]:
    """The numbers of Parquet files that are named as a run names them; any others are ignored.

    Args:
        names: of a folder's files.
        form: of a number, such as "08d"; "1.parquet" is no second name of "00000001.parquet".
    """
    stems = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
    numbers = (int(stem) for stem in stems if stem.isascii() and stem.isdecimal())
    return sorted({number for number in numbers if f"{number:{form}}" in stems})


def reason_of(error: Exception) -> str:
    """The first line of an error, such as Arrow's, whose messages have several."""
    lines = str(error).splitlines()
    return shown(lines[0]).rstrip(".")[:200] if lines else type(error).__name__
