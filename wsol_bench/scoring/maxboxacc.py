"""MaxBoxAcc and MaxBoxAccV2: the share of right boxes at the best threshold.

With s a map brought to 224x224 and scaled to 0..1 by its least and largest value,
box(s, t) the box of the largest component of s >= t, and B an image's true boxes,

    BoxAcc(t, d) = 1/N sum_n 1[IoU(box(s_n, t), B_n) >= d],
    MaxBoxAcc    = max_t BoxAcc(t, 0.5).

MaxBoxAccV2 differs in two things: an image is right at t when the box of *any*
component is, and the figure is the mean over d = 0.3, 0.5, 0.7 of max_t BoxAcc(t, d),
each d with its own best t. Thresholds are 0, 0.001, ..., 0.999. The class is given.

A threshold that is best on the scored split has seen that split's boxes. So three
figures are kept apart: `fixed` at a threshold named beforehand, `tuned` at the one
that is best on another split, and `oracle` at the scored split's own best, which is
what the paper's names stand for.

Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right,
CVPR 2020, section 4; for V2 its extended version, arXiv 2007.04178, and the authors'
code, github.com/clovaai/wsolevaluation (evaluation.py, inference.py).

Where the authors' code leaves these definitions, this module keeps to them:

- The code cuts maps and thresholds to 8 bits, so that its 1,000 thresholds are 255
  different ones, and keeps what is strictly above. Here maps keep their precision
  and s >= t is kept.
- The code takes the contour whose polygon through pixel centres encloses most, holes
  filled in; under V2 the outline of a hole gives a box too. Here components are
  8-connected, as contours are, the largest has the most pixels, and holes are none.
- The code's x + w is a half-open end, cut to 223, but it is scored as inclusive: a
  box that ends inside the image is scored a pixel too wide and too high. It rounds
  true boxes down to whole pixels. Here boxes are half-open and not rounded.
- Where nothing passes, the code scores its empty box (0, 0, 0, 0) as one pixel, and
  it makes a constant or NaN map all 0, which is that case. Here an empty box is never
  right, a constant map's box is the whole image at every threshold, as in the other
  protocols, and a NaN is an error.

How a map is brought to 224x224 is the protocol's `box_rule.upsampling`. The code uses
OpenCV's bicubic (a = -0.75), on maps of centre crops (256 to 224) or of warped images.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.extract import UPSAMPLINGS, Map
from wsol_bench.boxes.sweep import ComponentBoxes, component_boxes, largest_boxes
from wsol_bench.errors import RunError, UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import Protocol, Sweep
from wsol_bench.runtime.compiled import compiled
from wsol_bench.scoring.intervals import Rate

Right = NDArray[np.bool_]
"""Whether one image is right at each threshold and least IoU, (T, d)."""


class Choice(StrEnum):
    """How a figure's thresholds were chosen."""

    FIXED = "fixed"
    """Named beforehand."""
    TUNED = "tuned"
    """Best on another split."""
    ORACLE = "oracle"
    """Best on the scored split: what could be reached, not what would be."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a curve gives at chosen thresholds.

    Attributes:
        choice: how the thresholds were chosen.
        ious: (d,) least IoUs.
        thresholds: (d,) one for each least IoU.
        rates: (d,) wrong images, one for each least IoU.
    """

    choice: Choice
    ious: tuple[float, ...]
    thresholds: tuple[float, ...]
    rates: tuple[Rate, ...]

    @property
    def percent_right(self) -> float:
        """Mean over the least IoUs of the per cent right; NaN over no images."""
        return 100.0 - sum(rate.percent for rate in self.rates) / len(self.rates)


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """How many of n images are right at each threshold.

    Attributes:
        thresholds: (T,) rising.
        ious: (d,) least IoUs, rising.
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
        place = int(np.argmin(np.abs(self.thresholds - threshold)))
        if not np.isclose(self.thresholds[place], threshold, rtol=0, atol=1e-9):
            raise UsageError(
                f"the curve has no threshold {threshold:g}; "
                f"the nearest is {self.thresholds[place]:g}"
            )
        return self._figure(Choice.FIXED, np.full(len(self.ious), place))

    def tuned(self, other: "ThresholdCurve") -> Figure:
        """The figure at the thresholds that are best on another split.

        Raises:
            UsageError: the other curve is this one, or has other thresholds or IoUs.
        """
        if other is self:
            raise UsageError("thresholds have to be tuned on another split than the one scored")
        if self.ious != other.ious or not np.array_equal(self.thresholds, other.thresholds):
            raise UsageError("both splits' curves need the same thresholds and least IoUs")
        return self._figure(Choice.TUNED, other.best())

    def oracle(self) -> Figure:
        """The figure at this split's own best thresholds, such as MaxBoxAcc."""
        return self._figure(Choice.ORACLE, self.best())

    def best(self) -> NDArray[np.intp]:
        """For each least IoU the index of its best threshold, the lowest of equals; (d,)."""
        return np.argmax(self.right, axis=0)

    def _figure(self, choice: Choice, places: NDArray[np.intp]) -> Figure:
        right = self.right[places, np.arange(len(self.ious))]  # (d,)
        return Figure(
            choice=choice,
            ious=self.ious,
            thresholds=tuple(float(threshold) for threshold in self.thresholds[places]),
            rates=tuple(Rate(self.n - int(count), self.n) for count in right),
        )


