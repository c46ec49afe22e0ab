"""The seconds from a command to its output, or to the end of a run of one image."""

import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wsol_bench.bench.timing import Spread
from wsol_bench.errors import RunError
from wsol_bench.runtime.subprograms import environment_of

REPEATS = 3

_WSOL_BENCH = ("-P", "-m", "wsol_bench")
_RUN = ("run", "--arch=alexnet", "--weights=demo", "--data=demo", "--limit=1", "--quiet")
COMMANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "import torch": ("-c", "import torch"),
        "--help": (*_WSOL_BENCH, "--help"),
        "list protocols": (*_WSOL_BENCH, "list", "protocols"),
        "list archs": (*_WSOL_BENCH, "list", "archs"),
        "run of one image": (*_WSOL_BENCH, *_RUN, "--methods=grad_cam"),
    }
)
"""Name -> the arguments of Python. The first is what most of the others wait for."""


@dataclass(frozen=True, slots=True)
class StartupCost:
    """What a command takes.

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
    commands: Mapping[str, Sequence[str]] = COMMANDS, repeats: int = REPEATS
) -> dict[str, StartupCost]:
    """Runs each command some times in turn, after one round that fills caches.

    Raises:
        RunError: a command fails.
    """
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(repeats + 1):
        for name, arguments in commands.items():
            seconds = _timed(arguments)
            if number:
                taken[name].append(seconds)
    return {
        name: StartupCost(Spread.of([each[0] for each in all_]), Spread.of([e[1] for e in all_]))
        for name, all_ in taken.items()
    }


def _timed(arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    before, begun = _processor_seconds(), time.perf_counter()
    finished = subprocess.run(
        [sys.executable, *arguments], env=environment_of(), capture_output=True, text=True
    )
    if finished.returncode:
        last = (finished.stderr.splitlines() or ["no message"])[-1]
        raise RunError(f"{' '.join(arguments)}: exit code {finished.returncode} ({last}).")
    return time.perf_counter() - begun, _processor_seconds() - before


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
