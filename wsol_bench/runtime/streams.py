"""Standard output and error that may be closed, full or of another encoding.

What a program has worked out for hours must not be lost because nobody reads a line of
its progress, and the exit code must not depend on who reads the table. So writing never
raises: what cannot be written is dropped, and `Written.failure` says why.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_LAST_STANDARD = 2
"""File descriptors up to this are the standard streams'."""


class Written:
    """A text stream that drops what cannot be written.

    Attributes:
        failure: the first error, or None. After it nothing more is tried.
    """

    def __init__(self, stream: TextIO) -> None:
        """Wraps a stream; all that is not writing is the stream's own."""
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Writes, unless something failed before."""
        if self.failure is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:  # the latter: it is closed
                self._give_up(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes, unless something failed before."""
        if self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError | ValueError) -> None:
        self.failure = error
        with suppress(OSError, ValueError):  # else Python fails once more when it ends
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[Written]:
    """Inside, writing to standard output and error never raises.

    A pipe or a file gets UTF-8, whatever the locale says; a terminal of another encoding
    gets a question mark for what it cannot show.

    Yields:
        standard output.
    """
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        # Python has None for a stream that was closed when it started.
        out, err = (Written(stream or nowhere) for stream in before)
        with suppress(AttributeError, ValueError, OSError):  # not a plain stream, as in a notebook
            if out.isatty():
                out.reconfigure(errors="replace")
            else:
                out.reconfigure(encoding="utf-8", errors="backslashreplace")
        sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
        try:
            yield out
        finally:
            out.flush()
            err.flush()
            sys.stdout, sys.stderr = before


def open_closed_streams() -> None:
    """Fills file descriptors 0 to 2 that are closed, so that no file of ours becomes one."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > _LAST_STANDARD:
            os.close(handle)
            return
