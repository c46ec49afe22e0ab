"""Output of `table1`: our figures compared with the paper's."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.methods.catalog import METHODS
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.messages import writing
from wsol_bench.runs.table1 import ComparedError, RemadeRow
from wsol_bench.scoring.catalog import title_of

HEADINGS = ("arch", "method", "protocol", "error", "paper", "ours", "difference", "interval")
_METRICS = ("top1_cls", "top5_cls", "top1_loc", "top5_loc")
"""The errors of the paper's table."""


def print_table1(rows: Sequence[RemadeRow]) -> None:
    """Prints the table on stdout, at most 80 columns wide."""
    console = Console()
    for row in rows:
        title = f"{row.paper.arch}, {METHODS[row.paper.method].title}, {row.paper.protocol}"
        if not row.n:
            console.print(f"{title}: not run, {row.reason}", highlight=False)
            continue
        table = Table(
            title=f"{title}, n = {row.n:,}", title_justify="left", box=box.SIMPLE_HEAD, min_width=78
        )
        for heading in ("error, %", "paper", "ours", "difference", "95 % interval", "verdict"):
            table.add_column(heading, justify="left" if heading == "verdict" else "right")
        for cell in row.cells:
            table.add_row(
                _title(cell.metric, row),
                f"{cell.paper:.2f}",
                _or_dash(cell.ours),
                _difference(cell),
                _interval(cell),
                cell.verdict,
            )
        console.print(table)


def save_table1(rows: Sequence[RemadeRow], folder: Path) -> tuple[Path, ...]:
    """Writes the table in every format; returns the paths.

    Raises:
        DataError: the folder cannot be written.
    """
    storage, paths = storage_of(folder), []
    for suffix, form in FORMS.items():
        path = folder / f"table1.{suffix}"
        with writing(path):
            storage.make("")
            storage.write(path.name, form(rows).encode())
        paths.append(path)
    return tuple(paths)


def _flat(rows: Sequence[RemadeRow]) -> list[tuple[str, ...]]:
    return [
        (
            row.paper.arch,
            METHODS[row.paper.method].title,
            row.paper.protocol,
            _title(cell.metric, row),
            f"{cell.paper:.2f}",
            "" if cell.ours is None else f"{cell.ours:.2f}",
            _difference(cell),
            _interval(cell),
            _verdict(cell, row),
        )
        for row in rows
        for cell in row.cells
    ]


def _verdict(cell: ComparedError, row: RemadeRow) -> str:
    if not row.n:
        return f"not run: {row.reason}"
    count = len(row.unreadable)
    return f"{cell.verdict}; {count:,} unreadable, counted as wrong" if count else cell.verdict


def as_markdown(rows: Sequence[RemadeRow]) -> str:
    """A Markdown table, one line per figure."""
    heads = (*HEADINGS, "verdict")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(cells)} |" for cells in _flat(rows)]
    return "\n".join(lines) + "\n"


def as_csv(rows: Sequence[RemadeRow]) -> str:
    """Comma-separated values, one line per figure."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([(*HEADINGS, "verdict"), *_flat(rows)])
    return buffer.getvalue()


def as_latex(rows: Sequence[RemadeRow]) -> str:
    """A LaTeX tabular, one line per row of the paper: our figures, the paper's in brackets."""
    lines = [r"\begin{tabular}{llrrrr}", r"\hline"]
    lines.append(
        " & ".join(("net", "method", *(title_of(each, PROTOCOLS.values()) for each in _METRICS)))
        + r" \\ \hline"
    )
    for row in rows:
        figures = [f"{_or_dash(cell.ours)} ({cell.paper:.2f})" for cell in row.cells]
        names = (row.paper.arch.replace("_", r"\_"), METHODS[row.paper.method].title)
        lines.append(" & ".join((*names, *figures)) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def as_json(rows: Sequence[RemadeRow]) -> str:
    """One JSON object."""
    content = {"schema": 1, "rows": [row.to_json() for row in rows]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


FORMS: Mapping[str, Callable[[Sequence[RemadeRow]], str]] = MappingProxyType(
    {"md": as_markdown, "csv": as_csv, "tex": as_latex, "json": as_json}
)


def _title(metric: str, row: RemadeRow) -> str:
    return title_of(metric, [PROTOCOLS[row.paper.protocol]])


def _difference(cell: ComparedError) -> str:
    return "" if cell.ours is None else f"{cell.ours - cell.paper:+.2f}"


def _interval(cell: ComparedError) -> str:
    return f"{cell.interval.low:.1f}–{cell.interval.high:.1f}" if cell.interval else ""


def _or_dash(figure: float | None) -> str:
    return "--" if figure is None else f"{figure:.2f}"
