"""Paired comparisons of rows over the same images.

Two rows of one dataset share its images, so their figures are correlated and
their two intervals are not enough. Here each image is compared with itself, as
`analysis.differences` describes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.differences import (
    RESAMPLES,
    Difference,
    holm,
    paired_difference,
    replicated_difference,
)
from wsol_bench.analysis.row_images import AS_IT_IS, Order, RowImages
from wsol_bench.errors import DataError
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import BoundMetric


@dataclass(frozen=True, slots=True)
class PairedRow:
    """A row of a table of figures, with the source of its measurements.

    Attributes:
        name: in messages and tables; unique among the rows compared.
        images: gives the row's images.
        measure: gives the row's figure under a metric, or None where it does not apply.
    """

    name: str
    images: Callable[[], RowImages]
    measure: Callable[[BoundMetric], Measured | None]


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two rows under one metric.

    Attributes:
        first, second: names of the rows.
        metric: its name.
        difference: of the first minus the second.
        p_holm: `difference.p` corrected within the table of comparisons; p itself
            for a single comparison.
    """

    first: str
    second: str
    metric: str
    difference: Difference
    p_holm: float


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """A row's figure under one metric, with the images over which it was measured.

    Attributes:
        name: of the row.
        images: of the row.
        figure: of the row.
    """

    name: str
    images: RowImages
    figure: Measured


def measure_rows(rows: Sequence[PairedRow], metric: str) -> tuple[MeasuredRow, ...]:
    """Each row's figure; rows to which the metric does not apply are left out.

    Raises:
        UsageError: there is no such metric, or the data that it needs were not kept.
        DataError: a row holds an image twice, or has not kept its maps.
    """
    (bound,) = metrics_in([metric])
    found = (_measured(row, bound) for row in rows)
    return tuple(each for each in found if each is not None)


def compare_measured(
    first: MeasuredRow, second: MeasuredRow, metric: str, *, resamples: int = RESAMPLES
) -> PairedComparison:
    """Compares two figures of one dataset: of methods, archs, protocols or runs.

    Records are joined by image and label, whatever their order. Localization metrics leave
    out the blacklist.

    Raises:
        DataError: the rows are not over the same images, or differ in the label or
            the blacklisting of one; names the first.
    """
    ours: Order = AS_IT_IS
    theirs: Order = AS_IT_IS
    if not first.images.same_as(second.images):
        ours, theirs = first.images.order, second.images.order
        _check_same_images(first, second)
    one, other = first.figure, second.figure
    difference = None
    if one.per_image and other.per_image:
        counted, too = one.per_image.counted[ours], other.per_image.counted[theirs]
        _check_equal("blacklisting", first, ~counted, second, ~too)
        if one.replicates is None and other.replicates is None:
            flags = one.per_image.values[ours][counted], other.per_image.values[theirs][too]
            difference = paired_difference(*flags, resamples=resamples)
    difference = difference or replicated_difference(one, other)
    return PairedComparison(first.name, second.name, metric, difference, difference.p)


def compare_all(rows: Sequence[PairedRow], metric: str) -> tuple[PairedComparison, ...]:
    """All pairs of rows in order, their p values Holm-corrected together.

    Rows to which the metric does not apply are left out.

    Raises:
        UsageError, DataError: as `measure_rows` and `compare_measured`.
    """
    return compare_each(measure_rows(rows, metric), metric)


def compare_each(rows: Sequence[MeasuredRow], metric: str) -> tuple[PairedComparison, ...]:
    """All pairs of figures in order, their p values Holm-corrected together; see `compare_all`."""
    pairs = [compare_measured(first, second, metric) for first, second in combinations(rows, 2)]
    corrected = holm([pair.difference.p for pair in pairs])
    return tuple(replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True))


def _measured(row: PairedRow, metric: BoundMetric) -> MeasuredRow | None:
    images = row.images()
    if images.repeated is not None:
        raise DataError(
            f"{row.name}: holds {images.repeated} more than once. Expected one record of it."
        )
    figure = row.measure(metric)
    return None if figure is None else MeasuredRow(row.name, images, figure)


def _check_same_images(first: MeasuredRow, second: MeasuredRow) -> None:
    one, other = (row.images.ids[row.images.order] for row in (first, second))
    if not np.array_equal(one, other):
        stray = str(np.setxor1d(one, other)[0])
        has, lacks = (first, second) if stray in one else (second, first)
        raise DataError(
            f"{first.name} and {second.name} are not over the same images ({len(one):,} and "
            f"{len(other):,}): {stray} is in {has.name} and not in {lacks.name}. A paired "
            "comparison needs the same images; run both over one dataset and --limit."
        )
    labels = [row.images.labels[row.images.order] for row in (first, second)]
    _check_equal("label", first, labels[0], second, labels[1])


def _check_equal(
    what: str,
    first: MeasuredRow,
    ours: NDArray[np.int32] | NDArray[np.bool_],
    second: MeasuredRow,
    theirs: NDArray[np.int32] | NDArray[np.bool_],
) -> None:
    """Refuses rows that differ in a value of an image; both are in one order of the images."""
    apart = np.flatnonzero(ours != theirs)
    if len(apart):
        at = apart[0]
        alike = first.images.same_as(second.images)
        name = first.images.ids[at] if alike else first.images.ids[first.images.order][at]
        raise DataError(
            f"{first.name} and {second.name} differ in the {what} of {name} ({ours[at]} and "
            f"{theirs[at]}). A paired comparison needs one dataset and one blacklist."
        )
