"""What a folder of files must be able to do, and the names of unfinished files."""

import re
from itertools import count
from typing import Protocol as Interface

import pyarrow as pa

from wsol_bench.runtime.process_owner import Owner, is_gone

_TEMPORARY = re.compile(r"\..*\.(?P<machine>[0-9a-f]{12})-(?P<pid>\d+)-(?P<started>\d+)-\d+\.tmp")
_number = count()


class Storage(Interface):
    """A folder's files, by names with slashes. All members raise OSError."""

    def make(self, folder: str) -> None:
        """Makes a folder, and those above it, where it is not there."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of a folder's files, sorted; none where there is no such folder."""
        ...

    def exists(self, name: str) -> bool:
        """Whether a file is there."""
        ...

    def read(self, name: str) -> bytes:
        """A file's content; FileNotFoundError where it is not there."""
        ...

    def open(self, name: str) -> pa.NativeFile:
        """A file to read from any place in it."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Writes or replaces a file, whole or not at all."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Writes a file unless it is there already; says whether it was written."""
        ...

    def remove(self, name: str) -> None:
        """Removes a file; it need not be there."""
        ...

    def clean(self, folder: str) -> None:
        """Removes the temporary files that dead processes left in a folder."""
        ...


def temporary_name(name: str) -> str:
    """The name, in the same folder, under which this process writes a file until it is whole."""
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}.{last}.{Owner.here().tag}-{next(_number)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether a file of this name, without folders, is one that is not whole."""
    return _TEMPORARY.fullmatch(name) is not None


def is_left_over(name: str) -> bool:
    """Whether a temporary file's writer has surely ended."""
    match = _TEMPORARY.fullmatch(name)
    return match is not None and is_gone(match["machine"], int(match["pid"]), int(match["started"]))
