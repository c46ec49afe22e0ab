"""Output of `breakdown`: the errors of one method by group, and the kinds of its failures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.breakdown import Group, by_box_count, by_box_size, by_class
from wsol_bench.analysis.failures import FailureKind, count_failures
from wsol_bench.errors import find
from wsol_bench.records.opened_run import open_parts, own_protocol
from wsol_bench.scoring.ilsvrc import LOCALIZATION, METRIC_TITLES
from wsol_bench.scoring.intervals import Rate

SCHEMA = 1
_WORST = 10
"""Number of classes shown; --json has all."""
_SHOWN = ("top1_cls", *LOCALIZATION)


@dataclass(frozen=True, slots=True)
class MethodBreakdown:
    """One method's errors by group of images.

    Attributes:
        method, arch: of the records.
        n: images.
        by_size, by_count: groups by size of the largest ground-truth box, and by number of boxes.
        by_class: the classes with images, in descending order of their error.
        kinds: number of images per outcome, under top-1 loc.
    """

    method: str
    arch: str
    n: int
    by_size: Sequence[Group]
    by_count: Sequence[Group]
    by_class: Sequence[Group]
    kinds: dict[FailureKind, int]


def break_down(path: Path, method: str) -> MethodBreakdown:
    """Counts a method's errors by group.

    Raises:
        UsageError: the run has no such method.
        DataError: the folder holds no run.
    """
    carriers = {method: part for part in open_parts(path) for method in part.methods}
    part = find("method of this run", method, carriers)
    protocol, table = own_protocol(part), part.of(method)
    names = part.folder.manifest().class_names
    with_images = [
        each for each in by_class(table, method, protocol, names) if each.errors.top1_loc.n
    ]
    return MethodBreakdown(
        method=method,
        arch=part.identity.arch,
        n=len(table),
        by_size=by_box_size(table, method, protocol),
        by_count=by_box_count(table, method, protocol),
        by_class=sorted(with_images, key=lambda each: each.errors.top1_loc.percent, reverse=True),
        kinds=count_failures(table, method, protocol),
    )


def print_breakdown(path: Path, method: str, *, as_json: bool = False) -> None:
    """Prints `break_down` as tables, or as one JSON object.

    Raises:
        UsageError, DataError: see `break_down`.
    """
    found = break_down(path, method)
    if as_json:
        print(json.dumps(to_json(found), ensure_ascii=False))
        return
    worst = found.by_class[:_WORST]
    console = Console()
    for title, groups in (
        ("by area share of the largest ground-truth box", found.by_size),
        ("by number of ground-truth boxes", found.by_count),
        (f"the {len(worst)} worst classes of {len(found.by_class)}", worst),
    ):
        console.print(_group_table(title, groups))
    console.print("error in %, 95 % Wilson interval below", style="dim", highlight=False)
    console.print()
    console.print(_kind_table(found))


def to_json(found: MethodBreakdown) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "method": found.method,
        "arch": found.arch,
        "n": found.n,
        "by_size": [_group_json(group) for group in found.by_size],
        "by_count": [_group_json(group) for group in found.by_count],
        "by_class": [_group_json(group) for group in found.by_class],
        "outcomes": {str(kind): count for kind, count in found.kinds.items()},
    }


def _group_json(group: Group) -> dict[str, Any]:
    rates: dict[str, Rate] = {metric: getattr(group.errors, metric) for metric in _SHOWN}
    intervals = {metric: rate.interval() for metric, rate in rates.items()}
    return {
        "group": group.name,
        "n": group.errors.top1_cls.n,
        **{metric: rate.percent if rate.n else None for metric, rate in rates.items()},
        "ci": {metric: [each.low, each.high] for metric, each in intervals.items()},
    }


def _group_table(title: str, groups: Sequence[Group]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("group", overflow="fold")  # wraps on narrow terminals
    for heading in ("images", *(METRIC_TITLES[metric].replace(" ", "\n") for metric in _SHOWN)):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in groups:
        rates: list[Rate] = [getattr(group.errors, metric) for metric in _SHOWN]
        table.add_row(group.name, f"{group.errors.top1_cls.n:,}", *map(_cell, rates))
    return table


def _cell(rate: Rate) -> str:
    if not rate.n:
        return "n/a"
    interval = rate.interval()
    ends = (f"{end:.1f}".replace("100.0", "100") for end in (interval.low, interval.high))
    return f"{rate.percent:.2f}\n{'–'.join(ends)}"


def _kind_table(found: MethodBreakdown) -> Table:
    table = Table(title="outcomes", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("outcome")
    table.add_column("images", justify="right")
    table.add_column("%", justify="right")
    for kind, count in found.kinds.items():
        table.add_row(str(kind), f"{count:,}", f"{100 * count / found.n:.1f}")
    return table