class CurveCounter:
    """Counts images into a curve, in memory that does not grow with them.

    Not for several threads at once: let them `judge`, and one `add`.
    """

    def __init__(self, thresholds: NDArray[np.float64], ious: tuple[float, ...]) -> None:
        self._thresholds = thresholds
        self._ious = ious
        self._right = np.zeros((thresholds.size, len(ious)), np.int64)
        self._n = 0

    def add(self, right: Right) -> None:
        """Counts one image, (T, d)."""
        self._right += right
        self._n += 1

    def curve(self) -> ThresholdCurve:
        """What has been counted so far."""
        return ThresholdCurve(self._thresholds, self._ious, self._right.copy(), self._n)


def thresholds_of(sweep: Sweep) -> NDArray[np.float64]:
    """Shares of a map's range: 0, 1/T, ..., (T - 1)/T."""
    return np.arange(sweep.thresholds) / sweep.thresholds


def judge(values: Map, size: Size, truths: Boxes, protocol: Protocol) -> Right:
    """Whether one image is right at every threshold.

    A map that says nothing is judged like any other; `boxes.map_state` tells.

    Args:
        values: (u, v), the whole image's map of its class, at any resolution.
        size: of the original image.
        truths: (m, 4) half-open xyxy in original pixels, those that may be met; where
            there is none, nothing is right.
        protocol: one with a sweep; of its box rule upsampling, connectivity and strict.

    Returns:
        (T, d).

    Raises:
        RunError: the map holds NaN or infinite values.
        UsageError: the protocol has no sweep.
    """
    sweep, rule = protocol.sweep, protocol.box_rule
    if sweep is None:
        raise UsageError(f"protocol {protocol.name} has one threshold and no sweep")
    side = sweep.side
    in_square = np.reshape(truths, (-1, 4)) * (np.array([side, side] * 2) / (size[::-1] * 2))
    square = UPSAMPLINGS[rule.upsampling](np.ascontiguousarray(values, np.float32), side, side)
    least, largest = float(square.min()), float(square.max())
    if not np.isfinite(largest - least):
        raise RunError("the map holds NaN or infinite values")
    if least == largest:  # it has no range to take shares of
        boxes = np.broadcast_to(np.array([0, 0, side, side], np.int32), (sweep.thresholds, 4))
        return right_boxes(boxes.copy(), in_square, sweep.ious)
    shares = thresholds_of(sweep)
    steps = least + shares * (largest - least)
    if sweep.any_component:
        found = component_boxes(square, steps, connectivity=rule.connectivity, strict=rule.strict)
        return right_components(found, in_square, sweep.ious, steps.size)
    boxes = largest_boxes(square, steps, connectivity=rule.connectivity, strict=rule.strict)
    return right_boxes(boxes, in_square, sweep.ious)


def right_boxes(boxes: NDArray[np.int32] | Boxes, truths: Boxes, ious: tuple[float, ...]) -> Right:
    """Whether the box at each threshold is right.

    Args:
        boxes: (T, 4) half-open xyxy, in whole pixels or not.
        truths: (m, 4) float64 in the same pixels.
        ious: (d,) least IoUs with any of the truths, rising and above 0.

    Returns:
        (T, d).
    """
    return _right_boxes(boxes, truths, np.array(ious))


def right_components(
    found: ComponentBoxes, truths: Boxes, ious: tuple[float, ...], thresholds: int
) -> Right:
    """Whether any component's box is right at each threshold, (thresholds, d)."""
    return _right_components(
        found.boxes, found.start, found.stop, truths, np.array(ious), thresholds
    )


@compiled
def _right_boxes(
    boxes: NDArray[np.int32] | Boxes, truths: Boxes, ious: NDArray[np.float64]
) -> Right:
    right = np.zeros((boxes.shape[0], ious.size), np.bool_)
    for i in range(boxes.shape[0]):
        right[i, : _reached(boxes[i], truths, ious)] = True
    return right


@compiled
def _right_components(
    boxes: NDArray[np.int32],
    start: NDArray[np.int32],
    stop: NDArray[np.int32],
    truths: Boxes,
    ious: NDArray[np.float64],
    thresholds: int,
) -> Right:
    change = np.zeros((thresholds + 1, ious.size), np.int32)  # of the number of right boxes
    for i in range(boxes.shape[0]):
        for d in range(_reached(boxes[i], truths, ious)):
            change[start[i], d] += 1
            change[stop[i], d] -= 1
    right = np.zeros((thresholds, ious.size), np.bool_)
    for d in range(ious.size):
        number = 0
        for i in range(thresholds):
            number += change[i, d]
            right[i, d] = number > 0
    return right


@compiled
def _reached(box: NDArray[np.int32] | Boxes, truths: Boxes, ious: NDArray[np.float64]) -> int:
    """How many of the rising least IoUs a box reaches; IoU as `geometry.box_iou` has it."""
    best = 0.0
    area = np.float64(box[2] - box[0]) * np.float64(box[3] - box[1])
    for i in range(truths.shape[0]):
        x0, y0, x1, y1 = truths[i]
        width = min(np.float64(box[2]), x1) - max(np.float64(box[0]), x0)
        height = min(np.float64(box[3]), y1) - max(np.float64(box[1]), y0)
        shared = max(width, 0.0) * max(height, 0.0)
        union = area + max(x1 - x0, 0.0) * max(y1 - y0, 0.0) - shared
        if union > 0:
            best = max(best, shared / union)
    reached = 0
    while reached < ious.size and best >= ious[reached]:
        reached += 1
    return reached
