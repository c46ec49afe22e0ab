"""Results as tables for a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from wsol_bench.records.manifest import DEFAULT_PRECISION
from wsol_bench.records.result import Result, Row
from wsol_bench.report.terminal import figure_table
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.published import find_row

_NORMAL = ("ok", "unreadable")
"""Map states that are not degenerate."""


def terminal_table(result: Result) -> Table:
    """A row per method and a column per metric, with 95 % intervals below the figures.

    Titles and notes stand outside, since a table wraps them to its own width.

    The paper's figures are shown only for ILSVRC's classes, and if the paper has this arch
    and method under this protocol.
    """
    headings = (stacked(metric.heading) for metric in result.columns)
    table = figure_table("method", headings, pad_edge=False)
    for row in result.rows:
        carrier = "" if row.arch == result.arch else f"({row.arch})"
        figures = [row.figures.get(metric.name) for metric in result.columns]
        table.add_row(row.title, *map(figure_text, figures))
        table.add_row(carrier, *map(interval_text, figures), style="dim")
        if published := paper_cells(result, row):
            table.add_row("  paper", *published)
    return table


def paper_cells(result: Result, row: Row) -> list[str]:
    """The paper's figures of a row, a text for each metric; empty if the paper has no such row."""
    paper = find_row(row.arch, row.method, result.protocol) if result.is_ilsvrc else None
    if paper is None:
        return []
    figures = (paper.figures.get(metric.name) for metric in result.columns)
    return ["" if figure is None else f"{figure:.2f}" for figure in figures]


_MIN_NAME_WIDTH = 12
"""Columns of a terminal that a method's name gets before the table is stacked."""


def _fits(table: Table, result: Result, console: Console) -> bool:
    """Whether a table has room for its figures and most of each method's name."""
    wide = console.options.update(max_width=10_000)
    longest = max((len(row.title) for row in result.rows), default=0)
    whole = Measurement.get(console, wide, table).maximum
    return whole - longest + min(longest, _MIN_NAME_WIDTH) <= console.width


def stacked_lines(result: Result) -> list[str]:
    """The same as lines for a narrow terminal: each method, and below it a line per metric."""
    lines = [*title_lines(result), ""]
    for row in result.rows:
        carrier = "" if row.arch == result.arch else f" ({row.arch})"
        lines.append(f"{row.title}{carrier}")
        for metric in result.columns:
            figure = row.figures.get(metric.name)
            ends = interval_text(figure)
            lines.append(f"  {metric.heading}: {figure_text(figure)}{f' ({ends})' if ends else ''}")
    return [*lines, "", *caption_lines(result), ""]


def title_lines(result: Result) -> list[str]:
    """The network, its weights and precision; the data, the protocol and the images."""
    return [
        f"{result.arch}, {result.weights}{precision_words(result.precision)}",
        f"{result.dataset}, {result.protocol}, n = {result.n:,}",
    ]


def caption_lines(result: Result) -> list[str]:
    """What the figures are, and how boxes were drawn and scored."""
    return [interval_words(result), result.summary, *notes_of(result)]


def precision_words(precision: str) -> str:
    """A precision that is not the usual one, after the name of a network."""
    return "" if precision in ("", DEFAULT_PRECISION) else f", {precision}"


def interval_words(result: Result) -> str:
    """The unit of the figures, and the kind of their intervals."""
    figures = [each for row in result.rows for each in row.figures.values()]
    wilson = any(each.replicates is None for each in figures)
    resampled = any(each.replicates is not None for each in figures)
    kinds = [*(["Wilson"] if wilson else []), *(["bootstrap"] if resampled else [])]
    what = "error in %"
    if not all(metric.is_error for metric in result.columns):
        what = "↑: higher is better, else lower is better"
    return f"{what}, 95 % {' or '.join(kinds or ['Wilson'])} interval below"


def notes_of(result: Result) -> list[str]:
    """The notes on the metrics, each once."""
    return list(dict.fromkeys(metric.note for metric in result.columns if metric.note))


def stacked(heading: str) -> str:
    """A heading in lines, so that a column of figures stays narrow."""
    return heading.replace(", ", ",\n") if ", " in heading else heading.replace(" ", "\n", 1)


def print_results(results: Sequence[Result]) -> None:
    """Prints each result on stdout, with a blank line between two of them."""
    for at, result in enumerate(results):
        if at:
            print()
        print_result(result)


def print_result(result: Result, console: Console | None = None) -> None:
    """Prints the table and the notes on it.

    Args:
        result: to print.
        console: where; default: stdout, without colours if it is no terminal.
    """
    console = console or Console()
    table = terminal_table(result)
    if _fits(table, result, console):
        title = "\n".join(title_lines(result))
        console.print(title, style="bold", highlight=False, markup=False)
        console.print(table)
        console.print("\n".join(caption_lines(result)), style="dim", highlight=False, markup=False)
    else:
        console.print("\n".join(stacked_lines(result)), highlight=False, markup=False)
    for remark in remarks_of(result):
        console.print(remark, highlight=False, markup=False)


def remarks_of(result: Result) -> Iterator[str]:
    """What a reader must know of the images, the rows and their maps, a line each."""
    ids = result.unreadable
    if ids:
        count = "1 image" if len(ids) == 1 else f"{len(ids):,} images"
        yield f"{count} could not be read and counted as wrong: {first_names(ids)}."
    for method, reason in result.not_applicable.items():
        yield f"{method}: n/a: {reason}."
    for method, notes in result.notes.items():
        yield f"{method}: {'; '.join(notes)}."
    for method, states in result.map_states.items():
        odd = [f"{count} {state}" for state, count in states.items() if state not in _NORMAL]
        if odd:
            yield f"{method}: degenerate maps: {', '.join(odd)}."


def figure_text(figure: Measured | None) -> str:
    """A figure with two decimals; n/a where there is none."""
    return "n/a" if figure is None or figure.value is None else f"{figure.value:.2f}"


def interval_text(figure: Measured | None) -> str:
    """The ends of the interval with one decimal; nothing where there is no figure."""
    if figure is None or figure.interval is None:
        return ""
    ends = (figure.interval.low, figure.interval.high)
    return "–".join(f"{end:.1f}".replace("100.0", "100") for end in ends)
