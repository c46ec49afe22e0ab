"""What a user is told when a file cannot be written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from wsol_bench.errors import DataError

_HINTS = {
    errno.ENOSPC: "The disk is full. Free some space",
    errno.EDQUOT: "Your share of the disk is full. Free some space",
    errno.EFBIG: "Files may not grow that large here. Raise the limit (ulimit -f)",
    errno.EROFS: "The disk is read-only. Make the folder writable",
    errno.EACCES: "You may not write there. Make the folder writable",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into a message of what to do.

    Raises:
        DataError: what is done inside failed.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        number, why = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
        raise DataError(
            f"{path}: cannot be written ({why or error}). {_HINTS.get(number or 0, 'Mend that')}, "
            "then give the same command again: what is finished is kept."
        ) from error
