"""Axes, and positions of figures on them."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor, isfinite

_ROUND = (1, 2, 5, 10, 20, 25, 50)
"""Distances between ticks, in the axis's unit."""

_FEW = 6
"""Maximum number of ticks on a phone."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear axis.

    Attributes:
        low, high: its ends.
        ticks: the labelled values, ascending.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """The position of a value in per cent of the axis, clipped to 0..100."""
        share = (value - self.low) / (self.high - self.low)
        return 100.0 * min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Strip:
    """A figure and its interval on an axis, in per cent of its length.

    Attributes:
        at: the figure.
        left, width: the interval.
        line: a reference through every strip of the axis, or None.
        mark: a published figure, or None.
    """

    at: float
    left: float
    width: float
    line: float | None
    mark: float | None


def scale_over(
    values: Iterable[float], *, minimum: float = 0.0, maximum: float = 100.0, length: float = 20.0
) -> Scale:
    """An axis with round ends that includes all values.

    Args:
        values: those that are not finite are ignored.
        minimum, maximum: bounds of the axis.
        length: minimum length of the axis.
    """
    kept = [value for value in values if isfinite(value)] or [minimum]
    low, high = max(min(kept), minimum), min(max(kept), maximum)
    if high - low < length:
        low = min(max((low + high - length) / 2, minimum), maximum - length)
        high = low + length
    step = next((step for step in _ROUND if (high - low) / step < _FEW - 1), _ROUND[-1])
    first, last = floor(low / step), ceil(high / step)
    ticks = tuple(float(step * number) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def strip(
    scale: Scale,
    value: float,
    low: float,
    high: float,
    *,
    line: float | None = None,
    mark: float | None = None,
) -> Strip:
    """A figure and its interval on an axis; `line` and `mark` in the axis's unit."""
    left, right = scale.at(low), scale.at(high)
    return Strip(
        at=scale.at(value),
        left=left,
        width=right - left,
        line=None if line is None else scale.at(line),
        mark=None if mark is None else scale.at(mark),
    )
