"""The message of a file that cannot be written."""

from collections.abc import Iterator
from contextlib import contextmanager

from wsol_bench.errors import DataError


@contextmanager
def writing_file(name: object) -> Iterator[None]:
    """Reports that a file cannot be written.

    Args:
        name: of the file in the message, such as its path, or a flag with it.

    Raises:
        DataError: the file cannot be written; states why.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{name}: cannot be written ({error.strerror or error}).") from error
