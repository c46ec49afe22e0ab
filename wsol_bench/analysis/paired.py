"""Do two rows differ? Paired comparisons over the same images.

Two rows of one dataset share its images, so their errors rise and fall together
and the two Wilson intervals say too little. Here each image is compared with
itself: it is wrong under the first row only, under the second only, or says
nothing about the difference. From the two counts follow the difference, its
paired bootstrap interval and McNemar's exact p.

Sources:
    McNemar, Note on the sampling error of the difference between correlated
    proportions, Psychometrika 12, 1947 (the exact form is the sign test).
    Efron and Tibshirani, An introduction to the bootstrap, 1993, chapter 13.
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6, 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.ilsvrc import check_metric, flags_of
from wsol_bench.scoring.intervals import Interval

__all__ = ["holm", "mcnemar_p", "paired_difference"]

RESAMPLES = 10_000
"""The ends of a 95 % interval then differ by under 1 % of its length from seed to seed."""


@dataclass(frozen=True, slots=True)
class PairedRow:
    """One row of a table of errors, with the records that it was counted from.

    Attributes:
        name: what messages and tables call it; unique among rows compared.
        table: records of `store.SCHEMA`, of this method and perhaps of others.
        method: whose records count.
        protocol: its least IoU and its k.
    """

    name: str
    table: pa.Table
    method: str
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Difference:
    """How two rows differ over n images, without their names.

    Attributes:
        n: images.
        only_first, only_second: images wrong under this row and right under the other.
        percent: error of the first minus error of the second, in per cent points;
            NaN where n is 0.
        interval: of `percent`, in per cent points, -100..100.
        p: McNemar's exact two-sided p; 1 where no image tells the rows apart.
    """

    n: int
    only_first: int
    only_second: int
    percent: float
    interval: Interval
    p: float


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """Two rows under one metric.

    Attributes:
        first, second: names of the rows.
        metric: one of `scoring.METRICS`.
        difference: of the first minus the second.
        p_holm: `difference.p` corrected for the table that it stands in; p itself
            where the comparison stands alone.
    """

    first: str
    second: str
    metric: str
    difference: Difference
    p_holm: float


def paired_difference(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compares two rows image by image.

    An image's difference is -1, 0 or +1, so drawing n images with replacement is
    drawing the three counts from a multinomial, which is what is done.

    Args:
        first, second: (n,) whether each image is wrong; the same images in the
            same order. n may be 0, which gives -100..100.
        confidence: of the percentile interval.
        resamples: bootstrap samples.
        seed: of the resampling; the same flags and seed give the same interval.

    Raises:
        ValueError: the flags differ in length.

    Example:
        >>> import numpy as np
        >>> first, second = np.array([1, 1, 1, 0] * 25) > 0, np.array([1, 0, 0, 0] * 25) > 0
        >>> difference = paired_difference(first, second)
        >>> difference.percent, difference.only_first, difference.only_second
        (50.0, 50, 0)
    """
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"expected two (n,) arrays, got {first.shape} and {second.shape}")
    n = len(first)
    only_first = int(np.count_nonzero(first & ~second))
    only_second = int(np.count_nonzero(second & ~first))
    if n == 0:
        return Difference(0, 0, 0, float("nan"), Interval(-100.0, 100.0), 1.0)
    shares = np.array([only_first, only_second, n - only_first - only_second]) / n
    drawn = np.random.default_rng(seed).multinomial(n, shares, size=resamples)  # (resamples, 3)
    percents = 100.0 * (drawn[:, 0] - drawn[:, 1]) / n
    tail = (1 - confidence) / 2
    low, high = np.quantile(percents, [tail, 1 - tail])
    return Difference(
        n=n,
        only_first=only_first,
        only_second=only_second,
        percent=100.0 * (only_first - only_second) / n,
        interval=Interval(float(low), float(high)),
        p=mcnemar_p(only_first, only_second),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The exact two-sided p that images favour neither row.

    Of the d = only_first + only_second images that tell the rows apart, each would
    favour either row with probability 1/2: p = min(1, 2 P(X <= min)), X ~ B(d, 1/2).

    Example:
        >>> mcnemar_p(1, 3)
        0.625
    """
    from scipy.special import bdtr  # not at import: a light command need not wait for scipy

    fewer, apart = min(only_first, only_second), only_first + only_second
    if 2 * fewer == apart:  # also where none is
        return 1.0
    return min(1.0, 2.0 * float(bdtr(fewer, apart, 0.5)))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction of one table's p values, in their order.

    The i-th smallest of m is multiplied by m - i + 1; no corrected value is lower than
    the one before it, and none exceeds 1.

    Example:
        >>> holm([0.01, 0.5, 0.02])
        [0.03, 0.5, 0.04]
    """
    values = np.asarray(ps, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected.tolist()


def compare_rows(
    first: PairedRow,
    second: PairedRow,
    metric: str,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedComparison:
    """Compares two rows of one dataset: methods, archs, protocols or runs.

    Records are joined by `image_id`, whatever their order. Localization metrics
    leave out the blacklist.

    Raises:
        UsageError: there is no such metric.
        DataError: the rows are not over the same images, or differ in the label or
            the blacklisting of one; names the first.
    """
    ours, theirs = _flags(first, metric), _flags(second, metric)
    _check_same_images(first.name, ours, second.name, theirs)
    difference = paired_difference(
        ours.wrong[ours.counted],
        theirs.wrong[theirs.counted],
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    return PairedComparison(first.name, second.name, metric, difference, difference.p)


def compare_all(
    rows: Sequence[PairedRow],
    metric: str,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PairedComparison, ...]:
    """All pairs of rows in order, their p values Holm-corrected together.

    Raises:
        UsageError, DataError: as `compare_rows`.
    """
    pairs = [
        compare_rows(first, second, metric, confidence=confidence, resamples=resamples, seed=seed)
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
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[PairedComparison, ...]:
    """All pairs of methods of one run; see `compare_all`.

    Args:
        table: the run's records.
        methods: at least two, in the order in which pairs are to stand.
        metric: one of `scoring.METRICS`.
        protocol: the run's, or another one's least IoU and k.
        confidence, resamples, seed: as `paired_difference`.
    """
    rows = [PairedRow(method, table, method, protocol) for method in methods]
    return compare_all(rows, metric, confidence=confidence, resamples=resamples, seed=seed)


@dataclass(frozen=True, slots=True)
class _RowFlags:
    """A row's flags under one metric, (n,) each, sorted by image id."""

    image_ids: NDArray[np.str_]
    labels: NDArray[np.int64]
    wrong: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def _flags(row: PairedRow, metric: str) -> _RowFlags:
    check_metric(metric)
    outcomes = outcomes_of(row.table, row.method)
    part = row.table.filter(pa.compute.equal(row.table["method"], row.method))
    image_ids = np.array(part["image_id"].to_pylist(), dtype=np.str_)
    order = np.argsort(image_ids, kind="stable")
    image_ids = image_ids[order]
    twice = image_ids[1:][image_ids[1:] == image_ids[:-1]]
    if len(twice):
        raise DataError(f"{row.name}: holds {twice[0]} more than once. Expected one record of it.")
    flags = flags_of(outcomes, row.protocol)[metric]
    return _RowFlags(image_ids, outcomes.labels[order], flags.wrong[order], flags.counted[order])


def _check_same_images(first: str, ours: _RowFlags, second: str, theirs: _RowFlags) -> None:
    if not np.array_equal(ours.image_ids, theirs.image_ids):
        stray = str(np.setxor1d(ours.image_ids, theirs.image_ids)[0])
        has, lacks = (first, second) if stray in ours.image_ids else (second, first)
        raise DataError(
            f"{first} and {second} are not over the same images ({len(ours.image_ids):,} and "
            f"{len(theirs.image_ids):,}): {stray} is in {has} and not in {lacks}. A paired "
            "comparison needs the same images; run both over one dataset and --limit."
        )
    for what, left, right in (
        ("label", ours.labels, theirs.labels),
        ("blacklisting", ~ours.counted, ~theirs.counted),
    ):
        apart = np.flatnonzero(left != right)
        if len(apart):
            at = apart[0]
            raise DataError(
                f"{first} and {second} differ in the {what} of {ours.image_ids[at]} ({left[at]} "
                f"and {right[at]}). A paired comparison needs one dataset and one blacklist."
            )
