"""Paired comparisons of the rows of each run, and of one method across runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import combinations

from wsol_bench.analysis.differences import SIGNIFICANCE, Difference, holm
from wsol_bench.analysis.paired import MeasuredRow, PairedComparison, compare_each
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.errors import DataError
from wsol_bench.report.page.scale import Scale, Strip, scale_over, strip
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.metric import PERCENT, Metric


class Finding(Enum):
    """The conclusion that a comparison supports; the page never states more."""

    SAME = auto()
    """The two rows agree on every image."""
    OPEN = auto()
    """p is `SIGNIFICANCE` or more: no significant difference."""
    UNCORRECTED = auto()
    """p is below `SIGNIFICANCE` but Holm's is not: among many pairs, chance may explain one."""
    FEWER = auto()
    """Holm's p is below `SIGNIFICANCE`."""


def finding(comparison: PairedComparison) -> Finding:
    """The conclusion that a comparison supports, by its p values."""
    difference = comparison.difference
    counts = (difference.only_first, difference.only_second)
    ends = (difference.interval.low, difference.interval.high)
    if counts == (0, 0) or (None in counts and ends == (0, 0)):
        return Finding.SAME
    if difference.p >= SIGNIFICANCE:
        return Finding.OPEN
    return Finding.FEWER if comparison.p_holm < SIGNIFICANCE else Finding.UNCORRECTED


@dataclass(frozen=True, slots=True)
class PairLine:
    """Two rows and their difference.

    Attributes:
        comparison: the first minus the second.
        strip: the drawing, with a line at 0.
        verdict: which row is better, in words.
    """

    comparison: PairedComparison
    strip: Strip
    verdict: str

    @property
    def same(self) -> bool:
        """Whether the rows agree on every image."""
        return finding(self.comparison) is Finding.SAME


@dataclass(frozen=True, slots=True)
class PairTable:
    """Comparisons whose p values are corrected together.

    Attributes:
        title: what is compared.
        n: images.
        scale: in percentage points, or in the metric's unit.
        lines: one per pair.
        unit: of the differences, in words.
        counted: "wrong" or "right", which is what an image under one row only is, or "" if
            the metric is no share of images.
    """

    title: str
    n: int
    scale: Scale
    lines: tuple[PairLine, ...]
    unit: str
    counted: str


def pair_tables(runs: Sequence[ReportRun], metric: str) -> tuple[PairTable, ...]:
    """One table per run with all its pairs, then one with each method across runs.

    A run without images that count in localization has no table.

    Args:
        runs: only runs on the same images are compared with each other.
        metric: one that the runs were opened with.
    """
    (bound,) = metrics_in([metric])
    entry = bound.metric
    runs = [run for run in runs if run.localized]
    tables = [_table(run.label, compare_each(_rows(run, metric), metric), entry) for run in runs]
    across = _across(runs, metric)
    if across:
        tables.append(_table("one method, two runs", across, entry))
    return tuple(table for table in tables if table.lines)


def against_floor(run: ReportRun, metric: str) -> tuple[tuple[ReportRow, PairedComparison], ...]:
    """Each method that makes maps minus the centred box; empty if the run has no centred box.

    The comparisons are those of the run's table, with p values corrected over all its pairs.
    """
    if run.floor is None:
        return ()
    floor = run.floor.title
    found: dict[str, PairedComparison] = {}
    for each in compare_each(_rows(run, metric), metric):
        if each.second == floor:
            found[each.first] = each
        elif each.first == floor:
            found[each.second] = _reversed(each)
    return tuple((row, found[row.title]) for row in run.rows if row.has_map)


def why_not_across(runs: Sequence[ReportRun]) -> str:
    """Why runs of a report are not compared with each other; "" if all are."""
    counted = [run for run in runs if run.localized]
    apart = [
        f"{first.label} and {second.label}"
        for first, second in combinations(counted, 2)
        if not _same_images(first, second)
    ]
    if apart:
        return f"Not compared, because their images differ: {joined(apart)}."
    if len(counted) > 1 and not _across(counted, "gt_known_loc"):
        return "No method is compared across runs: none occurs in two runs on the same images."
    return ""


