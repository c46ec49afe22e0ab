"""Which rows differ: paired comparisons within each run, and of one method across runs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from wsol_bench.errors import DataError
from wsol_bench.paired import Comparison, PairedRow, compare_all, compare_rows, holm
from wsol_bench.report.page_runs import ReportRow, ReportRun
from wsol_bench.report.page_scale import Scale, Strip, scale_over, strip

SURE = 0.05
"""Under this Holm-corrected p a row is called lower."""


@dataclass(frozen=True, slots=True)
class PairLine:
    """Two rows and their difference.

    Attributes:
        comparison: the first minus the second.
        strip: where it is drawn, with a line at 0.
        verdict: in words, which has fewer errors.
    """

    comparison: Comparison
    strip: Strip
    verdict: str


@dataclass(frozen=True, slots=True)
class PairTable:
    """The comparisons whose p values are corrected together.

    Attributes:
        title: what is compared.
        n: images.
        scale: in per cent points.
        lines: one per pair.
    """

    title: str
    n: int
    scale: Scale
    lines: tuple[PairLine, ...]


def pair_tables(runs: Sequence[ReportRun], metric: str) -> tuple[PairTable, ...]:
    """A table per run of all its pairs, then one of each method across runs.

    Runs of which localization counts no image have none.

    Args:
        runs: those of other images than the first's are not compared with it.
        metric: which error.
    """
    runs = [run for run in runs if run.localized]
    tables = [_table(run.label, compare_all(_rows(run), metric)) for run in runs]
    across = _across(runs, metric)
    if across:
        tables.append(_table("one method, two runs", across))
    return tuple(table for table in tables if table.lines)


def against_floor(run: ReportRun, metric: str) -> tuple[tuple[ReportRow, Comparison], ...]:
    """Each method that makes maps minus the centred box; none where the run lacks it."""
    if run.floor is None:
        return ()
    floor = _row(run, run.floor)
    return tuple(
        (row, compare_rows(_row(run, row), floor, metric)) for row in run.rows if row.has_map
    )


def _across(runs: Sequence[ReportRun], metric: str) -> tuple[Comparison, ...]:
    found: list[Comparison] = []
    for first, second in combinations(runs, 2):
        theirs = {row.method: row for row in second.rows}
        for row in first.rows:
            other = theirs.get(row.method)
            if other is None or not _same_images(first, second):
                continue
            pair = [
                replace(_row(run, each), name=f"{each.title} ({run.label})")
                for run, each in ((first, row), (second, other))
            ]
            found += _comparable(pair, metric)
    corrected = holm([each.difference.p for each in found])
    return tuple(replace(each, p_holm=p) for each, p in zip(found, corrected, strict=True))


def _comparable(pair: Sequence[PairedRow], metric: str) -> Iterable[Comparison]:
    try:
        return [compare_rows(pair[0], pair[1], metric)]
    except DataError:  # the same images under two blacklists cannot be paired
        return []


def _same_images(first: ReportRun, second: ReportRun) -> bool:
    return bool(first.identity["dataset_sha256"] == second.identity["dataset_sha256"])


def _rows(run: ReportRun) -> list[PairedRow]:
    return [_row(run, row) for row in run.rows]


def _row(run: ReportRun, row: ReportRow) -> PairedRow:
    return PairedRow(row.title, row.table, row.method, run.protocol)


def _table(title: str, comparisons: Sequence[Comparison]) -> PairTable:
    differences = [each.difference for each in comparisons]
    ends = [end for each in differences for end in (each.interval.low, each.interval.high, 0.0)]
    scale = scale_over(ends, least=-100.0, most=100.0)
    lines = tuple(_line(each, scale) for each in comparisons)
    return PairTable(title, differences[0].n if differences else 0, scale, lines)


def _line(comparison: Comparison, scale: Scale) -> PairLine:
    difference = comparison.difference
    drawn = strip(
        scale, difference.percent, difference.interval.low, difference.interval.high, line=0.0
    )
    return PairLine(comparison, drawn, _verdict(comparison))


def _verdict(comparison: Comparison) -> str:
    difference = comparison.difference
    if not difference.only_first and not difference.only_second:
        return "the same on every image"
    if apart_from_zero(comparison) == 0:
        return "not told apart"
    lower = comparison.first if difference.percent < 0 else comparison.second
    if comparison.p_holm >= SURE:
        return f"{lower} has fewer errors, not after Holm"
    return f"{lower} has fewer errors"


def apart_from_zero(comparison: Comparison) -> int:
    """The sign of a difference whose interval leaves out 0, else 0."""
    interval = comparison.difference.interval
    return int(interval.low > 0) - int(interval.high < 0)
