"""Detection of workers that no longer answer or make progress.

A worker sends a sign of life every few seconds, with the processor time that it has used. One
that sends none is stopped or its machine is gone; one that sends them and neither finishes a
batch nor uses a processor waits for something, such as a disk that does not answer. A long
batch is neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

_MAX_TICK = 2.0
"""Seconds counted at most between two checks: time in which the run itself was halted, or
waited for its own disk, is not the workers'."""
_BUSY = 0.02
"""Share of one processor above which a worker counts as working."""


@dataclass(slots=True)
class _Signs:
    """The last signs of a worker, in the watch's seconds."""

    heard: float
    progress: float
    processor: float = 0.0


class Watch:
    """Counts the seconds since workers last answered and last made progress.

    A worker is watched from its first message on: before that it may wait for a place.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Watches no worker at first."""
        self._clock, self._read_at, self._now = clock, clock(), 0.0
        self._signs: dict[int, _Signs] = {}

    def tick(self) -> None:
        """Advances the watch; to be called whenever the run listens."""
        now = self._clock()
        self._now += min(now - self._read_at, _MAX_TICK)
        self._read_at = now

    def workers(self) -> list[int]:
        """The workers that are watched."""
        return list(self._signs)

    def made_progress(self, worker: int) -> None:
        """Notes any message but a sign of life."""
        signs = self._signs.setdefault(worker, _Signs(self._now, self._now))
        signs.heard = signs.progress = self._now

    def alive(self, worker: int, processor: float, *, has_work: bool) -> None:
        """Notes a sign of life.

        Args:
            worker: its number.
            processor: the seconds of processor time that it has used.
            has_work: whether progress is expected of it.
        """
        signs = self._signs.setdefault(worker, _Signs(self._now, self._now, processor))
        signs.heard = self._now
        used = processor - signs.processor
        if not has_work or used > _BUSY * (self._now - signs.progress):
            signs.progress, signs.processor = self._now, processor

    def forget(self, worker: int) -> None:
        """Stops watching a worker that is lost."""
        self._signs.pop(worker, None)

    def silence(self, worker: int) -> float:
        """Seconds without any message."""
        return self._now - self._signs[worker].heard if worker in self._signs else 0.0

    def standstill(self, worker: int) -> float:
        """Seconds without progress."""
        return self._now - self._signs[worker].progress if worker in self._signs else 0.0
