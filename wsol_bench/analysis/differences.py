"""The difference of two figures over the same images, its interval and its p.

Where a metric is a share of images, an image counts in the first row only, in the second
only, or does not distinguish the rows. The two counts give the difference, its
paired bootstrap interval and McNemar's exact p. For any other metric the replicates of
the two figures, which resample the images alike (`scoring.bootstrap`), are subtracted:
their percentiles are the interval, and p is twice the share of them on the far side of 0,
but never below 2^(1 - n), the smallest p of a test that changes the signs of n differences.
Where every resample gives the same difference, the interval is a closed form's.

Sources:
    McNemar, Note on the sampling error of the difference between correlated
    proportions, Psychometrika 12, 1947 (the exact form is the sign test).
    Efron and Tibshirani, An introduction to the bootstrap, 1993, chapters 13 and 16.
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6, 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from wsol_bench.scoring.bootstrap import percentile_interval, sign_p
from wsol_bench.scoring.intervals import Interval, wilson_interval
from wsol_bench.scoring.measured import Measured

__all__ = ["holm", "mcnemar_p", "paired_difference"]

SIGNIFICANCE = 0.05
"""A difference is significant if its p value, corrected by Holm, is below this."""

RESAMPLES = 10_000
"""The ends of a 95 % interval then differ by under 1 % of its length from seed to seed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two rows over n images, without their names.

    Attributes:
        n: images.
        only_first, only_second: images that count in this row and not in the other, such
            as those wrong in it alone; None where the metric is no share of images.
        percent: figure of the first minus figure of the second, in percentage points or in
            the metric's unit; NaN where n is 0.
        interval: of `percent`.
        p: two-sided: McNemar's exact p, or the bootstrap's; 1 if no image distinguishes the
            rows.
    """

    n: int
    only_first: int | None
    only_second: int | None
    percent: float
    interval: Interval
    p: float


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
        first, second: (n,) whether each image counts, as a wrong one does; the same
            images in the same order. n may be 0, which gives -100..100.
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
    if n in (only_first, only_second):  # every resample is then the same
        bound = wilson_interval(n, n, confidence).low
        low, high = (bound, 100.0) if only_first else (-100.0, -bound)
    return Difference(
        n=n,
        only_first=only_first,
        only_second=only_second,
        percent=100.0 * (only_first - only_second) / n,
        interval=Interval(float(low), float(high)),
        p=mcnemar_p(only_first, only_second),
    )


def replicated_difference(first: Measured, second: Measured) -> Difference:
    """The difference of two figures from their paired bootstrap replicates.

    Raises:
        ValueError: a figure has images and no replicates.
    """
    if first.value is None or second.value is None:
        return Difference(0, None, None, float("nan"), Interval(-100.0, 100.0), 1.0)
    if first.replicates is None or second.replicates is None:
        raise ValueError("expected replicates of both figures")
    differences = first.replicates - second.replicates
    interval = percentile_interval(differences)
    if interval.low == interval.high and interval.low != 0:
        interval = _added(first, second) or interval
    return Difference(
        n=first.n,
        only_first=None,
        only_second=None,
        percent=first.value - second.value,
        interval=interval,
        p=max(sign_p(differences), min(1.0, 2.0 ** (1 - first.n))),
    )


def _added(first: Measured, second: Measured) -> Interval | None:
    """The interval of a difference from those of its two figures, or None where one has none.

    The distances of the ends from the figures are added as squares, as if the rows were of
    different images, which is the wider of the two.

    Source:
        Newcombe, Interval estimation for the difference between independent proportions,
        Statistics in Medicine 17, 1998, method 10.
    """
    one, other = first.interval, second.interval
    if one is None or other is None or first.value is None or second.value is None:
        return None
    difference = first.value - second.value
    below = hypot(first.value - one.low, other.high - second.value)
    above = hypot(one.high - first.value, second.value - other.low)
    return Interval(max(-100.0, difference - below), min(100.0, difference + above))


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The exact two-sided p that images favour neither row.

    Of the d = only_first + only_second images that distinguish the rows, each would
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
