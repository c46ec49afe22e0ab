"""Ctrl-C and SIGTERM: the current batch is finished and stored, then the run ends."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from wsol_bench.errors import EXIT_INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


class Stop:
    """A request to stop, made by a signal.

    Attributes:
        asked: whether a signal arrived inside `gently`.
    """

    def __init__(self) -> None:
        """No stop is requested at first."""
        self.asked = False
        self._gentle = False
        self._at_once: list[Callable[[], None]] = []
        # Signals that a shell makes background jobs ignore stay ignored.
        self._signals = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]

    @contextmanager
    def gently(self) -> Iterator[None]:
        """Inside, a signal only sets `asked`; outside it raises KeyboardInterrupt.

        A second Ctrl-C ends the process at once. A second SIGTERM does not: job schedulers
        repeat it before they kill.
        """
        self.install()  # Ray replaces the handlers
        self._gentle = True
        try:
            yield
        finally:
            self._gentle = False

    @contextmanager
    def at_once(self, clean: Callable[[], None]) -> Iterator[None]:
        """Inside, `clean` is called before a second Ctrl-C ends the process."""
        self._at_once.append(clean)
        try:
            yield
        finally:
            self._at_once.remove(clean)

    def install(self) -> None:
        """Installs the handlers, if this is the main thread."""
        if threading.current_thread() is threading.main_thread():
            for number in self._signals:
                signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._gentle:
            raise KeyboardInterrupt
        if self.asked and number == signal.SIGINT:
            self._end()
        if not self.asked:
            self.asked = True
            _log("\nFinishing the current batch. Ctrl-C again stops at once.")

    def _end(self) -> None:
        for clean in self._at_once:
            with suppress(Exception):
                clean()
        _log("Stopped at once: the current batch is lost, everything written before is complete.")
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
        os._exit(EXIT_INTERRUPTED)


@contextmanager
def on_signals() -> Iterator[Stop]:
    """Handles signals as `Stop` describes while inside; restores the handlers afterwards."""
    stop = Stop()
    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS} if in_main else {}
    stop.install()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log(text: str) -> None:
    """Writes to stderr directly: a signal may interrupt Python's own stream."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())
