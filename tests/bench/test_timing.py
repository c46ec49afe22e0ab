"""Interleaving, and ratios that a drifting machine does not move."""

import pytest
import torch

from wsol_bench.bench.timing import Spread, Task, interleaved

CPU = torch.device("cpu")


class Machine:
    """A clock that tasks move forward, faster or slower from round to round."""

    def __init__(self, speeds: list[float]) -> None:
        self.now, self.ran, self.speeds = 0.0, list[str](), speeds

    def clock(self) -> float:
        return self.now

    def task(self, name: str, seconds: float, tasks_a_round: int) -> Task:
        def run() -> None:
            number = self.ran.count(name) // tasks_a_round
            self.now += seconds / self.speeds[min(number, len(self.speeds) - 1)]
            self.ran.append(name)

        return run


def test_a_round_runs_the_unit_before_and_after_every_task() -> None:
    machine = Machine([1.0])
    tasks = {name: machine.task(name, 1, 1) for name in ("a", "b")}
    interleaved(tasks, machine.task("unit", 1, 3), 2, CPU, machine.clock)
    assert "".join(name[0] for name in machine.ran) == "uaubu" * 3


def test_a_ratio_stays_what_it_is_on_a_machine_that_slows_down() -> None:
    machine = Machine([1.0, 1.0, 0.5, 0.1])
    tasks = {"a": machine.task("a", 6, 1), "b": machine.task("b", 3, 1)}
    times = interleaved(tasks, machine.task("unit", 2, 3), 3, CPU, machine.clock)
    assert times.seconds["a"] == [6, 12, 60]
    assert times.ratio("a") == Spread(3.0, 3.0, 3.0)
    assert times.over("a", "b") == Spread(2.0, 2.0, 2.0)
    assert times.unit() == Spread(4.0, 2.0, 20.0)


def test_the_first_round_does_not_count() -> None:
    machine = Machine([0.001, 1.0, 1.0])
    times = interleaved({"a": machine.task("a", 5, 1)}, lambda: None, 2, CPU, machine.clock)
    assert times.seconds["a"] == [5, 5]


def test_a_unit_that_changes_across_a_task_counts_as_its_mean() -> None:
    machine = Machine([1.0])
    taken = iter([9.0, 9.0, 1.0, 3.0])

    def unit() -> None:
        machine.now += next(taken)

    times = interleaved({"a": machine.task("a", 8, 1)}, unit, 1, CPU, machine.clock)
    assert times.ratio("a").median == 8 / 2


def test_a_spread_is_median_least_and_largest() -> None:
    spread = Spread.of([5.0, 1.0, 2.0])
    assert (spread.median, spread.ends) == (2.0, [1.0, 5.0])
    assert spread.scaled(10).ends == pytest.approx([10.0, 50.0])


def test_a_budget_ends_the_rounds_after_two_that_count() -> None:
    now = [0.0]

    def work() -> None:
        now[0] += 10.0

    done: list[tuple[int, int]] = []
    times = interleaved(
        {"a": work},
        work,
        rounds=9,
        device=torch.device("cpu"),
        clock=lambda: now[0],
        on_round=lambda *each: done.append(each),
        budget=45.0,
    )
    assert len(times.seconds["a"]) == 2
    assert done == [(1, 10), (2, 10), (3, 10)]
