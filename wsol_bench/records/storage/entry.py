"""The interface of a run's storage, and the names of temporary files."""

import re
from itertools import count
from typing import Protocol as Interface

import pyarrow as pa

from wsol_bench.runtime.process_owner import Owner, is_gone

_TEMPORARY = re.compile(r"\..*\.(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<started>\d+)-\d+\.tmp")
_number = count()


class Storage(Interface):
    """The files of a folder, by relative path. All methods may raise OSError."""

    def make(self, folder: str) -> None:
        """Creates a folder and its parents if they do not exist."""
        ...

    def names(self, folder: str) -> list[str]:
        """The sorted names of a folder's files; empty if the folder does not exist."""
        ...

    def exists(self, name: str) -> bool:
        """Whether a file exists."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file; raises FileNotFoundError if it does not exist."""
        ...

    def open(self, name: str) -> pa.NativeFile:
        """Opens a file for random access."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Writes or replaces a file atomically."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file unless it exists; returns whether it was written."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file if it exists."""
        ...

    def clean(self, folder: str) -> None:
        """Removes temporary files that ended processes left in a folder."""
        ...


def temporary_name(name: str) -> str:
    """The name, in the same folder, of a file that this process is writing."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}.{last}.{Owner.here().tag}-{next(_number)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a file name, without folders, is that of a temporary file."""
    return _TEMPORARY.fullmatch(name) is not None


def is_left_over(name: str) -> bool:
    """Whether the writer of a temporary file has certainly ended."""
    match = _TEMPORARY.fullmatch(name)
    return match is not None and is_gone(match["machine"], int(match["pid"]), int(match["started"]))
