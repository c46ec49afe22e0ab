"""The rows of any number of runs in one table, with intervals and paired comparisons.

Rows are comparable if they share images and protocol; such rows form a group. In each group and
under each metric the row with the lowest error is the best, and every other row is compared
with it image by image; the p values of one group and metric are corrected together by Holm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from wsol_bench.analysis.paired import SIGNIFICANCE, PairedRow, compare_rows, holm
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.errors import DataError, find
from wsol_bench.runtime.names import last_part
from wsol_bench.scoring.ilsvrc import METRICS
from wsol_bench.scoring.intervals import Interval, Rate


@dataclass(frozen=True, slots=True)
class TableCell:
    """One error of one row.

    Attributes:
        percent: the error; NaN over 0 images. The mean over the runs if there are several.
        interval: 95 % Wilson; None if there are several runs.
        deviation: the standard deviation over the runs (n - 1), or None for one run.
        best: whether it is the lowest of its group.
        p_holm: of the difference from the best row; None for the best row, and if the
            rows cannot be paired.
    """

    percent: float
    interval: Interval | None
    deviation: float | None
    best: bool = False
    p_holm: float | None = None

    @property
    def tied(self) -> bool:
        """Whether it does not differ significantly from the best row."""
        return self.p_holm is not None and self.p_holm >= SIGNIFICANCE


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of the table.

    Attributes:
        network, weights, method, dataset, protocol: names.
        title: of the method.
        dataset_sha256: of the images, labels and boxes.
        n: images.
        runs: number of runs over which errors are averaged.
        cells: metric -> error.
    """

    network: str
    weights: str
    method: str
    title: str
    dataset: str
    dataset_sha256: str
    protocol: str
    n: int
    runs: int
    cells: Mapping[str, TableCell]

    @property
    def group(self) -> tuple[str, str]:
        """Rows with the same group are comparable."""
        return self.dataset_sha256, self.protocol


def table_rows(
    runs: Sequence[ReportRun],
    metrics: Sequence[str],
    *,
    sort: str | None = None,
    average: bool = False,
) -> tuple[TableRow, ...]:
    """The rows of runs.

    Args:
        runs: at least one.
        metrics: names of errors.
        sort: a metric in whose ascending order rows stand; default: the order of the runs.
        average: make one row of those that differ only in their weights, such as several
            checkpoints of one training: the mean and the standard deviation over the runs.

    Raises:
        UsageError: there is no such metric.
    """
    known = dict.fromkeys(METRICS)
    for metric in (*metrics, *([sort] if sort else [])):
        find("metric", metric, known)
    columns = tuple(dict.fromkeys([*metrics, *([sort] if sort else [])]))
    pairs = [(run, row) for run in runs for row in run.rows]
    if average:
        rows = _averaged(pairs, columns)
    else:
        rows = _compared(pairs, [_row(run, row, columns) for run, row in pairs], columns)
    if sort:
        rows = sorted(rows, key=lambda row: row.cells[sort].percent)
    return tuple(rows)


def _row(run: ReportRun, row: ReportRow, metrics: Sequence[str]) -> TableRow:
    own = row.part.identity
    cells = {}
    for metric in metrics:
        rate: Rate = getattr(row.errors, metric)
        cells[metric] = TableCell(rate.percent, rate.interval(), None)
    return TableRow(
        network=row.arch,
        weights=last_part(own.weights),
        method=row.method,
        title=row.title.removesuffix(f" ({row.arch})"),
        dataset=run.identity.dataset,
        dataset_sha256=run.identity.dataset_sha256,
        protocol=run.protocol.name,
        n=len(row.table),
        runs=1,
        cells=cells,
    )


def _averaged(
    pairs: Sequence[tuple[ReportRun, ReportRow]], metrics: Sequence[str]
) -> list[TableRow]:
    same: dict[tuple[str, ...], list[TableRow]] = {}
    for run, found in pairs:
        row = _row(run, found, metrics)
        same.setdefault((row.network, row.method, *row.group), []).append(row)
    rows = [rows[0] if len(rows) == 1 else _mean_of(rows, metrics) for rows in same.values()]
    return [_marked(row, rows, metrics) for row in rows]


def _mean_of(rows: Sequence[TableRow], metrics: Sequence[str]) -> TableRow:
    cells = {}
    for metric in metrics:
        percents = [row.cells[metric].percent for row in rows]
        cells[metric] = TableCell(mean(percents), None, stdev(percents))
    weights = f"{len(rows)} checkpoints"
    return replace(rows[0], weights=weights, runs=len(rows), cells=cells)


def _marked(row: TableRow, rows: Sequence[TableRow], metrics: Sequence[str]) -> TableRow:
    """The row with its best cells marked, without tests."""
    cells = {}
    for metric in metrics:
        lowest = min(each.cells[metric].percent for each in rows if each.group == row.group)
        cells[metric] = replace(row.cells[metric], best=row.cells[metric].percent == lowest)
    return replace(row, cells=cells)


def _compared(
    pairs: Sequence[tuple[ReportRun, ReportRow]],
    rows: Sequence[TableRow],
    metrics: Sequence[str],
) -> list[TableRow]:
    """The rows with their best cells marked and all others compared with them."""
    marked = [_marked(row, rows, metrics) for row in rows]
    for group in dict.fromkeys(row.group for row in marked):
        members = [at for at, row in enumerate(marked) if row.group == group]
        for metric in metrics:
            ps = _p_values([pairs[at] for at in members], [marked[at] for at in members], metric)
            for at, p in zip(members, ps, strict=True):
                cell = replace(marked[at].cells[metric], p_holm=p)
                marked[at] = replace(marked[at], cells={**marked[at].cells, metric: cell})
    return marked


def _p_values(
    pairs: Sequence[tuple[ReportRun, ReportRow]], rows: Sequence[TableRow], metric: str
) -> list[float | None]:
    """Holm's p of each row's difference from the first best row of a group."""
    best = next((at for at, row in enumerate(rows) if row.cells[metric].best), None)
    found: dict[int, float] = {}
    for at, row in enumerate(rows):
        if best is None or row.cells[metric].best:
            continue
        first, second = (_paired(*pairs[each]) for each in (best, at))
        try:
            found[at] = compare_rows(first, second, metric, resamples=1).difference.p
        except DataError:  # the same images with different blacklists cannot be paired
            continue
    corrected = dict(zip(found, holm(list(found.values())), strict=True))
    return [corrected.get(at) for at in range(len(rows))]


def _paired(run: ReportRun, row: ReportRow) -> PairedRow:
    return PairedRow(f"{row.title} in {run.label}", row.table, row.method, run.protocol)
