r"""MaxBoxAcc and MaxBoxAccV2: the share of right boxes at the best threshold.

With s a map enlarged to 224x224 and scaled to 0..1 by its least and largest value,
box(s, t) the box of the largest component of s >= t, and B an image's true boxes,

    BoxAcc(t, d) = 1/N sum_n 1[IoU(box(s_n, t), B_n) >= d],
    MaxBoxAcc    = max_t BoxAcc(t, 0.5).

MaxBoxAccV2 differs in two things: an image is right at t when the box of *any*
component is, and the figure is the mean over d = 0.3, 0.5, 0.7 of max_t BoxAcc(t, d),
each d with its own best t. Thresholds are 0, 0.001, ..., 0.999. The class is given.

A threshold that is best on the split that is scored has seen its boxes. So three
figures are kept apart: `fixed` at a threshold named beforehand, `tuned` at one that
was best on another split, and `oracle` at the scored split's own best, which is what
the paper's names stand for.

Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right,
CVPR 2020, section 4.1; for V2 the extended version, arXiv 2007.04178, section 4.1,
and the authors' code, github.com/clovaai/wsolevaluation.

Where the authors' code leaves these definitions, this module keeps to them:

- The code cuts maps to 8 bits and the threshold to a whole number of them, and keeps
  what is strictly above: the 1,000 thresholds are at most 255 different ones, and
  at t = 0 nothing but the pixels that round down to 0 is left out. Here maps keep
  their full precision and s >= t is kept, as the paper writes.
- The code takes the contour that encloses the largest polygon through pixel centres,
  holes filled in; under V2 the outlines of holes are boxes too. Here it is the
  component with the most pixels, 8-connected as contours are, and holes are none.
- The code's x + w is a half-open end, cut to 223 and then scored as an inclusive one,
  so predicted boxes away from the border are a pixel too wide and too high; true
  boxes are rounded down to whole pixels. Here boxes are half-open and true boxes are
  scaled without rounding.
- The code makes a constant or NaN map all 0, and its box empty. Here a constant map's
  box is the whole image, as in every protocol of this project, and a NaN is an error.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wsol_bench.errors import UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.statistics import Rate
from wsol_bench.sweep import ComponentBoxes, component_boxes, largest_boxes

Map = NDArray[np.float32]
Right = NDArray[np.bool_]
"""Whether an image is right at each threshold and least IoU, (T, d)."""

_compiled = njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class BoxAcc:
    """A metric of boxes over thresholds.

    Attributes:
        name: the paper's.
        ious: least IoUs of a right box, rising; the figure is the mean over them.
        every_component: any component's box may be right, not only the largest's.
        connectivity: 8 joins pixels that touch at a corner, 4 only at a side.
        side: maps are enlarged to side x side, and boxes scaled to it.
        steps: thresholds are 0, 1/steps, ..., (steps - 1)/steps of the map's range.
    """

    name: str
    ious: tuple[float, ...]
    every_component: bool
    connectivity: int = 8
    side: int = 224
    steps: int = 1000

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Shares of a map's range, (steps,)."""
        return np.arange(self.steps) / self.steps


MAXBOXACC = BoxAcc("MaxBoxAcc", ious=(0.5,), every_component=False)
MAXBOXACC_V2 = BoxAcc("MaxBoxAccV2", ious=(0.3, 0.5, 0.7), every_component=True)

BOX_ACCS = MappingProxyType({"maxboxacc": MAXBOXACC, "maxboxacc-v2": MAXBOXACC_V2})


