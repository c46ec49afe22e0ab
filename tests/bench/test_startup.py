"""Start-up is measured of programs that run, and a program that fails is reported."""

import pytest

from wsol_bench.bench.startup import COMMANDS, measure_startup
from wsol_bench.errors import RunError


def test_the_seconds_of_a_command_are_those_of_the_clock_and_of_the_processor() -> None:
    costs = measure_startup(
        {"sleep": ("-c", "import time; time.sleep(0.3)"), "work": ("-c", "sum(range(10**7))")},
        repeats=2,
    )
    assert costs["sleep"].seconds.minimum >= 0.3
    assert costs["sleep"].processor.minimum < costs["sleep"].seconds.minimum
    assert 0 < costs["work"].processor.minimum <= costs["work"].processor.maximum
    assert set(costs["work"].to_json()) == {
        "seconds",
        "seconds_spread",
        "cpu_seconds",
        "cpu_spread",
    }


def test_a_command_that_fails_is_named_with_its_last_line() -> None:
    with pytest.raises(RunError, match=r"start-up, broken: exit code 1 \(broken\)"):
        measure_startup({"broken": ("-c", "raise SystemExit('broken')")}, repeats=1)


def test_what_commands_wait_for_is_among_them() -> None:
    expected = {"import torch", "--help", "list archs", "score RUN", "run until its first batch"}
    assert expected <= set(COMMANDS)


@pytest.mark.slow
def test_each_command_ends_well_and_a_run_ends_with_its_first_batch() -> None:
    rounds: list[tuple[int, int]] = []
    costs = measure_startup(repeats=1, on_round=lambda *done: rounds.append(done))
    assert list(costs) == list(COMMANDS)
    assert rounds == [(1, 2), (2, 2)]


def test_no_round_begins_after_the_budget_once_two_count() -> None:
    rounds: list[int] = []
    measure_startup(
        {"nothing": ("-c", "")}, 9, budget=0.0, on_round=lambda done, _: rounds.append(done)
    )
    assert rounds == [1, 2, 3]
