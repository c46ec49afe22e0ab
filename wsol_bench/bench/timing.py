"""Interleaved, repeated timing relative to a unit.

Machines are shared and noisy, so absolute times are unreliable. Every task runs once per
round, with the unit immediately before and after it. A cost is the median over rounds of a
task's time divided by the mean of its two units, reported with minimum and maximum.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

import torch

Task = Callable[[], object]

_MIN_ROUNDS = 2
"""Rounds that count however long they take."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, minimum and maximum of some repeats."""

    median: float
    minimum: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of one or more values."""
        return cls(median(values), min(values), max(values))

    def scaled(self, factor: float) -> "Spread":
        """The spread in another unit."""
        return Spread(self.median * factor, self.minimum * factor, self.maximum * factor)

    @property
    def ends(self) -> list[float]:
        """Minimum and maximum."""
        return [self.minimum, self.maximum]


@dataclass(frozen=True, slots=True)
class Times:
    """The times of all tasks.

    Attributes:
        seconds: task -> seconds in each round.
        units: task -> mean seconds of the unit before and after it, in each round.
    """

    seconds: Mapping[str, Sequence[float]]
    units: Mapping[str, Sequence[float]]

    def ratio(self, task: str) -> Spread:
        """A task's time in units."""
        return Spread.of(self._ratios(task))

    def over(self, task: str, other: str) -> Spread:
        """The time of a task divided by that of another, each in its own units."""
        pairs = zip(self._ratios(task), self._ratios(other), strict=True)
        return Spread.of([mine / its for mine, its in pairs])

    def unit(self) -> Spread:
        """The seconds of the unit."""
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
    on_round: Callable[[int, int], None] = lambda done, total: None,
    budget: float = inf,
) -> Times:
    """Runs every task once per round, and the unit between tasks.

    Args:
        tasks: at least one, in the order of a round.
        unit: the task that costs are relative to.
        rounds: the number of rounds, after one that is discarded, in which code is
            compiled, memory is allocated and caches are filled.
        device: synchronised before and after each task.
        clock: returns seconds.
        on_round: called after each round with the number of those done and of all.
        budget: seconds of the clock after which no round is begun, once two count.
    """

    def timed(task: Task) -> float:
        _finish(device)
        begun = clock()
        task()
        _finish(device)
        return clock() - begun

    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    units: dict[str, list[float]] = {name: [] for name in tasks}
    begun_at = clock()
    for number in range(rounds + 1):
        if number > _MIN_ROUNDS and clock() - begun_at > budget:
            break
        before = timed(unit)
        for name, task in tasks.items():
            taken, after = timed(task), timed(unit)
            if number:
                seconds[name].append(taken)
                units[name].append((before + after) / 2)
            before = after
        on_round(number + 1, rounds + 1)
    return Times(seconds, units)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
