"""Errors by size and number of objects, kinds of failure, and errors by class."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wsol_bench.analysis.breakdown import (
    Group,
    MeasuredImages,
    by_box_count,
    by_box_size,
    by_class,
)
from wsol_bench.analysis.failures import FailureKind, count_failures
from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.records.table import outcomes_of
from wsol_bench.report.page.scale import Scale, Strip, scale_over, strip
from wsol_bench.scoring.ilsvrc import LOCALIZATION
from wsol_bench.scoring.measured import Measured

WHOLE = scale_over([0.0, 100.0])
"""The axis of groups; the intervals of small groups may fill it."""

Grouping = Callable[[MeasuredImages], tuple[Group, ...]]


@dataclass(frozen=True, slots=True)
class GroupCell:
    """One method's error in one group of images.

    Attributes:
        figure: over 0 images if the group is empty.
        strip: its drawing, or None if the group is empty.
    """

    figure: Measured
    strip: Strip | None


@dataclass(frozen=True, slots=True)
class GroupTable:
    """One run's error by group.

    Attributes:
        title: what the images are grouped by.
        scale: of every strip.
        names: (group, its images) in order.
        rows: (method's title, a cell per group).
        intervals: the kind of the cells' intervals.
    """

    title: str
    scale: Scale
    names: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, tuple[GroupCell, ...]], ...]
    intervals: str


@dataclass(frozen=True, slots=True)
class FailureTable:
    """The outcomes of one run's images under one metric.

    Attributes:
        n: images.
        kinds: names, in the order of `FailureKind`.
        rows: (method's title, images of each kind).
    """

    n: int
    kinds: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One class of a run.

    Attributes:
        wnid, name: of the class.
        n: its images.
        cls: top-1 classification error in per cent, of the run's own network.
        errors: per method and per metric of `LOCALIZATION`, in per cent; None over 0 images.
    """

    wnid: str
    name: str
    n: int
    cls: float
    errors: tuple[tuple[float | None, ...], ...]


GROUPINGS: Mapping[str, Grouping] = MappingProxyType(
    {
        "share of the image that the largest ground-truth box covers": by_box_size,
        "number of ground-truth boxes": by_box_count,
    }
)


def group_tables(run: ReportRun, metric: str) -> tuple[GroupTable, ...]:
    """A run's figures by object size and by number of objects.

    Args:
        run: the run.
        metric: one that the run was opened with.

    Returns:
        No table if the metric has no value per image, as one that pools all images.
    """
    if not any(metric in images.values for images in _images(run).values()):
        return ()
    return tuple(_table(run, title, group, metric) for title, group in GROUPINGS.items())


def failure_table(run: ReportRun, metric: str) -> FailureTable:
    """The number of images of each outcome, by method; without blacklisted images."""
    rows = []
    for row in run.rows:
        counts = count_failures(row.table, row.method, run.protocol, metric)
        rows.append((row.title, tuple(counts[kind] for kind in FailureKind)))
    return FailureTable(sum(rows[0][1]), tuple(str(kind) for kind in FailureKind), tuple(rows))


def class_lines(run: ReportRun) -> tuple[ClassLine, ...]:
    """A run's errors by class, without classes that have no images."""
    names, wnids = run.manifest.class_names, run.manifest.class_ids
    found = [by_class(images, names) for images in _images(run).values()]
    lines = []
    for at, (wnid, name) in enumerate(zip(wnids, names, strict=True)):
        own = found[0][at].figures["top1_cls"]
        if own.value is not None:
            errors = tuple(tuple(_percents(groups[at])) for groups in found)
            lines.append(ClassLine(wnid, name, own.n, own.value, errors))
    return tuple(lines)


def _percents(group: Group) -> list[float | None]:
    return [group.figures[metric].value for metric in LOCALIZATION]


def _images(run: ReportRun) -> dict[str, MeasuredImages]:
    """Each row's images, with the values that its figures are the means of."""
    found = {}
    for row in run.rows:
        values = {name: each.per_image for name, each in row.figures.items() if each.per_image}
        data = outcomes_of(row.table, row.method)
        found[row.method] = MeasuredImages.with_values(data, values)
    return found


def _table(run: ReportRun, title: str, grouping: Grouping, metric: str) -> GroupTable:
    found = {
        method: grouping(images)
        for method, images in _images(run).items()
        if metric in images.values
    }
    first = next(iter(found.values()))
    floor = found.get(run.floor.method) if run.floor else None
    names = tuple((group.name, group.figures[metric].n) for group in first)
    rows = tuple(
        (
            row.title,
            tuple(
                _cell(group.figures[metric], line.figures[metric] if line else None)
                for group, line in zip(found[row.method], floor or [None] * len(first), strict=True)
            ),
        )
        for row in run.rows
        if row.method in found
    )
    shares = all(group.figures[metric].replicates is None for group in first)
    return GroupTable(title, WHOLE, names, rows, "Wilson" if shares else "bootstrap")


def _cell(figure: Measured, floor: Measured | None) -> GroupCell:
    if figure.value is None or figure.interval is None:
        return GroupCell(figure, None)
    line = floor.value if floor else None
    drawn = strip(WHOLE, figure.value, figure.interval.low, figure.interval.high, line=line)
    return GroupCell(figure, drawn)
