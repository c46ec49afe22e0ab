"""Results as tables for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.records.result import Result, Row
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.ilsvrc import METRIC_TITLES, METRICS
from wsol_bench.scoring.published import find_row

_NORMAL = ("ok", "unreadable")
"""Map states that are not degenerate."""


def terminal_table(result: Result) -> Table:
    """Errors in per cent in the form of Table 1, with 95 % Wilson intervals below.

    The paper's figures are shown only for ILSVRC's classes, and if the paper has this arch
    and method under this protocol.
    """
    table = Table(
        title=(
            f"{result.arch}, {result.weights}\n"
            f"{result.dataset}, {result.protocol}, n = {result.n:,}"
        ),
        caption=f"error in %, 95 % Wilson interval beneath\n{result.summary}",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        caption_style="dim",
    )
    table.add_column("method", overflow="fold")  # wraps on narrow terminals
    for title in METRIC_TITLES.values():
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in result.rows:
        carrier = "" if row.arch == result.arch else f"({row.arch})"
        table.add_row(row.title, *(_percent(row, metric) for metric in METRICS))
        table.add_row(carrier, *(_interval(row, metric) for metric in METRICS), style="dim")
        paper = find_row(row.arch, row.method, result.protocol) if result.is_ilsvrc else None
        if paper:
            figures = (paper.figures.get(metric) for metric in METRICS)
            table.add_row("  paper", *("" if f is None else f"{f:.2f}" for f in figures))
    return table


def print_result(result: Result) -> None:
    """Prints the table on stdout, without colours if stdout is no terminal."""
    console = Console()
    console.print(terminal_table(result))
    if result.unreadable:
        console.print(unreadable_line(result.unreadable), highlight=False, markup=False)
    for method, reason in result.not_applicable.items():
        console.print(f"{method}: n/a. {reason}.", highlight=False)
    for method, states in result.map_states.items():
        odd = ", ".join(
            f"{count} {state}" for state, count in states.items() if state not in _NORMAL
        )
        if odd:
            console.print(f"{method}: degenerate maps: {odd}.", highlight=False)


def unreadable_line(ids: Sequence[str]) -> str:
    """How many images could not be read, and their first names; for at least one."""
    count = "1 image" if len(ids) == 1 else f"{len(ids):,} images"
    return f"{count} could not be read and counted as wrong: {first_names(ids)}."


def _percent(row: Row, metric: str) -> str:
    rate = getattr(row.errors, metric)
    return f"{rate.percent:.2f}" if rate.n else "n/a"


def _interval(row: Row, metric: str) -> str:
    rate = getattr(row.errors, metric)
    if not rate.n:
        return ""
    interval = rate.interval()
    return "–".join(f"{end:.1f}".replace("100.0", "100") for end in (interval.low, interval.high))
