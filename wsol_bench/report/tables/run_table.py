"""Output of `table`: the rows of any number of runs, for a terminal or for a paper."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.differences import SIGNIFICANCE
from wsol_bench.analysis.run_table import TableCell, TableRow, table_rows
from wsol_bench.analysis.scored_run import open_runs
from wsol_bench.errors import find
from wsol_bench.scoring.catalog import title_of
from wsol_bench.scoring.metric import BoundMetric

SCHEMA = 1

_NAMES = {
    "network": "network",
    "weights": "weights",
    "title": "method",
    "dataset": "data",
    "protocol": "protocol",
    "n": "n",
    "runs": "runs",
}
"""Fields of a row that name it -> headings."""

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
    """

    metrics: tuple[BoundMetric, ...] = ()
    sort: str | None = None
    bold: bool = False
    average: bool = False


@dataclass(frozen=True, slots=True)
class _Content:
    """A table as every format writes it.

    Attributes:
        rows: its rows.
        names: fields of a row that are columns.
        metrics: metric -> its heading.
        bold: whether the best figures are bold.
        notes: sentences below the table.
    """

    rows: tuple[TableRow, ...]
    names: tuple[str, ...]
    metrics: Mapping[str, str]
    bold: bool
    notes: tuple[str, ...]

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings of the columns."""
        return (
            *(_NAMES.get(name, name) for name in self.names),
            *self.metrics.values(),
        )

    def name_cells(self, row: TableRow) -> list[str]:
        """The entries of the name columns."""
        values = (getattr(row, name) for name in self.names)
        return [f"{value:,}" if isinstance(value, int) else value for value in values]

    def emphasised(self, cell: TableCell) -> bool:
        """Whether a figure is bold."""
        return self.bold and cell.best


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


def _content(paths: Sequence[Path], options: TableOptions) -> _Content:
    runs = open_runs(paths, options.metrics)
    metrics = tuple({each.name: each for run in runs for each in run.metrics}.values())
    protocols = [run.protocol for run in runs]
    rows = table_rows(runs, metrics, sort=options.sort, average=options.average)
    differing = [name for name in _NAMES if len({getattr(row, name) for row in rows}) > 1]
    names = tuple(name for name in _NAMES if name in _ALWAYS or name in differing)
    if len({tuple(getattr(row, name) for name in names) for row in rows}) < len(rows):
        names = ("run", *names)
    return _Content(
        rows=rows,
        names=names,
        metrics={each.name: title_of(each.name, protocols) for each in metrics},
        bold=options.bold,
        notes=_notes(rows, names, metrics, options),
    )


def _notes(
    rows: Sequence[TableRow],
    names: Sequence[str],
    metrics: Sequence[BoundMetric],
    options: TableOptions,
) -> tuple[str, ...]:
    common = [
        f"{heading} {getattr(rows[0], name):,}" if name == "n" else str(getattr(rows[0], name))
        for name, heading in _NAMES.items()
        if name not in names and name != "runs"
    ]
    notes = ["; ".join(common)] if common else []
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


def _figure(cell: TableCell) -> str:
    if cell.value is None:
        return "n/a"
    return f"{cell.value:.2f}{'†' if cell.tied else ''}"


def _spread(cell: TableCell) -> str:
    if cell.value is None:
        return ""
    if cell.interval is None:
        return f"± {cell.deviation or 0.0:.2f}"
    return f"{cell.interval.low:.1f}–{cell.interval.high:.1f}".replace("100.0", "100")


def _terminal(content: _Content) -> Table:
    table = Table(
        caption="\n".join(content.notes),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        padding=(0, 1, 0, 0),
        caption_justify="left",
        caption_style="dim",
    )
    for name in content.names:
        table.add_column(_NAMES.get(name, name), overflow="fold")
    for title in content.metrics.values():
        heading = title.replace(" ", "\n")
        table.add_column(heading, justify="right", no_wrap=True)
    for row in content.rows:
        cells = [row.cells[metric] for metric in content.metrics]
        figures = (
            f"[bold]{_figure(cell)}[/bold]" if content.emphasised(cell) else _figure(cell)
            for cell in cells
        )
        table.add_row(*content.name_cells(row), *figures)
        table.add_row(*[""] * len(content.names), *map(_spread, cells), style="dim")
    return table


def as_markdown(content: _Content) -> str:
    """A Markdown table with its notes."""
    numeric = len(content.metrics)
    rule = ["---"] * len(content.names) + ["--:"] * numeric
    lines = [_markdown_line(content.headings), f"|{'|'.join(rule)}|"]
    for row in content.rows:
        figures = []
        for metric in content.metrics:
            cell = row.cells[metric]
            figure = f"**{_figure(cell)}**" if content.emphasised(cell) else _figure(cell)
            figures.append(f"{figure} {_bracketed(cell)}".rstrip())
        names = (name.replace("|", "\\|") for name in content.name_cells(row))
        lines.append(_markdown_line((*names, *figures)))
    return "\n".join([*lines, "", *(f"{note}.  " for note in content.notes)]) + "\n"


def _markdown_line(entries: Sequence[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _bracketed(cell: TableCell) -> str:
    spread = _spread(cell)
    return spread if cell.deviation is not None or not spread else f"({spread})"


def as_csv(content: _Content) -> str:
    """Comma-separated values: every name, and per metric the figure, its ends and its p."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    per_metric = ("", "_low", "_high", "_sd", "_p_holm")
    names = ("network", "weights", "method", "dataset", "protocol", "n", "runs")
    writer.writerow([*names, *(f"{m}{end}" for m in content.metrics for end in per_metric)])
    for row in content.rows:
        entries: list[Any] = [getattr(row, name) for name in names]
        for metric in content.metrics:
            values = _cell_json(row.cells[metric])
            low, high = values["ci"] or (None, None)
            entries += [values["value"], low, high, values["sd"], values["p_holm"]]
        writer.writerow(["" if entry is None else entry for entry in entries])
    return buffer.getvalue()


