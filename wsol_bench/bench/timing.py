"""Interleaved, repeated timing against a unit.

Machines are shared and noisy, so a time by itself says little. Every task runs once a
round, round after round, and the unit right before and right after each task. A cost is
the median over the rounds of a task's time over the mean of its two units, with the
least and the largest beside it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch

Task = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and largest of some repeats."""

    median: float
    least: float
    largest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))

    def scaled(self, factor: float) -> "Spread":
        """The same in another unit."""
        return Spread(self.median * factor, self.least * factor, self.largest * factor)

    @property
    def ends(self) -> list[float]:
        """Least and largest."""
        return [self.least, self.largest]


@dataclass(frozen=True, slots=True)
class Times:
    """What tasks took.

    Attributes:
        seconds: task -> of each round.
        units: task -> the mean of the unit's seconds before and after it, of each round.
    """

    seconds: Mapping[str, Sequence[float]]
    units: Mapping[str, Sequence[float]]

    def ratio(self, task: str) -> Spread:
        """A task's time in units."""
        return Spread.of(self._ratios(task))

    def over(self, task: str, other: str) -> Spread:
        """A task's time over that of another task, each in its own units."""
        pairs = zip(self._ratios(task), self._ratios(other), strict=True)
        return Spread.of([mine / its for mine, its in pairs])

    def unit(self) -> Spread:
        """Seconds of the unit."""
        return Spread.of([seconds for each in self.units.values() for seconds in each])

    def _ratios(self, task: str) -> list[float]:
        pairs = zip(self.seconds[task], self.units[task], strict=True)
        return [mine / unit for mine, unit in pairs]


def interleaved(
    tasks: Mapping[str, Task],
    unit: Task,
    rounds: int,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Runs every task once a round, and the unit between them.

    Args:
        tasks: at least one, in the order in which a round runs them.
        unit: what costs are given in.
        rounds: how many count; one more goes before them, in which code is compiled,
            memory is allocated and caches are filled.
        device: waited for before and after each task.
        clock: gives seconds.
    """

    def timed(task: Task) -> float:
        _finish(device)
        begun = clock()
        task()
        _finish(device)
        return clock() - begun

    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    units: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        before = timed(unit)
        for name, task in tasks.items():
            taken, after = timed(task), timed(unit)
            if number:
                seconds[name].append(taken)
                units[name].append((before + after) / 2)
            before = after
    return Times(seconds, units)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
