"""Progress and messages on stderr: a bar on a terminal, plain lines elsewhere."""

import shutil
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Protocol as Interface

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as ProgressBar
from rich.table import Column
from rich.text import Text

from wsol_bench.runtime.notebook import NotebookLine, in_notebook

_SECONDS_BETWEEN_LINES = 10.0
_SURE = 10
"""Finished units, or one in a hundred if these are fewer, before the time left is estimated."""

_MAX_WIDTH = 100
"""Columns of the bar with its text; a line as wide as a large screen is hard to follow."""


class Progress(Interface):
    """Called with the number of images just finished, and a note."""

    def __call__(self, images: int, note: str | None = None, /) -> None:
        """Advances the bar.

        Args:
            images: the number of images finished since the last call.
            note: text beneath the bar, such as the errors so far; None keeps the last.
        """
        ...


def silent(images: int, note: str | None = None, /) -> None:
    """A `Progress` that shows nothing."""


def log(message: str) -> None:
    """Prints one message on stderr; a terminal gets line breaks between words."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        lines = (textwrap.wrap(line, width, break_on_hyphens=False) for line in message.split("\n"))
        message = "\n".join("\n".join(wrapped) for wrapped in lines)
    print(message, file=sys.stderr, flush=True)


@contextmanager
def progress(
    what: str, total: int, *, quiet: bool = False, unit: str = "images", brief: bool = False
) -> Iterator[Progress]:
    """Shows the progress of `total` images, or other units of work, while inside.

    Args:
        what: the stage, such as a network's name.
        total: the number of images; for 0 nothing is shown.
        quiet: show nothing.
        unit: what is counted, in the plural.
        brief: leave nothing behind: a terminal's bar goes at the end, and elsewhere work
            that takes less than a line's interval logs nothing.

    Yields:
        a function to call with the number of images just finished and a note.
    """
    console = Console(stderr=True)
    if quiet or not total:
        yield silent
    elif console.is_terminal:
        console.width = min(console.width, _MAX_WIDTH)
        with Live(console=console, transient=brief) as live:
            yield _Bar(what, total, live, unit).advance
    elif in_notebook():
        line = NotebookLine()
        try:
            yield _NotebookBar(what, total, unit, line).advance
        finally:
            line.clear()
    else:
        yield _Lines(what, total, unit, brief).advance


class _Count:
    """Counts finished images; times end at the last of them."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.done, self.unit = total, 0, unit
        self.started = self.last = time.monotonic()

    def add(self, images: int) -> None:
        self.done += images
        self.last = time.monotonic()

    @property
    def finished(self) -> bool:
        return self.done >= self.total

    @property
    def seconds(self) -> float:
        return max(self.last - self.started, 1e-9)

    @property
    def rate(self) -> str:
        per_second = self.done / self.seconds
        return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.1f}"

    @property
    def words(self) -> list[str]:
        """Count, rate and time left."""
        count = f"{self.done}/{self.total} {self.unit}"
        return [part for part in (count, f"{self.rate} {self.unit}/s", self.time) if part]

    @property
    def time(self) -> str:
        """The time left at the current rate; at the end, the total."""
        if self.finished:
            return f"{_clock(self.seconds)} in all"
        if self.done < min(_SURE, self.total / 100):  # the first takes as long as compilation
            return ""
        return f"{_clock((self.total - self.done) * self.seconds / self.done)} left"


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


class _Bar:
    """A bar with text beneath it, redrawn in place."""

    def __init__(self, what: str, total: int, live: Live, unit: str) -> None:
        self.count, self.live = _Count(total, unit), live
        self.bar = ProgressBar(
            TextColumn(what),
            BarColumn(None, complete_style="blue"),
            _Words(self.count),
            expand=True,
            auto_refresh=False,
        )
        self.task = self.bar.add_task(what, total=total)
        self.note = ""
        self._show()

    def advance(self, images: int, note: str | None = None, /) -> None:
        self.count.add(images)
        self.bar.update(self.task, advance=images)
        self.note = self.note if note is None else note
        self._show()

    def _show(self) -> None:
        # At the end the result table replaces it.
        shown = self.note and not self.count.finished
        beneath = [Text(self.note, style="dim")] if shown else []
        self.live.update(Group(self.bar, *beneath), refresh=True)


class _Words(ProgressColumn):
    """Count, rate and time left; the bar gets the remaining width."""

    def __init__(self, count: _Count) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self.count = count

    def render(self, task: Task) -> Text:
        parts = [f"{self.count.done:,}/{self.count.total:,}"]
        if self.count.done:
            parts += [f"{self.count.rate} {self.count.unit}/s", self.count.time]
        return Text("  ".join(parts), no_wrap=True)


class _NotebookBar:
    """A bar and a line of text beneath a notebook's cell, at most a few times a second."""

    _SECONDS_BETWEEN = 0.2

    def __init__(self, what: str, total: int, unit: str, line: NotebookLine) -> None:
        self.what, self.line = what, line
        self.count = _Count(total, unit)
        self.reported = 0.0
        self.note = ""

    def advance(self, images: int, note: str | None = None, /) -> None:
        self.count.add(images)
        self.note = self.note if note is None else note
        if self.count.last - self.reported < self._SECONDS_BETWEEN and not self.count.finished:
            return
        self.reported = self.count.last
        share = self.count.done / max(self.count.total, 1)
        self.line.show(f"{self.what}: {', '.join(self.count.words)} {self.note}", share)


class _Lines:
    """A line every few seconds, for log files."""

    def __init__(self, what: str, total: int, unit: str, brief: bool) -> None:
        self.what, self.count, self.reported = what, _Count(total, unit), time.monotonic()
        self.brief = brief
        self.note = ""

    def advance(self, images: int, note: str | None = None, /) -> None:
        self.count.add(images)
        self.note = self.note if note is None else note
        took = self.count.seconds
        ends = self.count.finished and (not self.brief or took >= _SECONDS_BETWEEN_LINES)
        if not ends and self.count.last - self.reported < _SECONDS_BETWEEN_LINES:
            return
        self.reported = self.count.last
        last = [self.note] if self.note and not self.count.finished else []
        log(f"{self.what}: {', '.join([*self.count.words, *last])}")
