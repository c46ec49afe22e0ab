"""The output of `bench`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.bench.case import BenchSettings
from wsol_bench.bench.measure import SCHEMA, Measured, check_names, measure
from wsol_bench.bench.pipeline import PipelineCost
from wsol_bench.bench.startup import StartupCost
from wsol_bench.bench.thresholds import SweepCost
from wsol_bench.bench.timing import Spread
from wsol_bench.runs.source import open_source
from wsol_bench.runtime.progress import log
from wsol_bench.settings import RunSettings

_WORK = {"label_map": "one map", "top5": "top-5 protocol"}
"""The names of a library's tasks in tables."""


def print_bench(settings: BenchSettings, *, as_json: bool) -> None:
    """Measures and prints on stdout: tables, each when finished, or one JSON object.

    Raises:
        UsageError: a name or number is wrong.
        DataError, WeightsError: images or weights are missing or bad.
    """
    settings.check()
    check_names(settings)
    source = open_source(
        RunSettings(arch="", data=settings.data, limit=settings.limit), quiet=False
    )
    console = Console()
    done = []
    for measured in measure(settings, source.dataset, log):
        done.append(measured)
        for peer in measured.peers:
            if peer.reason:
                log(f"{peer.name}: {peer.reason}")
        if not as_json:
            for part in _shown(measured):
                console.print(part)
    if as_json:
        print(json.dumps(to_json(done), ensure_ascii=False, indent=2))


def to_json(done: Sequence[Measured]) -> dict[str, Any]:
    """The object of one case, or one object that holds several."""
    if len(done) == 1:
        return done[0].to_json()
    return {"schema": SCHEMA, "cases": [each.to_json() for each in done]}


def _shown(measured: Measured) -> list[Table | str]:
    parts: list[Table | str] = [_costs(measured)]
    if measured.counted:
        floor, peak = measured.counted, measured.counted.peak
        parts.append(
            f"forward: {floor.forward.macs / 1e9:.2f} G multiply-adds an image; floor "
            f"{floor.forward.floor_ms:.0f} ms a batch at {peak.macs / 1e9:.0f} G multiply-adds "
            f"and {peak.bytes / 1e9:.0f} GB a second, measured here\n"
        )
    if measured.pipeline:
        parts.append(_pipeline(measured.pipeline))
    if measured.peers:
        parts.append(_peers(measured))
    if measured.sweep:
        parts.append(_sweep(measured.sweep))
    if measured.startup:
        parts.append(_startup(measured.startup))
    return parts


def _costs(measured: Measured) -> Table:
    facts = measured.facts
    table = _table(
        f"{facts['arch']} ({facts['weights']} weights), {facts['device']}, batch "
        f"{facts['batch']}: one forward is {measured.forward_ms.median:.0f} ms "
        f"({_range(measured.forward_ms, 0)})",
        f"in forwards, boxes included; median of {facts['rounds']}, minimum and maximum; counted: "
        "multiply-adds performed",
        ("task", "forwards", "spread", "counted"),
    )
    performed = measured.counted.performed_forwards if measured.counted else {}
    for name, ratio in measured.ratios.items():
        macs = f"{performed[name]:.2f}" if name in performed else ""
        table.add_row(name, *_figure(ratio), macs)
    return table


def _pipeline(cost: PipelineCost) -> Table:
    table = _table(
        f"{cost.images} images of {cost.dataset}: one forward is {cost.forward_ms.median:.1f} ms "
        f"an image ({_range(cost.forward_ms, 1)})",
        "bare loop: decode, resize, forward of the net as built; pipeline with "
        f"{cost.threads} threads for decoding and boxes",
        ("whole pipeline", "ms/image", "forwards", "spread", "bare loops", "spread"),
    )
    for name, each in {**cost.bare, **cost.runs}.items():
        milliseconds = f"{each.milliseconds.median:.1f}"
        table.add_row(name, milliseconds, *_figure(each.forwards), *_figure(each.bare_loops))
    return table


def _peers(measured: Measured) -> Table:
    table = _table(
        "other libraries, Grad-CAM at the same layer",
        "in forwards of ours, and of the net as built, which they run; boxes included; "
        "difference of maps scaled to 0..1",
        ("library", "work", "forwards", "spread", "own forwards", "difference"),
    )
    for peer in measured.peers:
        if peer.costs is None:
            table.add_row(peer.name, peer.reason)
            continue
        for what, (ours, own) in peer.costs.items():
            table.add_row(
                f"{peer.name} {peer.version}",
                _WORK[what],
                *_figure(ours),
                f"{own.median:.2f}",
                f"{peer.difference:.1e}{'' if peer.agrees else ' MISMATCH'}",
            )
    return table


def _sweep(cost: SweepCost) -> Table:
    table = _table(
        f"boxes of one 224x224 map at 1,000 thresholds, {cost.maps}",
        f"milliseconds of one core; {cost.count} maps, the usual ways on {cost.slow_count}; same "
        f"boxes as by labelling: {cost.equal} of {cost.slow_count}",
        ("way", "ms", "spread", "ratio"),
    )
    for name, each in cost.milliseconds.items():
        table.add_row(name, *_figure(each), f"{cost.ratios[name]:.1f}")
    return table


def _startup(costs: Mapping[str, StartupCost]) -> Table:
    table = _table(
        "start-up",
        "seconds of a command, by the clock and of the processor; median, minimum and maximum",
        ("command", "s", "spread", "cpu s", "spread"),
    )
    for name, each in costs.items():
        table.add_row(name, *_figure(each.seconds), *_figure(each.processor))
    return table


def _table(title: str, caption: str, headings: tuple[str, ...]) -> Table:
    table = Table(
        title=title,
        caption=caption,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _figure(spread: Spread) -> tuple[str, str]:
    """The median, and the ends."""
    return f"{spread.median:.2f}", _range(spread)


def _range(spread: Spread, digits: int = 2) -> str:
    return f"{spread.minimum:.{digits}f}–{spread.maximum:.{digits}f}"