def as_latex(content: _Content) -> str:
    """A LaTeX tabular for the package booktabs, with its notes as comments."""
    columns = "l" * len(content.names) + "r" * len(content.metrics)
    lines = [
        *(f"% {note}" for note in content.notes),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(_tex, content.headings)) + r" \\",
        r"\midrule",
    ]
    for row in content.rows:
        figures = []
        for metric in content.metrics:
            cell = row.cells[metric]
            figure = _figure(cell).replace("†", r"$^\dagger$")
            figure = rf"\textbf{{{figure}}}" if content.emphasised(cell) else figure
            spread = _bracketed(cell).replace("–", "--").replace("± ", r"$\pm$ ")
            figures.append(rf"{figure} {{\footnotesize {spread}}}" if spread else figure)
        lines.append(" & ".join((*map(_tex, content.name_cells(row)), *figures)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


_TEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _tex(text: str) -> str:
    return "".join(_TEX_ESCAPES.get(character, character) for character in text)


def as_json(content: _Content) -> str:
    """One JSON object: a row per network, method, dataset and protocol."""
    rows = [
        {
            "network": row.network,
            "weights": row.weights,
            "method": row.method,
            "title": row.title,
            "dataset": row.dataset,
            "dataset_sha256": row.dataset_sha256,
            "protocol": row.protocol,
            "n": row.n,
            "runs": row.runs,
            "figures": {metric: _cell_json(row.cells[metric]) for metric in content.metrics},
        }
        for row in content.rows
    ]
    return json.dumps({"schema": SCHEMA, "rows": rows}, indent=2, ensure_ascii=False) + "\n"


def _cell_json(cell: TableCell) -> dict[str, Any]:
    interval = cell.interval
    return {
        "value": cell.value,
        "ci": None if interval is None else [interval.low, interval.high],
        "sd": cell.deviation,
        "best": cell.best,
        "p_holm": cell.p_holm,
    }


def as_html(content: _Content) -> str:
    """An HTML table without styles or scripts."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in content.headings)
    body = []
    for row in content.rows:
        cells = [f"<td>{escape(each)}</td>" for each in content.name_cells(row)]
        for metric in content.metrics:
            cell = row.cells[metric]
            figure = f"<b>{_figure(cell)}</b>" if content.emphasised(cell) else _figure(cell)
            spread = _spread(cell)
            small = f" <small>{spread}</small>" if spread else ""
            cells.append(f'<td style="text-align:right">{figure}{small}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    notes = "<br>".join(escape(note) for note in content.notes)
    return (
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n"
        f"<tfoot><tr><td colspan={len(content.headings)}>{notes}</td></tr></tfoot>\n</table>\n"
    )


FORMATS: Mapping[str, Callable[[_Content], str]] = MappingProxyType(
    {"md": as_markdown, "csv": as_csv, "tex": as_latex, "json": as_json, "html": as_html}
)
"""Values of `--format`."""
