"""The measurement of a metric on one row: a figure, its interval and its number of images.

Three constructors cover most metrics: `share` of images for which something holds,
`mean` of a number per image, and `class_mean`, the mean over classes of the mean over
their images. A metric that pools its images in another way, such as a maximum over
thresholds, gives its own bootstrap replicates to `from_replicates`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol_bench.scoring.bootstrap import percentile_interval, replicated_sums
from wsol_bench.scoring.intervals import Interval, Rate, wilson_interval
from wsol_bench.scoring.replicated_sums import ReplicatedSums, Statistic

__all__ = ["Measured", "PerImage", "class_mean", "from_replicates", "joined", "mean", "share"]

NO_DETAILS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PerImage:
    """A metric's value on each image of a row, in the order of its records.

    Attributes:
        values: (n,) bool where the metric is a share of images, else float64 in the
            metric's unit.
        counted: (n,) bool; False where the metric leaves the image out, as localization
            errors do with the blacklist.
    """

    values: NDArray[Any]
    counted: NDArray[np.bool_]

    @property
    def is_binary(self) -> bool:
        """Whether an image either counts or does not."""
        return bool(self.values.dtype == np.bool_)


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure.

    Attributes:
        value: in the metric's unit; None over 0 images.
        low, high: ends of the 95 % interval; None where there is no figure.
        n: images that were counted.
        per_image: the values that the figure is the mean of, or None if it is no mean.
        replicates: (R,) bootstrap replicates of the figure. The same images have the same
            weights in every row, so that the replicates of two rows are paired. None for a
            share, whose interval is Wilson's.
        details: further facts about the figure, as plain values, such as the
            threshold that it was found at.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    per_image: PerImage | None = field(default=None, compare=False, repr=False)
    replicates: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def interval(self) -> Interval | None:
        """Both ends; None where there is no figure."""
        return None if self.low is None or self.high is None else Interval(self.low, self.high)

    @classmethod
    def of_rate(cls, rate: Rate) -> "Measured":
        """A share of images whose count is known, with its Wilson interval."""
        if not rate.n:
            return cls(None, None, None, 0)
        interval = rate.interval()
        return cls(rate.percent, interval.low, interval.high, rate.n)


def share(
    values: NDArray[np.bool_],
    counted: NDArray[np.bool_] | None = None,
    *,
    details: Mapping[str, Any] = NO_DETAILS,
) -> Measured:
    """The share of images in per cent, with its Wilson interval.

    Args:
        values: (n,) whether the image counts towards the share.
        counted: (n,) whether the image counts; default: every image.
        details: see `Measured`.
    """
    kept = np.broadcast_to(True, len(values)) if counted is None else counted
    rate = Rate(int(np.count_nonzero(values & kept)), int(np.count_nonzero(kept)))
    found = Measured.of_rate(rate)
    each = PerImage(values, kept)
    return Measured(found.value, found.low, found.high, found.n, each, None, details)


def joined(pieces: Sequence[Measured]) -> Measured:
    """The figure of a row from those of consecutive pieces of it; one piece is the figure.

    Args:
        pieces: at least one; several are shares of images.

    Raises:
        ValueError: there are several, and one is no share of images.
    """
    if len(pieces) == 1:
        return pieces[0]
    each = [piece.per_image for piece in pieces if piece.per_image and piece.per_image.is_binary]
    if len(each) < len(pieces):
        raise ValueError("only shares of images can be joined")
    values = np.concatenate([one.values for one in each])
    counted = np.concatenate([one.counted for one in each])
    return share(values, None if counted.all() else counted)


def mean(
    values: NDArray[np.float64],
    image_ids: NDArray[np.str_],
    counted: NDArray[np.bool_] | None = None,
    *,
    details: Mapping[str, Any] = NO_DETAILS,
) -> Measured:
    """The mean of a number per image, with its bootstrap interval.

    Args:
        values: (n,) finite, in the metric's unit.
        image_ids: (n,) of the images, which seed the bootstrap.
        counted: (n,) whether the image counts; default: every image.
        details: see `Measured`.
    """
    kept = np.ones(len(values), np.bool_) if counted is None else counted
    each = PerImage(np.asarray(values, np.float64), kept)
    if not kept.any():
        return Measured(None, None, None, 0, each, None, details)
    used = each.values[kept]
    sums = replicated_sums(image_ids[kept], np.stack([used, np.ones_like(used)], axis=1))  # (R, 2)
    replicates = _divided(sums[:, 0], sums[:, 1])
    return from_replicates(float(used.mean()), replicates, len(used), each, details=details)


def class_mean(
    values: NDArray[np.float64] | NDArray[np.bool_],
    labels: NDArray[np.int64],
    image_ids: NDArray[np.str_],
    counted: NDArray[np.bool_] | None = None,
    *,
    details: Mapping[str, Any] = NO_DETAILS,
) -> Measured:
    """The mean over classes of the mean over each class's images, with its bootstrap interval.

    A class without counted images is left out. Images are resampled, not classes, so the
    interval is for other images of the same classes; a replicate leaves out a class of
    which it draws no image.

    Args:
        values: (n,) in the metric's unit, or bool, which counts as 0 or 100 per cent.
        labels: (n,) class indices.
        image_ids, counted, details: as for `mean`.
    """
    kept = np.ones(len(values), np.bool_) if counted is None else counted
    numbers = 100.0 * values if values.dtype == np.bool_ else np.asarray(values, np.float64)
    if not kept.any():
        return Measured(None, None, None, 0, None, None, details)
    classes, places = np.unique(labels[kept], return_inverse=True)  # (c,), (n kept,)
    of_class = np.eye(len(classes), dtype=np.float64)[places]  # (n kept, c)
    columns = np.concatenate([of_class * numbers[kept][:, None], of_class], axis=1)  # (n kept, 2c)
    sums = replicated_sums(image_ids[kept], columns)  # (R, 2c)
    drawn = (sums[:, len(classes) :] > 0).sum(axis=1)  # classes of which an image is drawn, (R,)
    means = _divided(sums[:, : len(classes)], sums[:, len(classes) :])  # (R, c)
    replicates = _divided(np.nansum(means, axis=1), drawn.astype(np.float64))
    totals = columns.sum(axis=0)
    value = float((totals[: len(classes)] / totals[len(classes) :]).mean())
    return from_replicates(value, replicates, int(kept.sum()), details=details)


def from_replicates(
    value: float,
    replicates: NDArray[np.float64],
    n: int,
    per_image: PerImage | None = None,
    *,
    details: Mapping[str, Any] = NO_DETAILS,
) -> Measured:
    """A figure whose 95 % interval is the percentile interval of its bootstrap replicates.

    Args:
        value: of all images as they are.
        replicates: (R,) the same figure under resampled images, in the order of the
            replicates of `bootstrap.weights_of`; NaN where a replicate has none.
        n: images.
        per_image, details: see `Measured`.
    """
    interval = percentile_interval(replicates)
    return Measured(value, interval.low, interval.high, n, per_image, replicates, details)


def figure_of(state: ReplicatedSums, statistic: Statistic) -> Measured:
    """The figure in per cent of a statistic of sums, without one where that is undefined.

    Args:
        state: the sums over all examples.
        statistic: from sums to a share 0..1.
    """
    value = float(statistic(state.total, np.array(float(state.n))))
    if np.isnan(value):
        return Measured(None, None, None, state.n)
    replicates = 100.0 * statistic(state.replicates, state.replicate_n)
    return from_replicates(100.0 * value, replicates, state.n)


def with_spread(figure: Measured, *, is_share: bool) -> Measured:
    """The figure with an interval that is not printed as certain where the bootstrap has no width.

    If all replicates agree, as where every image is right, resampling shows nothing of what
    other images would give. A number between 0 and 100 per cent varies at most as much as a share
    of the same size, so its interval is then the share's, Wilson's. Other numbers have none.

    Args:
        figure: as a metric measures it.
        is_share: whether its values lie between 0 and 100 per cent.
    """
    if figure.replicates is None or figure.value is None or figure.low != figure.high:
        return figure
    if not is_share:
        return replace(figure, low=None, high=None)
    interval = wilson_interval(figure.n * figure.value / 100.0, figure.n, 0.95)
    return replace(figure, low=interval.low, high=interval.high)


def _divided(sums: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means; NaN where a replicate drew none of the images."""
    return np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