class Choice(StrEnum):
    """How a figure's threshold was chosen."""

    FIXED = "fixed"
    """Named beforehand."""
    TUNED = "tuned"
    """Best on another split."""
    ORACLE = "oracle"
    """Best on the split that is scored: an upper bound, not a result."""


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
        right: (T, d) int64, right images.
        n: images counted.
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
        nearest = int(np.argmin(np.abs(self.thresholds - threshold)))
        if not np.isclose(self.thresholds[nearest], threshold, rtol=0, atol=1e-9):
            raise UsageError(
                f"the curve has no threshold {threshold:g}; the nearest is "
                f"{self.thresholds[nearest]:g}"
            )
        return self._figure(Choice.FIXED, np.full(len(self.ious), nearest))

    def tuned(self, other: "ThresholdCurve") -> Figure:
        """The figure at the thresholds that are best on another split.

        Raises:
            UsageError: the other curve is this one, or has other thresholds or IoUs.
        """
        if other is self:
            raise UsageError("thresholds are tuned on another split than the one scored")
        same = np.array_equal(self.thresholds, other.thresholds) and self.ious == other.ious
        if not same:
            raise UsageError("both curves need the same thresholds and least IoUs")
        return self._figure(Choice.TUNED, other.best)

    def oracle(self) -> Figure:
        """The figure at this split's own best thresholds, such as MaxBoxAcc."""
        return self._figure(Choice.ORACLE, self.best)

    @property
    def best(self) -> NDArray[np.intp]:
        """For each least IoU the place of its best threshold, the lowest of equals; (d,)."""
        return np.argmax(self.right, axis=0)

    def _figure(self, choice: Choice, places: NDArray[np.intp]) -> Figure:
        right = self.right[places, np.arange(len(self.ious))]
        return Figure(
            choice=choice,
            ious=self.ious,
            thresholds=tuple(float(threshold) for threshold in self.thresholds[places]),
            rates=tuple(Rate(self.n - int(count), self.n) for count in right),
        )


class CurveCounter:
    """Counts images into a curve; its memory does not grow with them."""

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


def judge(values: Map, size: Size, truths: Boxes, metric: BoxAcc) -> Right:
    """Whether one image is right at every threshold.

    Runs mostly outside the interpreter lock.

    Args:
        values: (u, v), the map of the image's class, at any resolution.
        size: of the original image.
        truths: (m, 4) half-open xyxy in original pixels; with none nothing is right.
        metric: an entry of `BOX_ACCS`.

    Returns:
        (metric.steps, len(metric.ious)).

    Raises:
        RunError: the map holds NaN or infinite values.
    """
    side = metric.side
    scale = np.array([side / size.width, side / size.height] * 2)
    scaled = np.asarray(truths, np.float64).reshape(-1, 4) * scale
    canvas = enlarge_cubic(np.ascontiguousarray(values, np.float32), side, side)
    least, most = float(canvas.min()), float(canvas.max())
    if least == most:  # 0..1 is not defined; the whole image at every threshold
        boxes = np.tile(np.array([0, 0, side, side], np.int32), (metric.steps, 1))
        return right_boxes(boxes, scaled, metric.ious)
    thresholds = least + metric.thresholds * (most - least)
    if metric.every_component:
        spans = component_boxes(canvas, thresholds, connectivity=metric.connectivity)
        return right_spans(spans, scaled, metric.ious, metric.steps)
    boxes = largest_boxes(canvas, thresholds, connectivity=metric.connectivity)
    return right_boxes(boxes, scaled, metric.ious)


def right_boxes(boxes: NDArray[np.int32], truths: Boxes, ious: tuple[float, ...]) -> Right:
    """Whether the box at each threshold is right.

    Args:
        boxes: (T, 4) half-open xyxy.
        truths: (m, 4) in the same pixels.
        ious: (d,) least IoUs with any of the truths, rising.

    Returns:
        (T, d).
    """
    return _right_boxes(boxes, truths, np.array(ious))


def right_spans(
    spans: ComponentBoxes, truths: Boxes, ious: tuple[float, ...], steps: int
) -> Right:
    """Whether any component's box is right at each of `steps` thresholds, (steps, d)."""
    return _right_spans(spans.boxes, spans.start, spans.stop, truths, np.array(ious), steps)


