"""Paired comparisons of rows over the same images.

Two rows of one dataset share its images, so their figures are correlated and
their two intervals are not enough. Here each image is compared with itself, as
`analysis.differences` describes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wsol_bench.analysis.differences import (
    RESAMPLES,
    Difference,
    holm,
    paired_difference,
    replicated_difference,
)
from wsol_bench.analysis.row_images import AS_IT_IS, Order, RowImages
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.measured import Measured, PerImage
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

    @classmethod
    def of_table(cls, name: str, table: pa.Table, method: str, protocol: Protocol) -> "PairedRow":
        """A row measured from its records alone, without its maps."""

        def images() -> RowImages:
            return RowImages.of(lambda: [table.filter(pc.equal(table["method"], method))])

        return cls(name, images, lambda each: each.measure(outcomes_of(table, method), protocol))


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


def compare_rows(
    first: PairedRow,
    second: PairedRow,
    metric: str,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compares two rows of one dataset: methods, archs, protocols or runs.

    Records are joined by image and label, whatever their order. Localization metrics leave
    out the blacklist.

    Raises:
        UsageError: there is no such metric, or it does not apply to both rows.
        DataError: the rows are not over the same images, or differ in the label or
            the blacklisting of one; names the first.
    """
    found = measure_rows([first, second], metric)
    if len(found) < 2:
        raise UsageError(f"metric {metric} does not apply to both {first.name} and {second.name}.")
    return compare_measured(found[0], found[1], metric, resamples=resamples, seed=seed)


def compare_measured(
    first: MeasuredRow,
    second: MeasuredRow,
    metric: str,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compares two figures over the same images; errors as `compare_rows`."""
    orders: list[Order] = [AS_IT_IS, AS_IT_IS]
    if not first.images.same_as(second.images):
        orders = [row.images.order for row in (first, second)]
        _check_same_images(first, second)
    one, other = first.figure, second.figure
    if one.per_image and other.per_image:
        _check_same_counted(first, orders[0], second, orders[1])
    if one.replicates is None and other.replicates is None and one.per_image and other.per_image:
        flags = [
            _counted(each.per_image, order)
            for each, order in zip((one, other), orders, strict=True)
            if each.per_image
        ]
        difference = paired_difference(flags[0], flags[1], resamples=resamples, seed=seed)
    else:
        difference = replicated_difference(one, other)
    return PairedComparison(first.name, second.name, metric, difference, difference.p)


def compare_all(
    rows: Sequence[PairedRow],
    metric: str,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PairedComparison, ...]:
    """All pairs of rows in order, their p values Holm-corrected together.

    Rows to which the metric does not apply are left out.

    Raises:
        UsageError, DataError: as `compare_rows`.
    """
    measured = measure_rows(rows, metric)
    return compare_each(measured, metric, resamples=resamples, seed=seed)


def compare_each(
    rows: Sequence[MeasuredRow],
    metric: str,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PairedComparison, ...]:
    """All pairs of figures in order, their p values Holm-corrected together; see `compare_all`."""
    pairs = [
        compare_measured(first, second, metric, resamples=resamples, seed=seed)
        for first, second in combinations(rows, 2)
    ]
    corrected = holm([pair.difference.p for pair in pairs])
    return tuple(replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True))


def compare_methods(
    table: pa.Table,
    methods: Sequence[str],
    metric: str,
    protocol: Protocol,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PairedComparison, ...]:
    """All pairs of methods of one run, from its records alone; see `compare_all`.

    Args:
        table: the run's records.
        methods: at least two, in the order of the pairs.
        metric: a spec of the table of metrics that needs no maps.
        protocol: the run's, or another one's IoU and k.
        resamples, seed: as `paired_difference`.
    """
    rows = [PairedRow.of_table(method, table, method, protocol) for method in methods]
    return compare_all(rows, metric, resamples=resamples, seed=seed)


def _measured(row: PairedRow, metric: BoundMetric) -> MeasuredRow | None:
    images = row.images()
    if images.repeated is not None:
        raise DataError(
            f"{row.name}: holds {images.repeated} more than once. Expected one record of it."
        )
    figure = row.measure(metric)
    return None if figure is None else MeasuredRow(row.name, images, figure)


def _counted(each: PerImage, order: Order) -> NDArray[np.bool_]:
    values: NDArray[np.bool_] = each.values[order][each.counted[order]]
    return values


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


def _check_same_counted(
    first: MeasuredRow,
    ours: Order,
    second: MeasuredRow,
    theirs: Order,
) -> None:
    one, other = first.figure.per_image, second.figure.per_image
    if one is not None and other is not None:
        left, right = ~one.counted[ours], ~other.counted[theirs]
        _check_equal("blacklisting", first, left, second, right)


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
