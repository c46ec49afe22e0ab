"""A result as an HTML table for notebooks."""

from html import escape

from wsol_bench.records.result import Result, Row
from wsol_bench.report.tables.result import (
    figure_text,
    interval_text,
    interval_words,
    notes_of,
    paper_cells,
    remarks_of,
)
from wsol_bench.scoring.measured import Measured

_LEFT, _RIGHT = "text-align:left", "text-align:right;padding-left:1em"
_FAINT = "opacity:.65"
"""Works on light and dark backgrounds."""


def result_html(result: Result) -> str:
    """Errors in per cent with their 95 % Wilson intervals, as the terminal shows them.

    It has no colours, scripts or links; the notebook's own style applies.
    """
    heads = "".join(
        f'<th style="{_RIGHT}">{escape(metric.heading)}</th>' for metric in result.columns
    )
    about = (
        f"{result.arch}, {result.weights}; {result.dataset}, {result.protocol}, n = {result.n:,}"
    )
    notes = [
        f"{interval_words(result)}; {result.summary}",
        *notes_of(result),
        *remarks_of(result),
    ]
    return (
        f'<table><caption style="{_LEFT}">{escape(about)}</caption>'
        f'<thead><tr><th style="{_LEFT}">method</th>{heads}</tr></thead>'
        f"<tbody>{''.join(_row(result, row) for row in result.rows)}</tbody></table>"
        f'<p style="{_FAINT}">{"<br>".join(escape(note) for note in notes)}</p>'
    )


def _row(result: Result, row: Row) -> str:
    title = row.title if row.arch == result.arch else f"{row.title} ({row.arch})"
    shown = (row.figures.get(metric.name) for metric in result.columns)
    cells = "".join(f'<td style="{_RIGHT}">{_cell(figure)}</td>' for figure in shown)
    html = f'<tr><th style="{_LEFT}">{escape(title)}</th>{cells}</tr>'
    published = paper_cells(result, row)
    if not published:
        return html
    cells = "".join(f'<td style="{_RIGHT}">{figure}</td>' for figure in published)
    return f'{html}<tr style="{_FAINT}"><td style="{_LEFT}">paper</td>{cells}</tr>'


def _cell(figure: Measured | None) -> str:
    ends = interval_text(figure)
    beneath = f'<br><small style="{_FAINT}">{ends}</small>' if ends else ""
    return f"{figure_text(figure)}{beneath}"
