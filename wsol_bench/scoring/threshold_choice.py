"""The number of right images at each threshold, and the choice of a threshold.

A threshold that is best on the scored split was chosen by that split's boxes. So three
figures are kept apart: `fixed` at a threshold named beforehand, `tuned` at the one that
is best on another split, and `oracle` at the scored split's own best.

An oracle's interval comes from a bootstrap in which every replicate chooses its own best
threshold. The verdicts are kept as bits, 3,000 per image at 1,000 thresholds and three
minimum IoUs: 19 MB over ILSVRC's 50,000 images.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.scoring.bootstrap import weights_of
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured, PerImage, from_replicates, mean, share
from wsol_bench.scoring.replicated_sums import REPLICATES
from wsol_bench.scoring.row_data import RowData

_BLOCK = 512
"""Images whose bits are unpacked at once."""


class Choice(StrEnum):
    """How a figure's thresholds were chosen."""

    FIXED = "fixed"
    """Named beforehand."""
    TUNED = "tuned"
    """Best on another split."""
    ORACLE = "oracle"
    """Best on the scored split: an upper bound that is not reached in use."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The figure of a curve at chosen thresholds.

    Attributes:
        choice: how the thresholds were chosen.
        ious: (d,) minimum IoUs.
        thresholds: (d,) one for each minimum IoU.
        rates: (d,) wrong images, one for each minimum IoU.
    """

    choice: Choice
    ious: tuple[float, ...]
    thresholds: tuple[float, ...]
    rates: tuple[Rate, ...]

    @property
    def percent_right(self) -> float:
        """Mean over the minimum IoUs of the per cent right; NaN over no images."""
        if not all(rate.n for rate in self.rates):
            return float("nan")
        return sum(100.0 * (each.n - each.wrong) / each.n for each in self.rates) / len(self.rates)


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """How many of n images are right at each threshold.

    Attributes:
        thresholds: (T,) ascending.
        ious: (d,) minimum IoUs, ascending.
        right: (T, d) int64, images that are right.
        n: images that were counted.
    """

    thresholds: NDArray[np.float64]
    ious: tuple[float, ...]
    right: NDArray[np.int64]
    n: int

    def at(self, threshold: float) -> Figure:
        """The fixed figure.

        Raises:
            UsageError: the curve has no such threshold; names the nearest.
        """
        index = int(np.argmin(np.abs(self.thresholds - threshold)))
        if not np.isclose(self.thresholds[index], threshold, rtol=0, atol=1e-9):
            raise UsageError(
                f"the curve has no threshold {threshold:g}; "
                f"the nearest is {self.thresholds[index]:g}"
            )
        return self._figure(Choice.FIXED, np.full(len(self.ious), index))

    def tuned(self, other: "ThresholdCurve") -> Figure:
        """The figure at the thresholds that are best on another split.

        Raises:
            UsageError: the other curve is this one, or has other thresholds or IoUs.
        """
        if other is self:
            raise UsageError("thresholds have to be tuned on another split than the one scored")
        if self.ious != other.ious or not np.array_equal(self.thresholds, other.thresholds):
            raise UsageError("both splits' curves need the same thresholds and minimum IoUs")
        return self._figure(Choice.TUNED, other.best())

    def oracle(self) -> Figure:
        """The figure at this split's own best thresholds, such as MaxBoxAcc."""
        return self._figure(Choice.ORACLE, self.best())

    def best(self) -> NDArray[np.intp]:
        """For each minimum IoU the index of its best threshold, the lowest of equals; (d,)."""
        return np.argmax(self.right, axis=0)

    def _figure(self, choice: Choice, places: NDArray[np.intp]) -> Figure:
        right = self.right[places, np.arange(len(self.ious))]  # (d,)
        return Figure(
            choice=choice,
            ious=self.ious,
            thresholds=tuple(float(threshold) for threshold in self.thresholds[places]),
            rates=tuple(Rate(self.n - int(count), self.n) for count in right),
        )


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Whether each of n images is right at each threshold and minimum IoU.

    Attributes:
        thresholds: (T,) ascending.
        ious: (d,) minimum IoUs, ascending.
        bits: (n, bytes) the (T, d) verdicts of each image, packed.
    """

    thresholds: NDArray[np.float64]
    ious: tuple[float, ...]
    bits: NDArray[np.uint8]

    @classmethod
    def collect(
        cls,
        judged: Iterable[NDArray[np.bool_]],
        thresholds: NDArray[np.float64],
        ious: tuple[float, ...],
    ) -> "Verdicts":
        """The verdicts of a stream of images, (T, d) each."""
        rows = [np.packbits(right) for right in judged]
        width = -(-thresholds.size * len(ious) // 8)
        return cls(thresholds, ious, np.stack(rows) if rows else np.empty((0, width), np.uint8))

    def unpacked(self, images: NDArray[np.intp]) -> NDArray[np.uint8]:
        """0 or 1 for some images, (images, T, d)."""
        flat = np.unpackbits(self.bits[images], axis=1, count=self.thresholds.size * len(self.ious))
        return flat.reshape(len(images), self.thresholds.size, len(self.ious))

    def curve(self, counted: NDArray[np.bool_]) -> ThresholdCurve:
        """How many of the counted images are right at each threshold."""
        right = np.zeros((self.thresholds.size, len(self.ious)), np.int64)
        for block in _blocks(counted):
            right += self.unpacked(block).sum(axis=0, dtype=np.int64)
        return ThresholdCurve(self.thresholds, self.ious, right, int(counted.sum()))

    def at(self, places: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether each image is right at one threshold per minimum IoU, (n, d)."""
        pairs = np.arange(len(self.ious))
        blocks = _blocks(np.ones(len(self.bits), np.bool_))
        found = [self.unpacked(block)[:, places, pairs] for block in blocks]
        return np.concatenate(found).astype(bool) if found else np.empty((0, len(pairs)), bool)

    def replicated_best(
        self, image_ids: NDArray[np.str_], counted: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Per cent right at each replicate's own best thresholds, (REPLICATES,)."""
        cells = self.thresholds.size * len(self.ious)
        right = np.zeros((REPLICATES, cells), np.float32)  # exact up to 2^24 images
        drawn = np.zeros(REPLICATES)
        weights = weights_of(image_ids)
        for block in _blocks(counted):
            flat = self.unpacked(block).reshape(len(block), cells).astype(np.float32)
            right += weights[block].T.astype(np.float32) @ flat
            drawn += weights[block].sum(axis=0, dtype=np.float64)
        best = right.reshape(REPLICATES, self.thresholds.size, -1).max(axis=1).mean(axis=1)
        return np.divide(100.0 * best, drawn, out=np.full(REPLICATES, np.nan), where=drawn > 0)


def measure(
    row: RowData,
    judge_row: Callable[[RowData], Verdicts],
    choice: Choice,
    fixed: float,
) -> Measured:
    """The per cent of images right, averaged over the minimum IoUs, at chosen thresholds.

    Args:
        row: the row; its blacklist is left out.
        judge_row: gives the verdicts on every image of a row.
        choice: how the thresholds are chosen.
        fixed: the threshold of `Choice.FIXED`.

    Raises:
        NotApplicable: the dataset has no boxes.
        UsageError: `Choice.TUNED` without a run to tune on, or a fixed threshold that is
            none of those swept.
    """
    if row.lacks_boxes:
        raise NotApplicable("the dataset has no boxes")
    verdicts = judge_row(row)
    curve = verdicts.curve(row.counted)
    figure, places = _chosen(row, judge_row, curve, choice, fixed)
    details = _details(curve, figure)
    right = verdicts.at(places)  # (n, d)
    if choice is Choice.ORACLE and curve.n:
        replicates = verdicts.replicated_best(row.image_ids, row.counted)
        each = PerImage(_per_image(right), row.counted)
        return from_replicates(figure.percent_right, replicates, curve.n, each, details=details)
    if len(verdicts.ious) == 1:
        return share(right[:, 0], row.counted, details=details)
    found = mean(_per_image(right), row.image_ids, row.counted, details=details)
    return replace(found, value=figure.percent_right) if found.n else found


def _chosen(
    row: RowData,
    judge_row: Callable[[RowData], Verdicts],
    curve: ThresholdCurve,
    choice: Choice,
    fixed: float,
) -> tuple[Figure, NDArray[np.intp]]:
    """The figure, and the index of its threshold for each minimum IoU."""
    if choice is Choice.ORACLE:
        return curve.oracle(), curve.best()
    if choice is Choice.FIXED:
        figure = curve.at(fixed)
        return figure, np.searchsorted(curve.thresholds, figure.thresholds)
    if row.tuned_on is None:
        raise UsageError("threshold=tuned: needs a run to choose the threshold on: --tune-on RUN.")
    other = judge_row(row.tuned_on).curve(row.tuned_on.counted)
    return curve.tuned(other), other.best()


def _per_image(right: NDArray[np.bool_]) -> NDArray[Any]:
    """(n,) whether each image is right, or at how many of the minimum IoUs in per cent."""
    return right[:, 0] if right.shape[1] == 1 else 100.0 * right.mean(axis=1)


def _details(curve: ThresholdCurve, figure: Figure) -> dict[str, Any]:
    return {
        "thresholds": list(figure.thresholds),
        "curve": {
            "thresholds": curve.thresholds.tolist(),
            "ious": list(curve.ious),
            "right": curve.right.tolist(),
        },
    }


def _blocks(chosen: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    images = np.flatnonzero(chosen)
    return [images[start : start + _BLOCK] for start in range(0, len(images), _BLOCK)]
