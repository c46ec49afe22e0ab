"""Paired comparisons as a table for a terminal of 80 columns."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.paired import PairedComparison, compare_all
from wsol_bench.analysis.pieces import rows_to_pair
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.opened_run import NetworkRecords, open_rows, own_protocol
from wsol_bench.report.terminal import figure_table
from wsol_bench.scoring.catalog import metrics_of, title_of
from wsol_bench.scoring.metric import BoundMetric

SMALLEST_P = 0.0001
"""Smaller p values are shown as less than this."""


def comparison_table(comparisons: Sequence[PairedComparison], heading: str) -> Table:
    """One row per pair: the difference, its interval and its p values.

    Args:
        comparisons: of one metric, at least one.
        heading: of the metric.

    Raises:
        ValueError: there is none, or they are of several metrics.
    """
    metrics = {comparison.metric for comparison in comparisons}
    if len(metrics) != 1:
        raise ValueError(f"expected comparisons of one metric, got {sorted(metrics)}")
    images = {comparison.difference.n for comparison in comparisons}
    counted = all(comparison.difference.only_first is not None for comparison in comparisons)
    table = figure_table(
        "pair",
        ("points", "95 %", *(["images"] if counted else []), "p", "Holm"),
        title=f"{heading}, differences over n = {images.pop():,} images",
        caption="\n".join(_CAPTION_COUNTED if counted else _CAPTION),
    )
    for comparison in comparisons:
        difference = comparison.difference
        only = f"{difference.only_first:,} / {difference.only_second:,}" if counted else None
        table.add_row(
            f"{comparison.first}\n  − {comparison.second}",
            signed(difference.percent),
            f"{signed(difference.interval.low)} … {signed(difference.interval.high)}",
            *([only] if only else []),
            probability(difference.p),
            probability(comparison.p_holm),
        )
    return table


_CAPTION_COUNTED = (
    "points: first minus second, percentage points; 95 %: paired bootstrap",
    "images: counted under the first only / the second only",
    "p: exact McNemar; Holm: p corrected within this table",
)
_CAPTION = (
    "points: first minus second; 95 % and p: paired bootstrap over images",
    "Holm: p corrected within this table",
)


Pairs = list[tuple[BoundMetric, tuple[PairedComparison, ...]]]
"""Metric, and the comparison of every two rows under it."""


def print_pairs(
    paths: Sequence[Path],
    metrics: Sequence[BoundMetric] = (),
    methods: Sequence[str] = (),
    *,
    as_json: bool = False,
) -> None:
    """Prints the paired difference of every two rows of one run or several.

    Args:
        paths: folders of runs over the same images.
        metrics: one table each, in this order; default: those of the first protocol.
        methods: names of rows; default: all.
        as_json: print one JSON object instead.

    Raises:
        DataError, UsageError: a run is not there, or they are of other images.
    """
    found, protocols = pairs_of(paths, metrics, methods)
    if as_json:
        print(json.dumps(_to_json(found, protocols), ensure_ascii=False))
        return
    for metric, comparisons in found:
        heading = _heading(metric, protocols)
        if comparisons:
            print_comparisons(comparisons, heading)
        else:
            print(f"{heading}: fewer than two rows have such a figure.")


def pairs_of(
    paths: Sequence[Path], metrics: Sequence[BoundMetric] = (), methods: Sequence[str] = ()
) -> tuple[Pairs, list[Protocol]]:
    """The paired comparisons of runs, and the protocol of each run; see `print_pairs`."""
    runs = open_rows(paths, methods)
    opened = list(zip(_labels(runs), runs, strict=True))
    protocols = [own_protocol(networks[0]) for networks in runs]
    asked = metrics or metrics_of(protocols[0])
    rows = [
        (method, row)
        for label, networks in opened
        for network in networks
        for method, row in zip(
            network.methods,
            rows_to_pair(network, _names(label, network, networks[0]), asked),
            strict=True,
        )
    ]
    order = [method for _, networks in opened for method in networks[0].order]
    rows.sort(key=lambda row: order.index(row[0]))
    ordered = [row for _, row in rows]
    return [(metric, compare_all(ordered, metric.name)) for metric in asked], protocols


def _heading(metric: BoundMetric, protocols: Sequence[Protocol]) -> str:
    """The metric's title, with the word error where it is one."""
    title = title_of(metric.name, protocols)
    return f"{title} error" if metric.metric.is_error else title


def _to_json(
    found: Sequence[tuple[BoundMetric, Sequence[PairedComparison]]], protocols: Sequence[Protocol]
) -> dict[str, Any]:
    return {
        "schema": 1,
        "metrics": [
            {
                "name": metric.name,
                "title": title_of(metric.name, protocols),
                "unit": metric.metric.unit,
                "higher_is_better": metric.metric.higher_is_better,
                "pairs": [_pair_json(each) for each in comparisons],
            }
            for metric, comparisons in found
        ],
    }


def _pair_json(comparison: PairedComparison) -> dict[str, Any]:
    difference = comparison.difference
    return {
        "first": comparison.first,
        "second": comparison.second,
        "n": difference.n,
        "difference": difference.percent if difference.n else None,
        "ci": [difference.interval.low, difference.interval.high] if difference.n else None,
        "only_first": difference.only_first,
        "only_second": difference.only_second,
        "p": difference.p,
        "p_holm": comparison.p_holm,
    }


def print_comparisons(comparisons: Sequence[PairedComparison], heading: str) -> None:
    """Prints the table on stdout, without colours if stdout is no terminal."""
    Console().print(comparison_table(comparisons, heading), highlight=False)


def signed(points: float) -> str:
    """A difference with its sign, with U+2212 for minus."""
    return f"{points:+.2f}".replace("-", "−")


def probability(p: float) -> str:
    """A p value for people."""
    return f"< {SMALLEST_P}" if p < SMALLEST_P else f"{p:.4f}"


def _labels(runs: Sequence[Sequence[NetworkRecords]]) -> list[str]:
    """Prefixes that distinguish the rows of one run from those of another; empty for one run."""
    paths = [networks[0].folder.path for networks in runs]
    if len(paths) == 1:
        return [""]
    for names in ([path.name for path in paths], [run[0].identity.arch for run in runs]):
        if len(set(names)) == len(names):
            return [f"{name} " for name in names]
    return [f"{path} " for path in paths]


def _names(label: str, network: NetworkRecords, main: NetworkRecords) -> dict[str, str]:
    """Row -> its title, behind the label of its run."""
    return {row["method"]: f"{label}{main.title_of(row)}" for row in network.rows}
