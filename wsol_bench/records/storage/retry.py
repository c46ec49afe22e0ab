"""Storage that waits for a disk or store which fails for a while.

An error of reading is never taken for damage: it is retried where it may pass, and otherwise
raised as a `StorageError`, so that no caller confuses it with bytes that cannot be decoded.
An error of writing is retried likewise and raised as it is, for `messages.writing`.
"""

import errno
import re
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import TypeVar

import pyarrow as pa

from wsol_bench.errors import EXIT_DATA, WsolBenchError
from wsol_bench.records.storage.entry import Storage
from wsol_bench.runtime.progress import log

Value = TypeVar("Value")

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between attempts; a minute in all."""
DELAYS_WHEN_STOPPING = (0.5, 1.0)
"""The same once a stop was requested."""

_TRANSIENT = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.ETIMEDOUT,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EPIPE,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.EREMOTEIO,
    }
)
"""Errors of a disk, a connection or a full table of open files, which may pass."""
_FINAL = re.compile(
    "ACCESS_DENIED|NO_SUCH_BUCKET|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_TOKEN"
    "|EXPIRED_TOKEN|NOT_AUTHORIZED|HTTP status 40[0-79]"
)
"""Answers of an object store that another attempt does not change. pyarrow passes them on in
the text of an OSError without a number."""


class StorageError(WsolBenchError):
    """A file of a run cannot be read now; it need not be damaged, and nothing was removed."""

    exit_code = EXIT_DATA


class Retrying:
    """A `Storage` that repeats what fails with an error that may pass.

    Attributes:
        wrapped: the storage that does the work.
        report: called with a line when a file is waited for.
        is_stopping: whether a stop was requested, after which it waits for seconds only.
    """

    def __init__(self, wrapped: Storage, path: Path) -> None:
        """Wraps a storage.

        Args:
            wrapped: raises OSError.
            path: of the folder, for messages.
        """
        self.wrapped, self._path = wrapped, path
        self.report: Callable[[str], None] = log
        self.is_stopping: Callable[[], bool] = lambda: False

    def make(self, folder: str) -> None:
        """See `Storage`."""
        self._repeat(folder, lambda: self.wrapped.make(folder))

    def names(self, folder: str) -> list[str]:
        """See `Storage`; raises StorageError."""
        return self._read(folder, lambda: self.wrapped.names(folder))

    def exists(self, name: str) -> bool:
        """See `Storage`; raises StorageError."""
        return self._read(name, lambda: self.wrapped.exists(name))

    def read(self, name: str) -> bytes:
        """See `Storage`; raises StorageError, and FileNotFoundError if there is no such file."""
        return self._read(name, lambda: self.wrapped.read(name))

    def open(self, name: str) -> pa.NativeFile:
        """See `Storage`; raises StorageError, and FileNotFoundError if there is no such file."""
        return self._read(name, lambda: self.wrapped.open(name))

    def write(self, name: str, content: bytes) -> None:
        """See `Storage`."""
        self._repeat(name, lambda: self.wrapped.write(name, content))

    def create(self, name: str, content: bytes) -> bool:
        """See `Storage`. Of an attempt whose answer was lost, the next one finds the file."""
        failed = False

        def attempt() -> bool:
            nonlocal failed
            try:
                return self.wrapped.create(name, content) or (
                    failed and self.wrapped.read(name) == content
                )
            except OSError:
                failed = True
                raise

        return self._repeat(name, attempt)

    def remove(self, name: str) -> None:
        """See `Storage`; attempted once, since a file that stays does no harm."""
        self.wrapped.remove(name)

    def clean(self, folder: str) -> None:
        """See `Storage`; attempted once."""
        self.wrapped.clean(folder)

    def _read(self, name: str, attempt: Callable[[], Value]) -> Value:
        try:
            return self._repeat(name, attempt)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            raise StorageError(
                f"{self._path / name}: cannot be read ({reason_of(error)}). Nothing was removed. "
                "Run the same command again once the file can be read."
            ) from error

    def _repeat(self, name: str, attempt: Callable[[], Value]) -> Value:
        number = 0
        while True:
            try:
                return attempt()
            except OSError as error:
                delays = DELAYS_WHEN_STOPPING if self.is_stopping() else DELAYS
                if not may_pass(error) or number >= len(delays):
                    raise
                if number == 1:
                    self.report(
                        f"Waiting for {self._path / name} ({reason_of(error)}); trying again for "
                        f"{sum(DELAYS):.0f} s."
                    )
                sleep(delays[number])
                number += 1


def without_retries(storage: Storage) -> Storage:
    """The storage itself, for work that need not be waited for."""
    return storage.wrapped if isinstance(storage, Retrying) else storage


def may_pass(error: OSError) -> bool:
    """Whether another attempt may succeed."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return False
    if error.errno is None:  # of pyarrow
        return _FINAL.search(str(error)) is None
    return error.errno in _TRANSIENT


def reason_of(error: OSError) -> str:
    """The reason in one line, without the full stop."""
    lines = (error.strerror or str(error)).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
