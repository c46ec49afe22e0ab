"""Error rates and their confidence intervals."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

__all__ = ["Interval", "Rate", "wilson_interval"]


MAX_HALF_WIDTH = 10.0
"""In percentage points: with a wider half interval, a published figure inside it is no evidence."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval in per cent, 0..100."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far it reaches each way, in percentage points."""
        return (self.high - self.low) / 2

    def __contains__(self, percent: float) -> bool:
        return self.low <= percent <= self.high


@dataclass(frozen=True, slots=True)
class Rate:
    """The number of wrong images among n."""

    wrong: int
    n: int

    @property
    def percent(self) -> float:
        """Percentage of wrong images; NaN if n is 0."""
        return 100.0 * self.wrong / self.n if self.n else float("nan")

    def interval(self, confidence: float = 0.95) -> Interval:
        """The Wilson score interval; 0..100 if n is 0.

        Source:
            Wilson, Probable inference, JASA 22, 1927.
        """
        return wilson_interval(self.wrong, self.n, confidence)


def wilson_interval(wrong: float, n: int, confidence: float) -> Interval:
    """The Wilson score interval of a share, in per cent.

    With p = wrong / n and z the normal quantile of the confidence, the bounds are
    (p + z^2/2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2/n).

    Args:
        wrong: 0..n; a mean of numbers between 0 and 1, times n, is no whole number.
        n: number of images; 0 gives 0..100.
        confidence: such as 0.95.

    Example:
        >>> interval = wilson_interval(246, 500, 0.95)
        >>> round(interval.low, 1), round(interval.high, 1)
        (44.8, 53.6)
    """
    if n == 0:
        return Interval(0.0, 100.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = wrong / n
    middle = share + z * z / (2 * n)
    reach = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if wrong <= 0 else (middle - reach) / scale
    high = 1.0 if wrong >= n else (middle + reach) / scale
    return Interval(100 * low, 100 * high)
