"""kill -9 at random moments: nothing finished is lost, nothing is there twice."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

SEED = 20260


def kill_and_resume(program, whole, folder: Path, kills: int, dice: random.Random) -> list[int]:
    """Kills a run again and again at random moments; gives the shards there at each kill.

    Every other kill waits for a shard first, so that not all fall into the beginning.
    """
    at_kills = []
    run = program.start(folder)
    for kill in range(kills):
        there = shards_of(folder)
        if kill % 2 == 0:
            run.until(lambda run=run, there=there: shards_of(folder) > there or run.printed)
            time.sleep(dice.uniform(0.0, 0.2))
        else:
            time.sleep(dice.uniform(0.0, whole.seconds))
        run.send(signal.SIGKILL)
        # The next is started before this one is reaped: a zombie holds nothing.
        killed, run = run, program.start(folder)
        at_kills += [shards_of(folder)] if killed.wait() == -signal.SIGKILL else []
    assert run.wait() == 0, run.said
    return at_kills


def shards_of(folder: Path) -> int:
    return len(list(folder.glob("examples/*.parquet")))


def test_a_run_that_was_killed_is_resumed_to_the_same_records_and_table(
    program, whole, counted, same_as_whole, tmp_path
):
    folder = tmp_path / "run"
    assert kill_and_resume(program, whole, folder, 2, random.Random(SEED))
    result = program.finish(folder)
    assert counted(folder).lost == counted(folder).doubled == 0
    assert same_as_whole(folder, result)


@pytest.mark.slow
def test_thirty_kills_lose_and_double_nothing(program, whole, counted, same_as_whole, tmp_path):
    dice = random.Random(SEED)
    kills = resumes = lost = doubled = number = 0
    while kills < 30:
        folder, number = tmp_path / f"run{number}", number + 1
        at_kills = kill_and_resume(program, whole, folder, dice.choice([3, 4, 5]), dice)
        result = program.finish(folder)
        count, same = counted(folder), same_as_whole(folder, result)
        kills, resumes = kills + len(at_kills), resumes + len(at_kills)
        lost, doubled = lost + count.lost, doubled + count.doubled
        print(
            f"run {number}: {len(at_kills)} kills, with {at_kills} shards there, resumed each "
            f"time; lost {count.lost}, doubled {count.doubled}, "
            f"tables {'equal' if same else 'DIFFER'}"
        )
        assert same
    print(f"in all: {kills} kills, {resumes} resumes, lost {lost}, doubled {doubled} records")
    assert (lost, doubled) == (0, 0)


def workers_of(pid: int) -> list[int]:
    """The processes that work for a run."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            line = (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if (
            int(fields[1]) == pid
            and fields[0] != "Z"
            and b"wsol_bench.engine.subprocess_main" in line
        ):
            found.append(int(status.parent.name))
    return found


@pytest.mark.slow
def test_workers_that_are_killed_cost_nothing_that_was_finished(program, counted, tmp_path):
    dice = random.Random(SEED)
    alone, folder = tmp_path / "alone", tmp_path / "run"
    crops = "--protocol=cam-cvpr16"  # ten of them, so that the work outlasts the kills
    expected = program.finish(alone, crops)
    run = program.start(folder, crops, "--workers=2")
    for kill in range(3):
        run.until(lambda there=kill + 1: shards_of(folder) >= there and workers_of(run.pid))
        victim = dice.choice(workers_of(run.pid))
        print(f"{shards_of(folder)} shards are there; killing worker {kill + 1}")
        os.kill(victim, signal.SIGKILL)
    assert run.wait() == 0, run.said
    assert run.said.count("Lost a worker") == 3
    assert json.loads(run.printed)["rows"] == expected["rows"]
    for path in sorted(alone.glob("*/*.*")):
        assert (folder / path.relative_to(alone)).read_bytes() == path.read_bytes()
    count = counted(folder)
    print(f"lost {count.lost}, doubled {count.doubled}, tables equal")
    assert count.lost == count.doubled == 0


@pytest.mark.slow
def test_a_halted_worker_is_relieved_replaced_and_does_not_delay_a_stop(
    program, counted, same_as_whole, tmp_path
):
    folder = tmp_path / "run"
    run = program.start(folder, "--workers=2")
    run.until(lambda: shards_of(folder) >= 1 and len(workers_of(run.pid)) == 2)
    victim = workers_of(run.pid)[0]
    os.kill(victim, signal.SIGSTOP)
    run.until(lambda: "has not answered for 30 s" in run.said)
    # All but the shard that it has in hand, and the one that it had not started too.
    run.until(lambda: shards_of(folder) >= 11)
    run.until(lambda: "Lost a worker" in run.said)
    assert run.wait() == 0, run.said
    assert "has not answered for 6" in run.said
    assert not Path(f"/proc/{victim}").exists()
    assert same_as_whole(folder, json.loads(run.printed))

    again = program.start(tmp_path / "stopped", "--workers=2")
    again.until(lambda: shards_of(tmp_path / "stopped") >= 1 and len(workers_of(again.pid)) == 2)
    os.kill(workers_of(again.pid)[0], signal.SIGSTOP)
    begun = time.monotonic()
    again.send(signal.SIGTERM)
    assert again.wait() == 130, again.said
    print(f"stopped after {time.monotonic() - begun:.1f} s")
    assert time.monotonic() - begun < 25


@pytest.mark.slow
def test_workers_end_when_the_run_that_they_work_for_is_killed(program, shards, tmp_path):
    run = program.start(tmp_path / "run", "--workers=2")
    run.until(lambda: len(workers_of(run.pid)) == 2)
    workers = workers_of(run.pid)
    run.send(signal.SIGKILL)
    run.wait()
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end, "a worker outlived its run"
        time.sleep(0.1)
