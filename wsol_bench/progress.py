"""How far a run is, on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wsol_bench.records import Progress as Advance

_SECONDS_BETWEEN_LINES = 10.0


def say(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int, *, quiet: bool = False) -> Iterator[Advance]:
    """Shows the progress of `total` images while inside.

    Yields:
        a function to call with the number of images just finished.
    """
    console = Console(stderr=True)
    if quiet:
        yield lambda images: None
    elif console.is_terminal:
        with Progress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
        ) as bar:
            task = bar.add_task(what, total=total, rate="")
            count = _Counter(total)

            def advance(images: int) -> None:
                count.add(images)
                bar.update(task, advance=images, rate=f"{count.rate:.1f} images/s")

            yield advance
    else:
        yield _Lines(what, total).advance


class _Counter:
    """Images done since it was made."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.started = total, 0, time.monotonic()

    def add(self, images: int) -> None:
        self.done += images

    @property
    def rate(self) -> float:
        return self.done / max(time.monotonic() - self.started, 1e-9)


class _Lines:
    """A line now and then, for logs."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.count, self.said = what, _Counter(total), time.monotonic()

    def advance(self, images: int) -> None:
        self.count.add(images)
        now = time.monotonic()
        finished = self.count.done >= self.count.total
        if not finished and now - self.said < _SECONDS_BETWEEN_LINES:
            return
        self.said = now
        left = (self.count.total - self.count.done) / self.count.rate
        say(
            f"{self.what}: {self.count.done}/{self.count.total} images, "
            f"{self.count.rate:.1f} images/s, {left:.0f} s left"
        )
