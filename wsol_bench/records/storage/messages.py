"""Messages for files that cannot be written."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from wsol_bench.errors import DataError

_HINTS = {
    errno.ENOSPC: "The disk is full. Free some space",
    errno.EDQUOT: "Your disk quota is exhausted. Free some space",
    errno.EFBIG: "The file exceeds the size limit here. Raise the limit (ulimit -f)",
    errno.EROFS: "The disk is read-only. Make the folder writable",
    errno.ENOENT: "Restore the folder, or give another",
    errno.EACCES: "You may not write there. Make the folder writable",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an error of the operating system into a message with advice.

    Args:
        path: the file that is written inside.

    Raises:
        DataError: the code inside failed to write.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        number, why = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
        raise DataError(
            f"{path}: cannot be written ({why or error}). {_HINTS.get(number or 0, 'Fix this')}, "
            "then run the same command again: everything finished is kept."
        ) from error
