"""Ctrl-C and SIGTERM: what is in hand is finished and kept, then the run ends."""

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
    """Whether this process was asked to stop.

    Attributes:
        asked: by a signal that came while `gently` was entered.
    """

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = False
        self._gentle = False
        self._at_once: list[Callable[[], None]] = []
        # What a shell has a background job ignore, it goes on to ignore.
        self._signals = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]

    @contextmanager
    def gently(self) -> Iterator[None]:
        """Inside, a signal only sets `asked`; outside it is a KeyboardInterrupt.

        A second Ctrl-C ends the process on the spot. A second SIGTERM does not:
        schedulers send it again before they kill.
        """
        self.install()  # Ray puts its own in place of ours
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
        """Takes the signals, where Python lets this thread have them."""
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
            _tell("\nFinishing the batch in hand. Ctrl-C again stops at once.")

    def _end(self) -> None:
        for clean in self._at_once:
            with suppress(Exception):
                clean()
        _tell("Stopped at once: the batch in hand is lost, what was written before is whole.")
        if sys.stderr.isatty():
            os.write(2, _SHOW_CURSOR)
        os._exit(EXIT_INTERRUPTED)


@contextmanager
def on_signals() -> Iterator[Stop]:
    """Inside, signals do as `Stop` says; afterwards as they did before."""
    stop = Stop()
    in_main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in _SIGNALS} if in_main else {}
    stop.install()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(text: str) -> None:
    """Straight to stderr: Python's own stream may be in the middle of a line of its own."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())
