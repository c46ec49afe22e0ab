"""Paired comparisons as a table for a terminal of 80 columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.paired import PairedComparison, PairedRow, compare_all
from wsol_bench.records.opened_run import Part, open_parts, own_protocol
from wsol_bench.scoring.ilsvrc import METRIC_TITLES

SMALLEST_P = 0.0001
"""Smaller p values are shown as less than this."""


def comparison_table(comparisons: Sequence[PairedComparison]) -> Table:
    """One row per pair: the difference, its interval and its p values.

    Args:
        comparisons: of one metric, at least one.

    Raises:
        ValueError: there is none, or they are of several metrics.
    """
    metrics = {comparison.metric for comparison in comparisons}
    if len(metrics) != 1:
        raise ValueError(f"expected comparisons of one metric, got {sorted(metrics)}")
    heading = METRIC_TITLES[metrics.pop()]
    images = {comparison.difference.n for comparison in comparisons}
    table = Table(
        title=f"{heading} error, differences over n = {images.pop():,} images",
        caption=(
            "points: first minus second, percentage points; 95 %: paired bootstrap\n"
            "wrong: images wrong under the first only / the second only\n"
            "p: exact McNemar; Holm: p corrected within this table"
        ),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("pair", overflow="fold")
    for name in ("points", "95 %", "wrong", "p", "Holm"):
        table.add_column(name, justify="right", no_wrap=True)
    for comparison in comparisons:
        difference = comparison.difference
        table.add_row(
            f"{comparison.first}\n  − {comparison.second}",
            signed(difference.percent),
            f"{signed(difference.interval.low)} … {signed(difference.interval.high)}",
            f"{difference.only_first:,} / {difference.only_second:,}",
            _probability(difference.p),
            _probability(comparison.p_holm),
        )
    return table


def print_pairs(paths: Sequence[Path], metric: str) -> None:
    """Prints the paired difference of every two rows of one run or several.

    Raises:
        DataError, UsageError: a run is not there, or they are of other images.
    """
    opened = list(zip(_labels(paths), map(open_parts, paths), strict=True))
    rows = [
        PairedRow(
            f"{label}{_title(row, parts[0])}",
            part.of(row["method"]),
            row["method"],
            own_protocol(part),
        )
        for label, parts in opened
        for part in parts
        for row in part.rows
    ]
    order = [method for _, parts in opened for method in parts[0].order]
    rows.sort(key=lambda row: order.index(row.method))
    print_comparisons(compare_all(rows, metric))


def print_comparisons(comparisons: Sequence[PairedComparison]) -> None:
    """Prints the table on stdout; plain where stdout is no terminal."""
    Console().print(comparison_table(comparisons), highlight=False)


def signed(points: float) -> str:
    """A difference with its sign, with U+2212 for minus."""
    return f"{points:+.2f}".replace("-", "−")


def _probability(p: float) -> str:
    return f"< {SMALLEST_P}" if p < SMALLEST_P else f"{p:.4f}"


def _labels(paths: Sequence[Path]) -> list[str]:
    """What tells the rows of one run from those of another: nothing where there is one."""
    if len(paths) == 1:
        return [""]
    names = [path.name for path in paths]
    alike = len(set(names)) < len(names)
    return [f"{path if alike else path.name} " for path in paths]


def _title(row: Mapping[str, str], main: Part) -> str:
    own = row["arch"] == main.identity.arch
    return row["title"] if own else f"{row['title']} ({row['arch']})"
