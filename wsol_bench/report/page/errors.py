"""The table of errors: our figures with their intervals, compared with the paper's."""

from collections.abc import Sequence
from dataclasses import dataclass

from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.report.page.scale import Scale, Strip, scale_over, strip
from wsol_bench.scoring.ilsvrc import LOCALIZATION
from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.published import PublishedRow, find_row, table1


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A figure of the paper beside one of ours.

    Attributes:
        percent: as published.
        inside: whether it lies in our interval; None if the protocols differ, so that
            they cannot be compared.
    """

    percent: float
    inside: bool | None


@dataclass(frozen=True, slots=True)
class ErrorCell:
    """One error of one row.

    Attributes:
        metric: its name.
        figure: ours, with its interval; None if the metric does not apply to the row.
        strip: its drawing, or None if there is only a number.
        paper: the paper's figure, or None if it has none.
    """

    metric: str
    figure: Measured | None
    strip: Strip | None
    paper: PaperFigure | None


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One method's errors.

    Attributes:
        title: of the row.
        is_floor: whether it is the centred box.
        cells: one per metric of the table.
        note: the protocol of the paper's figures if it differs from ours, or "".
    """

    title: str
    is_floor: bool
    cells: tuple[ErrorCell, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ErrorBlock:
    """One run's part of the table, as the paper has one per network.

    Attributes:
        run: the run.
        rows: its methods.
        not_applicable: (method, why the network does not support it).
    """

    run: ReportRun
    rows: tuple[ErrorRow, ...]
    not_applicable: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Published:
    """A figure of the paper, and its place in the table.

    Attributes:
        run: the run's label.
        metric: its name.
        interval: of our figure beside it.
        figure: the paper's.
    """

    run: str
    metric: str
    interval: Interval
    figure: PaperFigure


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """The table of all runs, with one axis.

    Attributes:
        scale: of every strip.
        metrics: the names of its columns.
        ascending: those of which a larger figure is a better one.
        notes: remarks on the columns.
        blocks: one per run.
    """

    scale: Scale
    metrics: tuple[str, ...]
    ascending: tuple[str, ...]
    notes: tuple[str, ...]
    blocks: tuple[ErrorBlock, ...]

    @property
    def published(self) -> tuple[Published, ...]:
        """Every figure of the paper in the table."""
        return tuple(
            Published(block.run.label, cell.metric, cell.figure.interval, cell.paper)
            for block in self.blocks
            for row in block.rows
            for cell in row.cells
            if cell.paper and cell.figure and cell.figure.interval
        )

    @property
    def judged(self) -> tuple[Published, ...]:
        """The paper's figures that ours can be compared with."""
        return tuple(each for each in self.published if each.figure.inside is not None)

    @property
    def unjudged(self) -> tuple[Published, ...]:
        """The paper's figures that were measured under another protocol."""
        return tuple(each for each in self.published if each.figure.inside is None)


def error_table(runs: Sequence[ReportRun]) -> ErrorTable:
    """The errors of every run, and the paper's for the same arch, method and classes."""
    scale = scale_over(_values(runs))
    shown = {each.name: each.metric for run in runs for each in run.metrics}
    return ErrorTable(
        scale,
        tuple(shown),
        tuple(name for name, metric in shown.items() if metric.higher_is_better),
        tuple(dict.fromkeys(metric.note for metric in shown.values() if metric.note)),
        tuple(_block(run, tuple(shown), scale) for run in runs),
    )


def paper_row(run: ReportRun, row: ReportRow) -> tuple[PublishedRow | None, bool]:
    """The paper's row for a row of ours, and whether it was measured under our protocol.

    There is one for ILSVRC's classes only. A row under another protocol is shown without
    comparison.
    """
    if not run.identity.is_ilsvrc:
        return None, False
    same = find_row(row.arch, row.method, run.protocol.name)
    if same:
        return same, True
    others = (each for each in table1() if (each.arch, each.method) == (row.arch, row.method))
    return next(others, None), False


def _values(runs: Sequence[ReportRun]) -> list[float]:
    """All values on the axis."""
    values = []
    for run in runs:
        for row in run.rows:
            paper, fits = paper_row(run, row)
            for metric in LOCALIZATION:
                interval = row.figures[metric].interval
                values += [interval.low, interval.high] if interval else [0.0, 100.0]
                if paper and fits and metric in paper.figures:
                    values.append(paper.figures[metric])
    return values


def _block(run: ReportRun, metrics: Sequence[str], scale: Scale) -> ErrorBlock:
    reasons = (run.manifest.result or {}).get("not_applicable", {})
    rows = tuple(_row(run, row, metrics, scale) for row in run.rows)
    return ErrorBlock(run, rows, tuple(reasons.items()))


def _row(run: ReportRun, row: ReportRow, metrics: Sequence[str], scale: Scale) -> ErrorRow:
    paper, fits = paper_row(run, row)
    cells = tuple(_cell(run, row, metric, paper, fits, scale) for metric in metrics)
    note = ""
    if paper and not fits:
        note = f"paper: {paper.protocol}"
    return ErrorRow(row.title, row is run.floor, cells, note)


def _cell(
    run: ReportRun,
    row: ReportRow,
    metric: str,
    paper: PublishedRow | None,
    fits: bool,
    scale: Scale,
) -> ErrorCell:
    measured = row.figures.get(metric)
    interval = measured.interval if measured else None
    published = paper.figures.get(metric) if paper else None
    figure = None
    if published is not None:
        inside = published in interval if fits and interval else None
        figure = PaperFigure(published, inside)
    drawn = None
    if metric in LOCALIZATION and measured and measured.value is not None and interval:
        drawn = strip(
            scale,
            measured.value,
            interval.low,
            interval.high,
            line=run.floor.figures[metric].value if run.floor else None,
            mark=published if fits else None,
        )
    return ErrorCell(metric, measured, drawn, figure)