@_compiled
def _right_boxes(
    boxes: NDArray[np.int32], truths: Boxes, ious: NDArray[np.float64]
) -> Right:
    right = np.zeros((boxes.shape[0], ious.size), np.bool_)
    for i in range(boxes.shape[0]):
        right[i, : _reached(boxes[i], truths, ious)] = True
    return right


@_compiled
def _right_spans(
    boxes: NDArray[np.int32],
    start: NDArray[np.int32],
    stop: NDArray[np.int32],
    truths: Boxes,
    ious: NDArray[np.float64],
    steps: int,
) -> Right:
    more = np.zeros((steps + 1, ious.size), np.int32)  # right components at i less those at i - 1
    for i in range(boxes.shape[0]):
        for d in range(_reached(boxes[i], truths, ious)):
            more[start[i], d] += 1
            more[stop[i], d] -= 1
    right = np.zeros((steps, ious.size), np.bool_)
    for d in range(ious.size):
        number = 0
        for i in range(steps):
            number += more[i, d]
            right[i, d] = number > 0
    return right


@_compiled
def _reached(box: NDArray[np.int32], truths: Boxes, ious: NDArray[np.float64]) -> int:
    """How many of the rising least IoUs the box reaches; IoU as in `geometry.box_iou`."""
    x0, y0, x1, y1 = (np.float64(box[0]), np.float64(box[1]), np.float64(box[2]), np.float64(box[3]))
    best = 0.0
    for i in range(truths.shape[0]):
        width = max(min(x1, truths[i, 2]) - max(x0, truths[i, 0]), 0.0)
        height = max(min(y1, truths[i, 3]) - max(y0, truths[i, 1]), 0.0)
        shared = width * height
        own = (x1 - x0) * (y1 - y0)
        other = max(truths[i, 2] - truths[i, 0], 0.0) * max(truths[i, 3] - truths[i, 1], 0.0)
        union = own + other - shared
        if union > 0:
            best = max(best, shared / union)
    reached = 0
    while reached < ious.size and best >= ious[reached]:
        reached += 1
    return reached


@_compiled
def enlarge_cubic(values: Map, height: int, width: int) -> Map:
    """Bicubic interpolation with half-pixel centres, a = -0.75, edges repeated.

    The same as OpenCV's INTER_CUBIC, which the authors use, and as torch's
    `interpolate(mode="bicubic", align_corners=False)`. It overshoots: a map that is
    nowhere negative can become so. It does not average when it shrinks.

    Args:
        values: (u, v) float32.
        height, width: of the result.

    Source:
        Keys, Cubic convolution interpolation, IEEE TASSP 29(6), 1981.
    """
    rows, columns = values.shape
    across, share = _cubic_taps(columns, width)
    down, weight = _cubic_taps(rows, height)
    stretched = np.empty((rows, width), np.float32)
    for i in range(rows):
        for x in range(width):
            total = np.float32(0)
            for j in range(4):
                total += share[x, j] * values[i, across[x, j]]
            stretched[i, x] = total
    result = np.empty((height, width), np.float32)
    for y in range(height):
        a, b, c, d = (
            stretched[down[y, 0]],
            stretched[down[y, 1]],
            stretched[down[y, 2]],
            stretched[down[y, 3]],
        )
        p, q, r, s = weight[y]
        for x in range(width):
            result[y, x] = p * a[x] + q * b[x] + r * c[x] + s * d[x]
    return result


@_compiled
def _cubic_taps(source: int, target: int) -> tuple[NDArray[np.int64], Map]:
    """For each target position its four source positions and their weights, (target, 4)."""
    a = -0.75
    places = np.empty((target, 4), np.int64)
    weights = np.empty((target, 4), np.float32)
    for i in range(target):
        position = (i + 0.5) * source / target - 0.5
        first = int(np.floor(position))
        t = position - first
        for j in range(4):
            places[i, j] = min(max(first - 1 + j, 0), source - 1)
            far = abs(j - 1 - t)
            if far <= 1:
                weights[i, j] = ((a + 2) * far - (a + 3)) * far * far + 1
            else:
                weights[i, j] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
    return places, weights
