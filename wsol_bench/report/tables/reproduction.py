"""Output of `reproduce`: our figures compared with published ones."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.protocols.overrides import resolve
from wsol_bench.records.storage.locate import storage_of
from wsol_bench.records.storage.messages import writing
from wsol_bench.report.csv_text import csv_text
from wsol_bench.report.markup import markdown_line, tex
from wsol_bench.runs.reproduce import ComparedFigure, ReproducedRow
from wsol_bench.runtime.names import file_name
from wsol_bench.scoring.catalog import metrics_in, title_of
from wsol_bench.scoring.published import PublishedTable

SCHEMA = 2
"""Schema 1 was that of the command `table1`."""

HEADINGS = (
    *("network", "method", "data", "protocol", "metric"),
    *("published", "ours", "difference", "interval", "verdict"),
)


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A published table with what we measured.

    Attributes:
        name: as the user named it.
        table: as published.
        rows: measured or not, in its order.
    """

    name: str
    table: PublishedTable
    rows: tuple[ReproducedRow, ...]


def print_reproduction(found: Reproduction) -> None:
    """Prints the table on stdout, at most 80 columns wide."""
    console = Console(highlight=False)
    console.print(f"{found.table.title}; {found.table.source}\n", markup=False)
    for row in found.rows:
        data = found.table.data[row.published.data]
        title = ", ".join(_names(row))
        if not row.n:
            figures = ", ".join(
                f"{_heading(cell.metric, row)} {cell.published:.2f}" for cell in row.cells
            )
            lines = (title, f"published: {figures}", f"not run: {row.reason}")
            console.print(*lines, sep="\n  ", end="\n\n", markup=False)
            continue
        table = Table(
            title=f"{title}, n = {row.n:,}",
            caption=f"published: {data.title}, {data.images:,} images",
            title_justify="left",
            caption_justify="left",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
            padding=(0, 1, 0, 0),
            min_width=78,
        )
        for heading in ("metric, %", "published", "ours", "difference", "95 % interval", "verdict"):
            table.add_column(heading, justify="left" if heading == "verdict" else "right")
        for cell in row.cells:
            table.add_row(
                _heading(cell.metric, row),
                f"{cell.published:.2f}",
                _or_dash(cell.ours),
                _difference(cell),
                _interval(cell),
                cell.verdict,
            )
        console.print(table)
        if row.published.note:
            console.print(row.published.note, markup=False)
        console.print()
    if found.table.note:
        console.print(" ".join(found.table.note.split()), markup=False)


def save_reproduction(found: Reproduction, folder: Path) -> tuple[Path, ...]:
    """Writes the table in every format; returns the paths.

    Raises:
        DataError: the folder cannot be written.
    """
    storage, paths = storage_of(folder), []
    for suffix, form in FORMS.items():
        path = folder / f"{file_name(Path(found.name).stem)}.{suffix}"
        with writing(path):
            storage.make("")
            storage.write(path.name, form(found).encode())
        paths.append(path)
    return tuple(paths)


def _names(row: ReproducedRow) -> tuple[str, ...]:
    own = row.published
    return own.network, own.method, own.data, own.protocol


def _flat(found: Reproduction) -> list[tuple[str, ...]]:
    return [
        (
            *_names(row),
            _heading(cell.metric, row),
            f"{cell.published:.2f}",
            "" if cell.ours is None else f"{cell.ours:.2f}",
            _difference(cell),
            _interval(cell),
            _verdict(cell, row),
        )
        for row in found.rows
        for cell in row.cells
    ]


def _verdict(cell: ComparedFigure, row: ReproducedRow) -> str:
    if not row.n:
        return f"not run: {row.reason}"
    count = len(row.unreadable)
    return f"{cell.verdict}; {count:,} unreadable, counted as wrong" if count else cell.verdict


def as_markdown(found: Reproduction) -> str:
    """A Markdown table, one line per figure."""
    lines = [f"{found.table.title}; {found.table.source}", ""]
    lines += [markdown_line(HEADINGS), "|" + "---|" * len(HEADINGS)]
    lines += map(markdown_line, _flat(found))
    return "\n".join(lines) + "\n"


def as_csv(found: Reproduction) -> str:
    """Comma-separated values, one line per figure."""
    return csv_text([HEADINGS, *_flat(found)])


def as_latex(found: Reproduction) -> str:
    """A LaTeX tabular, one line per row: our figures, the published in brackets."""
    metrics = list(dict.fromkeys(cell.metric for row in found.rows for cell in row.cells))
    heads = ("network", "method", "data", *(_title(metric) for metric in metrics))
    lines = [
        rf"\begin{{tabular}}{{lll{'r' * len(metrics)}}}",
        r"\hline",
        " & ".join(map(tex, heads)) + r" \\ \hline",
    ]
    for row in found.rows:
        cells = {cell.metric: f"{_or_dash(cell.ours)} ({cell.published:.2f})" for cell in row.cells}
        figures = (cells.get(metric, "") for metric in metrics)
        lines.append(" & ".join((*map(tex, _names(row)[:3]), *figures)) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def as_json(found: Reproduction) -> str:
    """One JSON object."""
    content = {
        "schema": SCHEMA,
        "table": found.name,
        "title": found.table.title,
        "source": found.table.source,
        "rows": [row.to_json() for row in found.rows],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


FORMS: Mapping[str, Callable[[Reproduction], str]] = MappingProxyType(
    {"md": as_markdown, "csv": as_csv, "tex": as_latex, "json": as_json}
)


def _heading(metric: str, row: ReproducedRow) -> str:
    return title_of(metric, [resolve(row.published.protocol, ())])


def _title(metric: str) -> str:
    (bound,) = metrics_in([metric])
    return bound.metric.title.format(topk=5)


def _difference(cell: ComparedFigure) -> str:
    return "" if cell.ours is None else f"{cell.ours - cell.published:+.2f}"


def _interval(cell: ComparedFigure) -> str:
    return f"{cell.interval.low:.1f}–{cell.interval.high:.1f}" if cell.interval else ""


def _or_dash(figure: float | None) -> str:
    return "--" if figure is None else f"{figure:.2f}"
