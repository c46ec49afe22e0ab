"""Reading Parquet files that users give: tables of boxes, and images inside."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.images import MOST_BYTES
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

_KEPT_GROUPS = 8
"""Row groups of images that are kept; one of Hugging Face's holds 100 images, some 12 MB."""


def read_rows(path: Path, columns: list[str] | None, groups: int | None) -> pa.Table:
    """The rows of a file.

    Args:
        path: the file.
        columns: to read, such as "image.path"; None reads all.
        groups: how many row groups to read, such as 0 for the schema; None reads all.

    Raises:
        DataError: it cannot be read, or is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            count = file.num_row_groups if groups is None else groups
            return file.read_row_groups(list(range(count)), columns=columns, use_threads=False)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    # pyarrow raises its own and Python's errors on damaged files.
    except Exception as error:
        raise _unreadable(path, str(error)) from error


class RowPlace(NamedTuple):
    """The place of one image: the file, its row group, and the row in that group."""

    file: str
    group: int
    row: int


class ParquetImages(ImageSource[RowPlace]):
    """Images in the `image` column of the Parquet files of a folder."""

    def read(self, image_id: str) -> bytes:
        """The bytes of one image; DataError where the file cannot be read any more."""
        place = self.positions[image_id]
        column = _images(str(self.root / place.file), place.group)
        data: bytes | None = column[place.row].as_py()
        return (data or b"")[: MOST_BYTES + 1]

    def where(self, image_id: str) -> str:
        """The file and row of one image, for messages."""
        place = self.positions[image_id]
        return f"{self.root / place.file}, row group {place.group}, row {place.row}"


@lru_cache(maxsize=_KEPT_GROUPS)
def _images(file: str, group: int) -> pa.ChunkedArray:
    """The bytes of one row group's images."""
    try:
        with pq.ParquetFile(file) as opened:
            table = opened.read_row_group(group, columns=["image.bytes"], use_threads=False)
    except Exception as error:
        raise _unreadable(Path(file), str(error)) from error
    return pa.compute.struct_field(table["image"], "bytes")


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"cannot read the Parquet file {shown(str(path))}: {shown(reason)[:300]}. Expected a whole "
        "file; fetch it again or check its permissions."
    )
