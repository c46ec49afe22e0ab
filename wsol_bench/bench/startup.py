"""The seconds from a command to its output, and from `run` to its first batch."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from wsol_bench.bench.images import synthetic_jpeg
from wsol_bench.bench.timing import Spread
from wsol_bench.errors import RunError
from wsol_bench.runtime.subprograms import environment_of

REPEATS = 3
_MIN_REPEATS = 2
"""Repeats that are made however long they take."""

_WSOL_BENCH = ("-P", "-m", "wsol_bench")
_DEMO_NET = ("--arch=alexnet", "--weights=demo")
_DEMO = ("run", *_DEMO_NET, "--data=demo", "--methods=grad_cam,center")
_RUN = (*_DEMO, "--limit=8", "--batch-size=8", "--quiet")

_UNTIL_FIRST_BATCH = """
import os, sys
from contextlib import contextmanager
from wsol_bench.runtime import progress

@contextmanager
def ends(*arguments, **options):
    yield lambda *done: os._exit(0)

progress.progress = ends
from wsol_bench.__main__ import start
start()
sys.exit("the run ended without a batch")
"""
"""A program that ends where the command's progress first advances."""

_FILES = {"RUN": "run", "RUN.csv": "run.csv", "PHOTO": "photo.jpg", "FIGURE": "figure.png"}
"""Placeholder of a path in a command's arguments -> the name of its file."""

COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "import torch": ("-c", "import torch"),
        "--help": (*_WSOL_BENCH, "--help"),
        "list protocols": (*_WSOL_BENCH, "list", "protocols"),
        "list archs": (*_WSOL_BENCH, "list", "archs"),
        "score RUN": (*_WSOL_BENCH, "score", "RUN"),
        "pairs RUN": (*_WSOL_BENCH, "pairs", "RUN"),
        "breakdown RUN": (*_WSOL_BENCH, "breakdown", "RUN", "--methods=grad_cam"),
        "compare RUN RUN": (*_WSOL_BENCH, "compare", "RUN", "RUN"),
        "export RUN": (*_WSOL_BENCH, "export", "RUN", "RUN.csv", "--format=csv"),
        "run until its first batch": ("-P", "-c", _UNTIL_FIRST_BATCH, *_RUN),
        "run of 8 images": (*_WSOL_BENCH, *_RUN),
        "show PHOTO": (*_WSOL_BENCH, "show", "PHOTO", *_DEMO_NET, "--out", "FIGURE"),
    }
)
"""Name -> the arguments of Python; RUN is a run of the demo, PHOTO a JPEG. The first is what the
last three wait for, and none of the others."""


@dataclass(frozen=True, slots=True)
class StartupCost:
    """The time that a command takes.

    Attributes:
        seconds: by the clock.
        processor: of all its threads together.
    """

    seconds: Spread
    processor: Spread

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        return {
            "seconds": self.seconds.median,
            "seconds_spread": self.seconds.ends,
            "cpu_seconds": self.processor.median,
            "cpu_spread": self.processor.ends,
        }


def measure_startup(
    commands: Mapping[str, Sequence[str]] = COMMANDS,
    repeats: int = REPEATS,
    *,
    budget: float = inf,
    on_round: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, StartupCost]:
    """Runs each command several times in turn, after one round that fills caches.

    Args:
        commands: name -> arguments of Python, in which the placeholders of `_FILES` are
            replaced: RUN by a run's folder, PHOTO by a JPEG.
        repeats: their maximum number.
        budget: seconds after which no round is begun, once two count.
        on_round: called after each round with the number of those done and of all.

    Raises:
        RunError: a command fails.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    begun = time.perf_counter()
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder) / file for name, file in _FILES.items()}
        paths["PHOTO"].write_bytes(synthetic_jpeg())
        if any("RUN" in arguments for arguments in commands.values()):
            _timed("the run that is scored", [*_WSOL_BENCH, *_RUN, f"--out={paths['RUN']}"])
        for number in range(repeats + 1):
            if number > _MIN_REPEATS and time.perf_counter() - begun > budget:
                break
            for name, arguments in commands.items():
                paths["RUN.csv"].unlink(missing_ok=True)
                seconds = _timed(name, [str(paths.get(each, each)) for each in arguments])
                if number:
                    taken[name].append(seconds)
            on_round(number + 1, repeats + 1)
    return {
        name: StartupCost(Spread.of([each[0] for each in all_]), Spread.of([e[1] for e in all_]))
        for name, all_ in taken.items()
    }


def _timed(name: str, arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    before, begun = _processor_seconds(), time.perf_counter()
    finished = subprocess.run(
        [sys.executable, *arguments], env=environment_of(), capture_output=True, text=True
    )
    if finished.returncode:
        last = (finished.stderr.splitlines() or ["no message"])[-1]
        raise RunError(f"start-up, {name}: exit code {finished.returncode} ({last}).")
    return time.perf_counter() - begun, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
