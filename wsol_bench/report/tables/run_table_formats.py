"""The formats in which `table` writes its rows for a paper: Markdown, CSV, LaTeX, JSON, HTML."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Any

from wsol_bench.analysis.run_table import TableCell, TableRow
from wsol_bench.report.csv_text import csv_text
from wsol_bench.report.markup import markdown_line, tex

SCHEMA = 1

NAMES = {
    "network": "network",
    "weights": "weights",
    "title": "method",
    "dataset": "data",
    "protocol": "protocol",
    "n": "n",
    "runs": "runs",
}
"""Fields of a row that name it -> headings."""


_FIELDS = (
    *("network", "weights", "method", "title", "dataset", "dataset_sha256", "protocol"),
    *("n", "runs"),
)
"""Fields of a row that its JSON has."""


@dataclass(frozen=True, slots=True)
class RunTable:
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
            *(NAMES.get(name, name) for name in self.names),
            *self.metrics.values(),
        )

    def name_cells(self, row: TableRow) -> list[str]:
        """The entries of the name columns."""
        values = (getattr(row, name) for name in self.names)
        return [f"{value:,}" if isinstance(value, int) else value for value in values]

    def emphasised(self, cell: TableCell) -> bool:
        """Whether a figure is bold."""
        return self.bold and cell.best


def figure_of(cell: TableCell) -> str:
    """A figure with two digits, and its dagger; n/a where there is none."""
    if cell.value is None:
        return "n/a"
    return f"{cell.value:.2f}{'†' if cell.tied else ''}"


def spread_of(cell: TableCell) -> str:
    """The 95 % interval of a figure, or its standard deviation over runs."""
    if cell.value is None:
        return ""
    if cell.interval is None:
        return f"± {cell.deviation or 0.0:.2f}"
    return f"{cell.interval.low:.1f}–{cell.interval.high:.1f}".replace("100.0", "100")


def as_markdown(table: RunTable) -> str:
    """A Markdown table with its notes."""
    numeric = len(table.metrics)
    rule = ["---"] * len(table.names) + ["--:"] * numeric
    lines = [markdown_line(table.headings), f"|{'|'.join(rule)}|"]
    for row in table.rows:
        figures = []
        for metric in table.metrics:
            cell = row.cells[metric]
            figure = f"**{figure_of(cell)}**" if table.emphasised(cell) else figure_of(cell)
            figures.append(f"{figure} {_bracketed(cell)}".rstrip())
        names = (name.replace("|", "\\|") for name in table.name_cells(row))
        lines.append(markdown_line((*names, *figures)))
    return "\n".join([*lines, "", *(f"{note}.  " for note in table.notes)]) + "\n"


def _bracketed(cell: TableCell) -> str:
    spread = spread_of(cell)
    return spread if cell.deviation is not None or not spread else f"({spread})"


def as_csv(table: RunTable) -> str:
    """Comma-separated values: every name, and per metric the figure, its ends and its p."""
    per_metric = ("", "_low", "_high", "_sd", "_p_holm")
    names = [name for name in _FIELDS if name not in ("title", "dataset_sha256")]
    lines: list[list[Any]] = [[*names, *(f"{m}{end}" for m in table.metrics for end in per_metric)]]
    for row in table.rows:
        entries: list[Any] = [getattr(row, name) for name in names]
        for metric in table.metrics:
            values = _cell_json(row.cells[metric])
            low, high = values["ci"] or (None, None)
            entries += [values["value"], low, high, values["sd"], values["p_holm"]]
        lines.append(entries)
    return csv_text(lines)


def as_latex(table: RunTable) -> str:
    """A LaTeX tabular for the package booktabs, with its notes as comments."""
    columns = "l" * len(table.names) + "r" * len(table.metrics)
    lines = [
        *(f"% {note}" for note in table.notes),
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(tex, table.headings)) + r" \\",
        r"\midrule",
    ]
    for row in table.rows:
        figures = []
        for metric in table.metrics:
            cell = row.cells[metric]
            figure = figure_of(cell).replace("†", r"$^\dagger$")
            figure = rf"\textbf{{{figure}}}" if table.emphasised(cell) else figure
            spread = _bracketed(cell).replace("–", "--").replace("± ", r"$\pm$ ")
            figures.append(rf"{figure} {{\footnotesize {spread}}}" if spread else figure)
        lines.append(" & ".join((*map(tex, table.name_cells(row)), *figures)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def as_json(table: RunTable) -> str:
    """One JSON object: a row per network, method, dataset and protocol."""
    rows = [
        {name: getattr(row, name) for name in _FIELDS}
        | {"figures": {metric: _cell_json(row.cells[metric]) for metric in table.metrics}}
        for row in table.rows
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


def as_html(table: RunTable) -> str:
    """An HTML table without styles or scripts."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in table.headings)
    body = []
    for row in table.rows:
        cells = [f"<td>{escape(each)}</td>" for each in table.name_cells(row)]
        for metric in table.metrics:
            cell = row.cells[metric]
            figure = f"<b>{figure_of(cell)}</b>" if table.emphasised(cell) else figure_of(cell)
            spread = spread_of(cell)
            small = f" <small>{spread}</small>" if spread else ""
            cells.append(f'<td style="text-align:right">{figure}{small}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    notes = "<br>".join(escape(note) for note in table.notes)
    return (
        f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n"
        f"<tfoot><tr><td colspan={len(table.headings)}>{notes}</td></tr></tfoot>\n</table>\n"
    )


FORMATS: Mapping[str, Callable[[RunTable], str]] = MappingProxyType(
    {"md": as_markdown, "csv": as_csv, "tex": as_latex, "json": as_json, "html": as_html}
)
"""Values of `--format`."""
