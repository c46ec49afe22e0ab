"""Checks of every weights file, before its format is known."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsol_bench.errors import WeightsError
from wsol_bench.runtime.names import shown


def refuse_unreadable(path: Path) -> None:
    """Raises unless `path` is a file that this user may read.

    Only plain files count: a device or a pipe may never end.

    Raises:
        WeightsError: it is not.
    """
    try:
        if path.is_file():
            path.open("rb").close()
            return
        came = "nothing there"
        if path.exists():
            came = "a folder" if path.is_dir() else "something that is not a file"
    except OSError as error:
        raise _unreadable(path, error) from error
    raise WeightsError(
        f"{shown(str(path))}: expected a weights file, found {came}. Check the path."
    )


def sha256_of(path: Path) -> str:
    """The file's sha256, in hexadecimal; raises as `refuse_unreadable` does."""
    with _readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """The file's bytes; raises as `refuse_unreadable` does."""
    with _readable(path):
        return path.stat().st_size


def content_of(path: Path) -> bytes:
    """The whole file; raises as `refuse_unreadable` does."""
    with _readable(path):
        return path.read_bytes()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Checks the file first, and names it in the error of reading it inside."""
    refuse_unreadable(path)
    try:
        yield
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> WeightsError:
    return WeightsError(
        f"{shown(str(path))}: the weights file cannot be read ({error.strerror or error}). "
        "Check that it exists and that you may read it."
    )
