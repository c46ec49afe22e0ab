"""The costs of a case, all parts together."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import inf
from typing import Any

from wsol_bench.bench.case import BenchSettings, Case, cases
from wsol_bench.bench.images import image_tasks
from wsol_bench.bench.methods import core_tasks, method_tasks
from wsol_bench.bench.operations import Counted, count, measure_peak
from wsol_bench.bench.peers import PEERS, PeerCost, Peers
from wsol_bench.bench.pipeline import PipelineCost, measure_pipeline
from wsol_bench.bench.startup import StartupCost, measure_startup
from wsol_bench.bench.thresholds import (
    ONE_SWEEP,
    SweepCost,
    maps_from,
    measure_sweep,
    smooth_maps,
)
from wsol_bench.bench.timing import Spread, Task, interleaved
from wsol_bench.datasets.example import Dataset
from wsol_bench.errors import find
from wsol_bench.networks.determinism import fix_order_of_sums
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.runtime.machine import machine, versions

SCHEMA = 2
PLAIN = "forward of the net as built"
PIPELINE = "pipeline"
TASKS: Mapping[str, Callable[[Case], dict[str, Task]]] = {
    "core": core_tasks,
    "methods": method_tasks,
    "images": image_tasks,
}
"""The parts that are timed in the same rounds as the unit."""
PARTS = (*TASKS, "operations", "pipeline", "sweep", "startup")
"""The choices of `--parts`."""
QUICK_PARTS = ("core", "startup")
"""The default; `all` measures every part."""
QUICK_SECONDS = 80.0
"""Seconds after which the default begins no further round of its tasks."""
QUICK_STARTUP_SECONDS = 45.0
"""Seconds after which the default begins no further round of commands."""
ALL_PARTS = tuple(part for part in PARTS if part != "core")
"""`--parts all`; the part `methods` holds the tasks of `core`."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The costs of one case.

    Attributes:
        facts: arch, weights, device, batch size, machine and versions.
        forward_ms: milliseconds of the unit.
        ratios: task -> cost in forward passes.
        counted: multiply-adds, or None if not requested.
        pipeline, sweep, startup: likewise; of the latter, command -> its cost.
        peers: the cost of each requested library.
    """

    facts: Mapping[str, Any]
    forward_ms: Spread
    ratios: Mapping[str, Spread]
    counted: Counted | None = None
    pipeline: PipelineCost | None = None
    sweep: SweepCost | None = None
    startup: Mapping[str, StartupCost] | None = None
    peers: tuple[PeerCost, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The object that `bench --json` prints; parts that were not requested are null."""
        return {
            "schema": SCHEMA,
            **self.facts,
            "forward_ms": self.forward_ms.median,
            "forward_ms_spread": self.forward_ms.ends,
            "ratios": {name: each.median for name, each in self.ratios.items()},
            "spread": {name: each.ends for name, each in self.ratios.items()},
            "counted": self.counted and self.counted.to_json(),
            "pipeline": self.pipeline and self.pipeline.to_json(),
            "sweep_1000_ms": self.sweep and self.sweep.milliseconds[ONE_SWEEP].median,
            "sweep": self.sweep and self.sweep.to_json(),
            "startup": self.startup
            and {name: each.to_json() for name, each in self.startup.items()},
            "peers": {peer.name: peer.to_json() for peer in self.peers},
        }


def measure(
    settings: BenchSettings, dataset: Dataset, log: Callable[[str], None]
) -> Iterator[Measured]:
    """Measures the cases one after the other.

    Args:
        settings: validated, also with `check_names`.
        dataset: the images of the batches and of the pipeline.
        log: called with a line about each part.

    Raises:
        WeightsError, DataError: weights or an image are missing or bad.
    """
    fix_order_of_sums()  # as a run does
    for case in cases(settings, dataset):
        with exact_float32():
            yield _measure_case(case, settings, dataset, log)


def check_names(settings: BenchSettings) -> None:
    """Checks that parts and libraries are known.

    Raises:
        UsageError: one is not; lists the known ones.
    """
    for name in settings.parts:
        find("part", name, dict.fromkeys(PARTS))
    for name in settings.against:
        find("peer", name, PEERS)


def _measure_case(
    case: Case, settings: BenchSettings, dataset: Dataset, log: Callable[[str], None]
) -> Measured:
    def begins(part: str) -> bool:
        if part in settings.parts:
            log(f"{case.arch.title}, {case.weights} weights, batch {case.batch}: {part}")
        return part in settings.parts

    peers = Peers(case, settings.against)
    is_quick = set(settings.parts) == set(QUICK_PARTS) and not settings.against
    budget, of_commands = (QUICK_SECONDS, QUICK_STARTUP_SECONDS) if is_quick else (inf, inf)
    tasks: dict[str, Task] = {PLAIN: case.plain_forward}
    for part, make in TASKS.items():
        tasks |= make(case) if begins(part) else {}
    times = interleaved(
        tasks | peers.tasks(),
        case.forward,
        case.rounds,
        case.device,
        on_round=_countdown(log, "costs"),
        budget=budget,
    )
    ratios = {name: times.ratio(name) for name in tasks}
    counted = count(case, measure_peak(case.device)) if begins("operations") else None
    pipeline = measure_pipeline(case, dataset) if begins("pipeline") else None
    if pipeline:
        ratios |= {PIPELINE: pipeline.main.forwards}
    return Measured(
        facts=_facts(case, len(times.seconds[PLAIN])),
        forward_ms=times.unit().scaled(1000),
        ratios=ratios,
        counted=counted,
        pipeline=pipeline,
        sweep=_sweep(case, settings) if begins("sweep") else None,
        startup=(
            measure_startup(budget=of_commands, on_round=_countdown(log, "startup"))
            if begins("startup")
            else None
        ),
        peers=peers.costs(times, PLAIN),
    )


def _countdown(log: Callable[[str], None], what: str) -> Callable[[int, int], None]:
    """Reports the time left after each round of some tasks."""
    begun = time.monotonic()

    def report(done: int, total: int) -> None:
        left = (time.monotonic() - begun) / done * (total - done)
        if done < total:
            log(f"{what}: round {done} of {total}, {timedelta(seconds=round(left))} left")

    return report


def _sweep(case: Case, settings: BenchSettings) -> SweepCost:
    """Measures the sweep on the network's own maps if it has real weights, else on noise."""
    own = settings.weights is not None and "grad_cam" in case.bound
    maps, kind = (maps_from(case), "its Grad-CAM maps") if own else (smooth_maps(), "smooth noise")
    return measure_sweep(maps, kind, case.rounds)


def _facts(case: Case, rounds: int) -> dict[str, Any]:
    return {
        "arch": case.arch.name,
        "weights": case.weights,
        "input": case.topology.preprocessing.size,
        "device": str(case.device),
        "batch": case.batch,
        "rounds": rounds,
        "machine": machine(case.device),
        "versions": versions(),
    }
