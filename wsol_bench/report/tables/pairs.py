"""Paired comparisons as a table for a terminal of 80 columns."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.paired import Comparison
from wsol_bench.report.tables.result import HEADINGS

SMALLEST_P = 0.0001
"""Smaller ones are shown as below it: their digits say nothing more."""


def comparison_table(comparisons: Sequence[Comparison]) -> Table:
    """One row per pair: the difference, its interval and its p values.

    Args:
        comparisons: of one metric, at least one.

    Raises:
        ValueError: there is none, or they are of several metrics.
    """
    metrics = {comparison.metric for comparison in comparisons}
    if len(metrics) != 1:
        raise ValueError(f"expected comparisons of one metric, got {sorted(metrics)}")
    heading = HEADINGS[metrics.pop()].replace("\n", " ")
    images = {comparison.difference.n for comparison in comparisons}
    table = Table(
        title=f"{heading} error, differences over n = {images.pop():,} images",
        caption=(
            "points: first minus second, per cent points; 95 %: paired bootstrap\n"
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


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Prints the table on stdout; plain where stdout is no terminal."""
    Console().print(comparison_table(comparisons), highlight=False)


def signed(points: float) -> str:
    """A difference with its sign, the minus as wide as the plus."""
    return f"{points:+.2f}".replace("-", "−")


def _probability(p: float) -> str:
    return f"< {SMALLEST_P}" if p < SMALLEST_P else f"{p:.4f}"
