"""Output of `table`: the rows of any number of runs, for a terminal or for a paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.differences import SIGNIFICANCE
from wsol_bench.analysis.run_table import TableRow, table_rows
from wsol_bench.analysis.scored_run import open_runs
from wsol_bench.errors import find
from wsol_bench.report.tables.run_table_formats import (
    FORMATS,
    NAMES,
    RunTable,
    figure_of,
    spread_of,
)
from wsol_bench.report.terminal import figure_table
from wsol_bench.scoring.catalog import title_of
from wsol_bench.scoring.metric import BoundMetric

_ALWAYS = ("title",)
"""Names that are columns even if they are the same in all rows."""


@dataclass(frozen=True, slots=True)
class TableOptions:
    """Options of `table`.

    Attributes:
        metrics: the columns; default: those of the runs' protocols.
        sort: a metric by which rows are sorted, best first, or None.
        bold: whether the best figures are bold.
        average: whether rows that differ only in their weights become one.
        methods: names of the rows; default: all.
    """

    metrics: tuple[BoundMetric, ...] = ()
    sort: str | None = None
    bold: bool = False
    average: bool = False
    methods: tuple[str, ...] = ()


def print_table(paths: Sequence[Path], options: TableOptions, form: str | None) -> None:
    """Prints the rows of runs on stdout.

    Args:
        paths: folders of runs.
        options: columns and order.
        form: a name of `FORMATS`; default: a table for a terminal.

    Raises:
        UsageError: there is no such metric or format, or a run is named twice.
        DataError: a folder holds no finished run.
    """
    if form is None:
        Console().print(_terminal(_content(paths, options)))
    else:
        print(table_text(paths, options, form), end="")


def table_text(paths: Sequence[Path], options: TableOptions, form: str) -> str:
    """The rows of runs in a format; see `print_table`."""
    write = find("format", form, FORMATS)
    return write(_content(paths, options))


def _content(paths: Sequence[Path], options: TableOptions) -> RunTable:
    runs = open_runs(paths, options.metrics, options.methods)
    metrics = tuple({each.name: each for run in runs for each in run.metrics}.values())
    protocols = [run.protocol for run in runs]
    rows = table_rows(runs, metrics, sort=options.sort, average=options.average)
    differing = [name for name in NAMES if len({getattr(row, name) for row in rows}) > 1]
    networks = {row.network for row in rows}
    if "weights" in differing and len(_weights_of(rows)) == len(networks):
        differing.remove("weights")  # follows from the network
    names = tuple(name for name in NAMES if name in _ALWAYS or name in differing)
    if len({tuple(getattr(row, name) for name in names) for row in rows}) < len(rows):
        names = ("run", *names)
    return RunTable(
        rows=rows,
        names=names,
        metrics={each.name: title_of(each.name, protocols) for each in metrics},
        bold=options.bold,
        notes=_notes(rows, names, metrics, options),
    )


def _weights_of(rows: Sequence[TableRow]) -> dict[tuple[str, str], None]:
    """Every pair of a network and its weights, in order."""
    return dict.fromkeys((row.network, row.weights) for row in rows)


def _notes(
    rows: Sequence[TableRow],
    names: Sequence[str],
    metrics: Sequence[BoundMetric],
    options: TableOptions,
) -> tuple[str, ...]:
    common = [
        f"{heading} {getattr(rows[0], name):,}" if name == "n" else str(getattr(rows[0], name))
        for name, heading in NAMES.items()
        if name not in names and name != "runs" and len({getattr(r, name) for r in rows}) == 1
    ]
    notes = ["; ".join(common)] if common else []
    if "weights" not in names and len(_weights_of(rows)) > 1:
        pairs = (f"{weights} ({network})" for network, weights in _weights_of(rows))
        notes.append(f"weights: {'; '.join(pairs)}")
    intervals = any(row.runs == 1 for row in rows)
    spread = "mean ± standard deviation over runs" if any(row.runs > 1 for row in rows) else ""
    below = "with 95 % intervals" if intervals else ""
    units = ", ".join(dict.fromkeys(each.metric.unit for each in metrics))
    notes.append(", ".join([f"figures in {units}", *filter(None, (below, spread))]))
    higher = [each.metric.title for each in metrics if each.metric.higher_is_better]
    if higher:
        notes.append(f"higher is better: {', '.join(higher)}; otherwise lower is better")
    cells = [row.cells[metric.name] for row in rows for metric in metrics]
    if options.bold:
        notes.append("bold: best on the same images under the same protocol")
    if any(cell.tied for cell in cells):
        notes.append(
            f"†: no significant difference from the best (paired, Holm-corrected p ≥ "
            f"{SIGNIFICANCE})"
        )
    return tuple(notes)


def _terminal(content: RunTable) -> Table:
    table = figure_table(
        ", ".join(NAMES.get(name, name) for name in _title_first(content.names)),
        (title.replace(" ", "\n") for title in content.metrics.values()),
        caption="\n".join(content.notes),
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1, 0, 0),
        caption_style="dim",
    )
    for row in content.rows:
        cells = [row.cells[metric] for metric in content.metrics]
        figures = (
            f"[bold]{figure_of(cell)}[/bold]" if content.emphasised(cell) else figure_of(cell)
            for cell in cells
        )
        values = dict(zip(content.names, content.name_cells(row), strict=True))
        title, *others = (values[name] for name in _title_first(content.names))
        table.add_row(title, *figures)
        table.add_row(
            "\n".join(f"  {each}" for each in others), *map(spread_of, cells), style="dim"
        )
    return table


def _title_first(names: Sequence[str]) -> list[str]:
    """The method before the columns that distinguish rows of the same method."""
    return sorted(names, key=lambda name: name != "title")