def joined(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _reversed(comparison: PairedComparison) -> PairedComparison:
    """The same comparison as the second minus the first."""
    one = comparison.difference
    reversed_ = Difference(
        n=one.n,
        only_first=one.only_second,
        only_second=one.only_first,
        percent=-one.percent,
        interval=Interval(-one.interval.high, -one.interval.low),
        p=one.p,
    )
    return PairedComparison(
        comparison.second, comparison.first, comparison.metric, reversed_, comparison.p_holm
    )


def _across(runs: Sequence[ReportRun], metric: str) -> tuple[PairedComparison, ...]:
    found: list[PairedComparison] = []
    for first, second in combinations(runs, 2):
        theirs = {row.method: row for row in second.rows}
        for row in first.rows:
            other = theirs.get(row.method)
            if other is None or not _same_images(first, second):
                continue
            pair = [
                replace(measured, name=f"{each.title} in {own.label}")
                for own, each in ((first, row), (second, other))
                if (measured := _row(each, metric))
            ]
            found += _comparable(pair, metric)
    corrected = holm([each.difference.p for each in found])
    return tuple(replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True))


def _comparable(pair: Sequence[MeasuredRow], metric: str) -> Iterable[PairedComparison]:
    try:
        return compare_each(pair, metric)
    except DataError:  # the same images with different blacklists cannot be paired
        return []


def _same_images(first: ReportRun, second: ReportRun) -> bool:
    return bool(first.identity.dataset_sha256 == second.identity.dataset_sha256)


def _rows(run: ReportRun, metric: str) -> list[MeasuredRow]:
    rows = (_row(row, metric) for row in run.rows)
    return [row for row in rows if row is not None]


def _row(row: ReportRow, metric: str) -> MeasuredRow | None:
    """The row's figure, or None if the metric does not apply to it."""
    figure = row.figures.get(metric)
    if figure is None:
        return None
    return MeasuredRow(row.title, row.images(), figure)


def _table(title: str, comparisons: Sequence[PairedComparison], metric: Metric) -> PairTable:
    differences = [each.difference for each in comparisons]
    ends = [end for each in differences for end in (each.interval.low, each.interval.high, 0.0)]
    scale = scale_over(ends, minimum=-100.0, maximum=100.0)
    lines = tuple(_line(each, scale) for each in comparisons)
    shares = all(each.only_first is not None for each in differences)
    return PairTable(
        title=title,
        n=differences[0].n if differences else 0,
        scale=scale,
        lines=lines,
        unit="percentage points" if metric.unit == PERCENT else metric.unit,
        counted=("right" if metric.higher_is_better else "wrong") if shares else "",
    )


def _line(comparison: PairedComparison, scale: Scale) -> PairLine:
    difference = comparison.difference
    drawn = strip(
        scale, difference.percent, difference.interval.low, difference.interval.high, line=0.0
    )
    return PairLine(comparison, drawn, verdict_of(comparison))


def verdict_of(comparison: PairedComparison) -> str:
    """Which row is better, in words."""
    (bound,) = metrics_in([comparison.metric])
    metric = bound.metric
    difference = comparison.difference
    first_is_better = (difference.percent > 0) == metric.higher_is_better
    better = comparison.first if first_is_better else comparison.second
    how = "has fewer errors" if metric.is_error else "is better"
    return {
        Finding.SAME: f"agree on {all_images(difference.n)}",
        Finding.OPEN: "no significant difference",
        Finding.UNCORRECTED: f"{better} {how}, not significant after Holm",
        Finding.FEWER: f"{better} {how}",
    }[finding(comparison)]


def all_images(n: int) -> str:
    """`all 20 images`, `the 1 image`."""
    return "the 1 image" if n == 1 else f"all {n:,} images"
