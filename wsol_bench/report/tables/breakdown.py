"""Output of `breakdown`: the errors of one method by group, and the kinds of its failures."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.breakdown import (
    Group,
    MeasuredImages,
    by_box_count,
    by_box_size,
    by_class,
)
from wsol_bench.analysis.failures import FailureKind, count_failures
from wsol_bench.analysis.pieces import pieces_of
from wsol_bench.analysis.row_data import row_data
from wsol_bench.records.opened_run import NetworkRecords, open_rows, own_protocol
from wsol_bench.records.stated_figures import require_stated
from wsol_bench.records.table import localized_in
from wsol_bench.report.tables.result import figure_text, interval_text, stacked
from wsol_bench.report.terminal import figure_table
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.ilsvrc import LOCALIZATION
from wsol_bench.scoring.measured import Measured, share
from wsol_bench.scoring.metric import BoundMetric, MetricHead, heads

SCHEMA = 2
_WORST = 10
"""Number of classes shown; --json has all."""


@dataclass(frozen=True, slots=True)
class MethodBreakdown:
    """One row's figures by part of the images.

    Attributes:
        method, title, arch: of the records.
        n: images.
        localized: images that localization counts: all but the blacklist's.
        metrics: those that have a value per image, and so figures by group.
        whole: metrics that pool all images, and so have no figures by group.
        by_size, by_count: groups by the largest ground-truth box, and by how many there are.
        by_class: the classes that have images, those with the worst first figure of
            localization first.
        kinds: the number of localized images of each kind, under top-1 localization.
    """

    method: str
    title: str
    arch: str
    n: int
    localized: int
    metrics: tuple[MetricHead, ...]
    whole: tuple[MetricHead, ...]
    by_size: Sequence[Group]
    by_count: Sequence[Group]
    by_class: Sequence[Group]
    kinds: dict[FailureKind, int]


_AT_ONCE = 100
"""Pieces that are joined at once; thousands of small arrays would leave gaps in memory."""


def break_down(
    network: NetworkRecords, method: str, metrics: Sequence[BoundMetric] = ()
) -> MethodBreakdown:
    """A row's figures by group.

    Args:
        network: of a run.
        method: one of its rows.
        metrics: those to measure; default: the protocol's.

    Raises:
        DataError: the records are not the run's own.
    """
    protocol = own_protocol(network)
    asked = metrics or metrics_of(protocol)
    pieces, localized, kinds = [], 0, Counter[FailureKind]()
    for table in pieces_of(network, method, asked):
        pieces.append(MeasuredImages.of(row_data(network, method, table), protocol, asked))
        if len(pieces) == _AT_ONCE:
            pieces = [MeasuredImages.joined(pieces)]
        localized += localized_in(table)
        kinds.update(count_failures(table, method, protocol))
    images = MeasuredImages.joined(pieces)
    row = next(row for row in network.rows if row["method"] == method)
    shares = {
        name: share(each.values, each.counted)
        for name, each in images.values.items()
        if each.is_binary
    }
    require_stated(network.folder, row, shares)
    shown = heads([each for each in asked if each.name in images.values], protocol)
    names = network.manifest.class_names
    return MethodBreakdown(
        method=method,
        title=network.row(method).title,
        arch=network.identity.arch,
        n=len(images.labels),
        localized=localized,
        metrics=shown,
        whole=heads([each for each in asked if each.name not in images.values], protocol),
        by_size=by_box_size(images),
        by_count=by_box_count(images),
        by_class=_worst_first(by_class(images, names), shown),
        kinds=dict(kinds),
    )


def _worst_first(groups: Sequence[Group], metrics: Sequence[MetricHead]) -> list[Group]:
    """The classes that have images, by the first metric of localization, or the first."""
    seen = [group for group in groups if group.n]
    if not metrics:
        return seen
    by = next((each for each in metrics if each.name in LOCALIZATION), metrics[0])
    sign = 1.0 if by.higher_is_better else -1.0

    def badness(group: Group) -> tuple[bool, float]:
        value = group.figures[by.name].value
        return value is None, 0.0 if value is None else sign * value

    return sorted(seen, key=badness)


def print_breakdown(
    paths: Sequence[Path],
    metrics: Sequence[BoundMetric] = (),
    methods: Sequence[str] = (),
    *,
    as_json: bool = False,
) -> None:
    """Prints `break_down` of methods as tables, or as one JSON object.

    Args:
        paths: folders of runs, or of the runs of several archs.
        metrics: those to measure; default: the protocol's.
        methods: names of rows; default: all.
        as_json: print one JSON object; of several methods, their objects under "methods".

    Raises:
        UsageError: no run has such a row.
        DataError: see `break_down`, or a folder holds no run.
    """
    found = [
        break_down(network, name, metrics)
        for networks in open_rows(paths, methods)
        for name in dict.fromkeys(methods or networks[0].order)
        for network in networks
        if name in network.methods
    ]
    if not as_json:
        for each in found:
            _print_one(each)
        return
    objects = [to_json(each) for each in found]
    content = objects[0] if len(objects) == 1 else {"schema": SCHEMA, "methods": objects}
    print(json.dumps(content, ensure_ascii=False))


def _print_one(found: MethodBreakdown) -> None:
    worst = found.by_class[:_WORST]
    console = Console()
    console.print(f"{found.title} on {found.arch}, n = {found.n:,}", style="bold", markup=False)
    for title, groups in (
        ("by area share of the largest ground-truth box", found.by_size),
        ("by number of ground-truth boxes", found.by_count),
        (f"the {len(worst)} worst classes of {len(found.by_class)}", worst),
    ):
        console.print(_group_table(title, groups, found.metrics))
    console.print(_beneath(found), style="dim", highlight=False)
    console.print()
    console.print(kind_table(found))


def _beneath(found: MethodBreakdown) -> str:
    lines = ["95 % interval below; ↑: higher is better"]
    if all(metric.is_error for metric in found.metrics):
        lines = ["error in %, 95 % Wilson interval below"]
    if found.localized < found.n:
        lines.append(
            f"localization leaves out the {found.n - found.localized:,} images of the blacklist"
        )
    if found.whole:
        names = ", ".join(metric.title for metric in found.whole)
        lines.append(f"no groups of {names}: figures over all images together")
    return "\n".join(lines)


def to_json(found: MethodBreakdown) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "schema": SCHEMA,
        "method": found.method,
        "arch": found.arch,
        "n": found.n,
        "n_loc": found.localized,
        "metrics": [metric.to_json() for metric in found.metrics],
        "by_size": [_group_json(group) for group in found.by_size],
        "by_count": [_group_json(group) for group in found.by_count],
        "by_class": [_group_json(group) for group in found.by_class],
        "outcomes": {str(kind): count for kind, count in found.kinds.items()},
    }


def _group_json(group: Group) -> dict[str, Any]:
    figures = group.figures
    return {
        "group": group.name,
        "n": group.n,
        **{name: figure.value for name, figure in figures.items()},
        "ci": {
            name: [figure.low, figure.high] for name, figure in figures.items() if figure.interval
        },
        "counted": {name: figure.n for name, figure in figures.items()},
    }


def _group_table(title: str, groups: Sequence[Group], metrics: Sequence[MetricHead]) -> Table:
    headings = (stacked(metric.heading) for metric in metrics)
    table = figure_table("group", ("n", *headings), title=title)
    for group in groups:
        figures = (group.figures[metric.name] for metric in metrics)
        table.add_row(group.name, f"{group.n:,}", *map(_cell, figures))
    return table


def _cell(figure: Measured) -> str:
    return "\n".join(filter(None, (figure_text(figure), interval_text(figure))))


def kind_table(found: MethodBreakdown) -> Table:
    """The outcomes of the images that localization counts, which add up to 100 %."""
    table = figure_table("outcome", ("images", "%"), title="outcomes")
    for kind, count in found.kinds.items():
        share = 100 * count / found.localized if found.localized else 0.0
        table.add_row(str(kind), f"{count:,}", f"{share:.1f}")
    return table
