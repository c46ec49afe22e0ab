"""The rows of any number of runs in one table, with intervals and paired comparisons.

Rows are comparable if they share images and protocol; such rows form a group. In each group and
under each metric one row is the best, and every other row is compared with it on the same
images; the p values of one group and metric are corrected together by Holm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from statistics import mean, stdev

from wsol_bench.analysis.differences import SIGNIFICANCE, holm
from wsol_bench.analysis.paired import MeasuredRow, compare_measured
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.errors import DataError, find
from wsol_bench.records.manifest import DEFAULT_PRECISION, digest_of
from wsol_bench.runtime.names import last_part
from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.metric import BoundMetric


@dataclass(frozen=True, slots=True)
class TableCell:
    """One figure of one row.

    Attributes:
        value: in the metric's unit; None if it does not apply or is over 0 images. The mean
            over the runs if there are several.
        interval: 95 %; None if there are several runs.
        deviation: the standard deviation over the runs (n - 1), or None for one run.
        best: whether it is the best of its group.
        p_holm: of the difference from the best row; None for the best row, and if the
            rows cannot be paired.
    """

    value: float | None
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
        run: the label of its run.
        network, weights, method, dataset, protocol: names; the network's with its precision
            if that is not fp32.
        title: of the method.
        dataset_sha256: of the images, labels and boxes.
        setup: digest of all that decides the row's records, but for the weights.
        n: images.
        runs: number of runs over which figures are averaged.
        cells: metric -> figure.
    """

    run: str
    network: str
    weights: str
    method: str
    title: str
    dataset: str
    dataset_sha256: str
    protocol: str
    setup: str
    n: int
    runs: int
    cells: Mapping[str, TableCell]

    @property
    def group(self) -> tuple[str, str]:
        """Rows with the same group are comparable."""
        return self.dataset_sha256, self.protocol


def table_rows(
    runs: Sequence[ReportRun],
    metrics: Sequence[BoundMetric],
    *,
    sort: str | None = None,
    average: bool = False,
) -> tuple[TableRow, ...]:
    """The rows of runs.

    Args:
        runs: at least one, opened with these metrics.
        metrics: the columns.
        sort: one of them, by which rows are sorted, best first; default: the order of the runs.
        average: make one row of those that differ only in their weights, such as several
            checkpoints of one training: the mean and the standard deviation over the runs.

    Raises:
        UsageError: `sort` is none of the metrics.
    """
    by = find("metric of this table", sort, {each.name: each for each in metrics}) if sort else None
    pairs = [(run, row) for run in runs for row in run.rows]
    rows = [_row(run, row, metrics) for run, row in pairs]
    rows = _averaged(rows, metrics) if average else _compared(pairs, rows, metrics)
    if by:
        rows.sort(key=lambda row: _rank(row.cells[by.name], by))
    return tuple(rows)


def _rank(cell: TableCell, metric: BoundMetric) -> float:
    """A number that is lower for a better figure."""
    if cell.value is None:
        return inf
    return -cell.value if metric.metric.higher_is_better else cell.value


def _row(run: ReportRun, row: ReportRow, metrics: Sequence[BoundMetric]) -> TableRow:
    own = row.network.identity
    cells = {}
    for metric in metrics:
        figure = row.figures.get(metric.name)
        value, interval = (figure.value, figure.interval) if figure else (None, None)
        cells[metric.name] = TableCell(value, interval, None)
    return TableRow(
        run=run.label,
        network=row.arch if own.precision == DEFAULT_PRECISION else f"{row.arch}, {own.precision}",
        weights=last_part(own.weights),
        method=row.method,
        title=row.title.removesuffix(f" ({row.arch})"),
        dataset=run.identity.dataset,
        dataset_sha256=run.identity.dataset_sha256,
        protocol=run.protocol.name,
        setup=_setup(row),
        n=own.images,
        runs=1,
        cells=cells,
    )


def _setup(row: ReportRow) -> str:
    """The facts that determine a row's records, except the weights and the kept maps."""
    identity = asdict(row.network.identity)
    for name in ("weights", "weights_sha256", "keep_maps", "class_boxes", "shard"):
        del identity[name]
    return digest_of({**identity, "row": row.network.row(row.method).definition})


def _averaged(rows: Sequence[TableRow], metrics: Sequence[BoundMetric]) -> list[TableRow]:
    same: dict[tuple[str, ...], list[TableRow]] = {}
    for row in rows:
        same.setdefault((*row.group, row.setup), []).append(row)
    means = [each[0] if len(each) == 1 else _mean_of(each) for each in same.values()]
    return [_marked(row, means, metrics) for row in means]


def _mean_of(rows: Sequence[TableRow]) -> TableRow:
    cells = {}
    for metric in rows[0].cells:
        values = [row.cells[metric].value for row in rows]
        known = [value for value in values if value is not None]
        whole = len(known) == len(rows)
        cells[metric] = TableCell(
            mean(known) if whole else None, None, stdev(known) if whole else None
        )
    weights = f"{len(rows)} checkpoints"
    return replace(rows[0], weights=weights, runs=len(rows), cells=cells)


def _marked(row: TableRow, rows: Sequence[TableRow], metrics: Sequence[BoundMetric]) -> TableRow:
    """The row with its best cells marked, without tests."""
    cells = {}
    for metric in metrics:
        ranks = (_rank(each.cells[metric.name], metric) for each in rows if each.group == row.group)
        cell = row.cells[metric.name]
        cells[metric.name] = replace(
            cell, best=cell.value is not None and _rank(cell, metric) == min(ranks)
        )
    return replace(row, cells=cells)


def _compared(
    pairs: Sequence[tuple[ReportRun, ReportRow]],
    rows: Sequence[TableRow],
    metrics: Sequence[BoundMetric],
) -> list[TableRow]:
    """The rows with their best cells marked and all others compared with them."""
    marked = [_marked(row, rows, metrics) for row in rows]
    for group in dict.fromkeys(row.group for row in marked):
        members = [at for at, row in enumerate(marked) if row.group == group]
        for metric in (each.name for each in metrics):
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
        if best is None or row.cells[metric].best or row.cells[metric].value is None:
            continue
        first, second = (_measured(*pairs[each], metric) for each in (best, at))
        try:
            found[at] = compare_measured(first, second, metric, resamples=1).difference.p
        except DataError:  # the same images with different blacklists cannot be paired
            continue
    corrected = dict(zip(found, holm(list(found.values())), strict=True))
    return [corrected.get(at) for at in range(len(rows))]


def _measured(run: ReportRun, row: ReportRow, metric: str) -> MeasuredRow:
    return MeasuredRow(f"{row.title} in {run.label}", row.images(), row.figures[metric])
