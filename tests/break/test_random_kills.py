"""Sixty kills at random moments, of any process that a run consists of."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("WSOL_BENCH_TEST_KILLS", "60"))
SEED = int(os.environ.get("WSOL_BENCH_TEST_SEED", "16060"))
PATIENCE = 900.0
LAUNCH = Path(__file__).parent / "launch.py"

Process = tuple[int, str]
"""Process id and start time, since ids are used again."""


def processes() -> dict[Process, tuple[int, str]]:
    """Every process that has not ended -> its parent and its command."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if fields[0] != "Z":
            found[int(status.parent.name), fields[19]] = int(fields[1]), command
    return found


def family_of(pid: int) -> dict[Process, str]:
    """A process's descendants -> their commands."""
    every, parents, found = processes(), {pid}, {}
    while True:
        born = {one: line for one, (parent, line) in every.items() if parent in parents}
        if not set(born) - set(found):
            return found
        found |= born
        parents |= {one for one, _ in born}


def alive(pid: int) -> bool:
    return any(one == pid for one, _ in processes())


@dataclass(frozen=True)
class Started:
    """A run: its process, what waits for its exit code, and what it has said."""

    pid: int
    wait: Callable[[], int]
    said: Callable[[], str]


@dataclass
class Campaign:
    """The folder that is being made, what was killed, and what outlived its run."""

    program: object
    tmp_path: Path
    dice: random.Random
    number: int = 0
    kills: Counter = field(default_factory=Counter)
    orphans: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.tmp_path / f"run{self.number}"

    @property
    def shards(self) -> int:
        return len(list(self.folder.glob("examples/*.parquet")))

    def start(self, *more: str, ray: bool) -> "Started":
        """The program, forked where it is in memory already; Ray needs a process of its own."""
        if not ray:
            run = self.program.start(self.folder, *more)
            return Started(run.pid, run.wait, lambda: run.said)
        command = [sys.executable, str(LAUNCH), "4", *self.program.arguments, *more]
        command += [f"--out={self.folder}", "--engine=ray"]
        with (self.tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
            )
        return Started(process.pid, process.wait, (self.tmp_path / "said").read_text)

    def strike(self, run: "Started", kind: str, victims: Callable[[], list[int]]) -> bool:
        """Kills one of the victims once another shard is there; whether the run still ran."""
        there, end = self.shards, time.monotonic() + PATIENCE
        while alive(run.pid) and (self.shards <= there or not victims()):
            assert time.monotonic() < end, run.said()
            time.sleep(0.01)
        time.sleep(self.dice.uniform(0.0, 0.1))
        choice = victims() if alive(run.pid) else []
        if not choice:
            return False
        os.kill(self.dice.choice(choice), signal.SIGKILL)
        self.kills[kind] += 1
        return True

    def end(self, run: "Started", family: dict[Process, str]) -> int:
        """Waits for the run and for all processes that it had started; its exit code."""
        code = run.wait()
        end = time.monotonic() + PATIENCE
        while (left := set(family) & set(processes())) and time.monotonic() < end:
            time.sleep(0.1)
        self.orphans += [family[one] for one in left]
        for pid, _ in left:
            os.kill(pid, signal.SIGKILL)
        return code

    def attack(self, kind: str) -> tuple[int, str]:
        """One run with one kill; its exit code and what it said."""
        flags, ray, named = KINDS[kind]
        run = self.start(*flags, ray=ray)
        family: dict[Process, str] = {}

        def victims() -> list[int]:
            family.update(family_of(run.pid))
            if not named:
                return [run.pid]
            return [one for (one, _), line in family.items() if named in line and alive(one)]

        self.strike(run, kind, victims)
        family.update(family_of(run.pid))
        return self.end(run, family), run.said()


KINDS: dict[str, tuple[tuple[str, ...], bool, str]] = {
    "process": ((), False, ""),
    "parent": (("--workers=2",), False, ""),
    "worker": (("--workers=2",), False, "wsol_bench.engine.subprocess_main"),
    "driver of Ray": (("--workers=1",), True, ""),
    "Ray actor": (("--workers=1",), True, "ray::RayWorker"),
    "raylet": (("--workers=1",), True, "raylet/raylet"),
}
"""Kind -> flags, whether over Ray, and what the victim's command contains; the run's own
process where that is empty."""
WEIGHTS = (6, 3, 3, 1, 1, 1)
SURVIVED = ("worker", "Ray actor")
"""Kinds that a run survives."""
RAYLET_CODES = (1, 0)
"""A run without its raylet fails, unless it had all records already."""


def test_random_kills_lose_double_and_orphan_nothing(
    program, whole, counted, same_as_whole, tmp_path
):
    campaign = Campaign(program, tmp_path, random.Random(SEED))
    lost = doubled = finished = 0
    kinds, started = list(KINDS), time.monotonic()
    while campaign.kills.total() < KILLS:
        kind = campaign.dice.choices(kinds, WEIGHTS)[0]
        before = campaign.kills[kind]
        code, said = campaign.attack(kind)
        if "Ray did not start" in said:  # on a machine that is too busy; nothing was killed
            print(f"{kind}: Ray did not start", flush=True)
            continue
        assert "Traceback" not in said
        assert not campaign.orphans
        if campaign.kills[kind] > before and kind not in SURVIVED:
            assert code in (RAYLET_CODES if kind == "raylet" else (-signal.SIGKILL,)), said
        else:
            assert code == 0, said
        print(
            f"{time.monotonic() - started:5.0f} s, kill {campaign.kills.total()}, {kind}: "
            f"exit code {code}, {campaign.shards} shards",
            flush=True,
        )
        if code == 0:
            finished += 1
            result = program.finish(campaign.folder)
            count = counted(campaign.folder)
            lost, doubled = lost + count.lost, doubled + count.doubled
            assert same_as_whole(campaign.folder, result)
            campaign.number += 1
    result = program.finish(campaign.folder)
    assert same_as_whole(campaign.folder, result)
    print(
        f"{campaign.kills.total()} kills ({dict(campaign.kills)}), {finished + 1} finished runs: "
        f"lost {lost}, doubled {doubled} records, {len(campaign.orphans)} orphans"
    )
    assert (lost, doubled, campaign.orphans) == (0, 0, [])
