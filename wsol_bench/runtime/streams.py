"""Standard output and error that may be closed, full or in another encoding.

Hours of work must not be lost because nobody reads a line of progress, and the exit code
must not depend on who reads the table. So writing never raises: text that cannot be written
is dropped, and `Written.failure` holds the reason.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

_LAST_STANDARD = 2
"""The highest file descriptor of the standard streams."""


class Written:
    """A text stream that drops text it cannot write.

    Attributes:
        failure: the first error, or None. Nothing is written after it.
    """

    def __init__(self, stream: TextIO) -> None:
        """Wraps a stream; everything but writing is delegated to it."""
        self._stream = stream
        self.failure: OSError | ValueError | None = None

    def write(self, text: str) -> int:
        """Writes, unless an earlier write failed."""
        if self.failure is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:  # ValueError: the stream is closed
                self._give_up(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Writes each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes, unless an earlier write failed."""
        if self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self, error: OSError | ValueError) -> None:
        self.failure = error
        with suppress(OSError, ValueError):  # else Python fails again at exit
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[Written]:
    """Inside, writing to standard output and error never raises.

    A pipe or a file gets UTF-8 in every locale; a terminal with another encoding gets a
    question mark for each character that it cannot show.

    Yields:
        standard output.
    """
    before = sys.stdout, sys.stderr
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        # Python sets streams that are closed at its start to None.
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
    """Opens the null device as file descriptors 0 to 2 where closed, so that no file gets one."""
    while True:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle > _LAST_STANDARD:
            os.close(handle)
            return
