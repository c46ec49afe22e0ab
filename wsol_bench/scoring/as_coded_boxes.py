"""The boxes and IoUs of MaxBoxAcc and MaxBoxAccV2 as the authors' program computes them.

Published tables under Choe et al.'s protocol are this program's figures, and it leaves
the paper's definitions in several places (`scoring.maxboxacc` lists them and keeps to the
definitions). For an image with map s in 0..1 on 224x224 and ground-truth boxes B:

    g       = floor(255 s), in 8 bits
    K(t)    = {g > int(t max g)},                                t = 0, 0.001, ..., 0.999
    box(c)  = (x, y, min(x + w, 223), min(y + h, 223)),          c a contour of K(t)
    IoU     with 1 added to every width and height, (0, 0, 0, 0) where K(t) is empty
    B       scaled to 224 by each side and truncated to whole pixels

V1 takes the contour with the largest polygon area, V2 every contour, those of holes too;
an image is right at t and d when the IoU with any ground-truth box is at least d.

    max_box_acc_as_coded    = max_t BoxAcc(t, 0.5)               with V1's box
    max_box_acc_v2_as_coded = mean over d = 0.3, 0.5, 0.7 of max_t BoxAcc(t, d), V2's boxes

Both are means over images at a threshold that is best on the scored split. 223 is the
map's width - 1. The program's stand-alone command takes t = 0, 0.01, ... by default.

The contours are those of OpenCV's findContours, by `scoring.contours`; OpenCV itself is
not needed. The tests compare every threshold with it.

Source: Choe et al., CVPR 2020, and arXiv 2007.04178; the authors' code,
github.com/clovaai/wsolevaluation (evaluation.py: `compute_bboxes_from_scoremaps`,
`BoxEvaluator`; inference.py: `normalize_scoremap`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.runtime.compiled import compiled
from wsol_bench.scoring.contours import CUTS, ContourBoxes, contour_boxes
from wsol_bench.scoring.replicated_sums import Numbers, Statistic, ratio
from wsol_bench.scoring.scoremap import SIDE, scoremap

THRESHOLDS: NDArray[np.float64] = np.arange(0, 1, 0.001)
"""i * 0.001, which is not always i / 1000; the last bit decides int(t * max)."""

V1_IOUS, V2_IOUS = (0.5,), (0.3, 0.5, 0.7)

PixelBoxes = NDArray[np.int64]
"""(m, 4) x0, y0, x1, y1 in whole pixels of the square, both ends scored as inside."""


@dataclass(frozen=True, slots=True)
class BestIous:
    """The IoUs of one image at each threshold, both (T,) in 0..1.

    Attributes:
        largest: of the box of the largest contour: V1.
        best: the maximum over all contours: V2.
    """

    largest: NDArray[np.float64]
    best: NDArray[np.float64]


def as_coded_ious(
    values: NDArray[np.floating],
    truths: PixelBoxes,
    thresholds: NDArray[np.float64] = THRESHOLDS,
    side: int = SIDE,
) -> BestIous:
    """One image's IoU with its best ground-truth box at every threshold.

    Args:
        values: (u, v) the image's map, at any resolution. It is brought to the square and
            scaled to 0..1; a constant map and one with a NaN become all 0, and their box
            is (0, 0, 0, 0) at every threshold, scored as one pixel.
        truths: (m, 4) from `truncated_boxes`, m >= 1.
        thresholds: (T,) shares 0..1 of the map's maximum.
        side: of the square.

    Raises:
        RunError: the map holds infinite values.
        ValueError: there is no ground-truth box.
    """
    grey = (scoremap(values, side) * 255).astype(np.uint8)
    return grey_ious(grey, truths, thresholds)


def grey_ious(
    grey: NDArray[np.uint8], truths: PixelBoxes, thresholds: NDArray[np.float64] = THRESHOLDS
) -> BestIous:
    """`as_coded_ious` of a map that is cut to 8 bits already, (h, w) uint8."""
    if not len(truths):
        raise ValueError("expected at least one ground-truth box")
    found = contour_boxes(grey)
    cuts = (thresholds * float(grey.max(initial=0))).astype(np.int64)  # (T,)
    largest, best = _ious_at_cuts(
        _cut_boxes(found, grey.shape),
        found.start,
        found.stop,
        found.largest,
        np.ascontiguousarray(truths, np.int64),
    )
    return BestIous(largest[cuts], best[cuts])


def truncated_boxes(boxes: Boxes, size: Size, *, inclusive: bool, side: int = SIDE) -> PixelBoxes:
    """Ground-truth boxes as the program scales them: x * side / width, truncated.

    Args:
        boxes: (m, 4) half-open xyxy in original pixels.
        size: of the original image.
        inclusive: whether the authors' metadata has the dataset's boxes as inclusive
            corners: ILSVRC has, so that its x1 and y1 are one less than ours; CUB's and
            those of others are x + w and y + h.
        side: of the square.

    Returns:
        (m, 4) int64.

    Raises:
        DataError: a coordinate is negative or a box is inverted; the program stops there.
    """
    corners = np.reshape(np.asarray(boxes, np.float64), (-1, 4))
    if inclusive:
        corners = corners - np.array([0.0, 0.0, 1.0, 1.0])
    if (corners < 0).any() or (corners[:, 2:] < corners[:, :2]).any():
        raise DataError(
            "a ground-truth box is negative or inverted, and the authors' program refuses "
            f"such a box: {corners.tolist()}; correct it or leave out the as-coded metrics"
        )
    scaled = corners * float(side) / np.array(size[::-1] * 2, np.float64)
    return np.trunc(scaled).astype(np.int64)


def box_on_square(box: Boxes, size: Size, side: int = SIDE) -> PixelBoxes:
    """A predicted box that comes without a map, as the program would draw it.

    It stands for a map that is 255 inside and 0 outside, so the box is the same at every
    threshold: brought to the square, rounded to whole pixels, and x1, y1 cut to side - 1.

    Args:
        box: (4,) half-open xyxy in original pixels, such as the centred box.
        size: of the original image.
        side: of the square.

    Returns:
        (1, 4) int64 for `box_iou_inclusive`; (0, 0, 0, 0) where no pixel is left.
    """
    scaled = np.asarray(box, np.float64) * float(side) / np.array(size[::-1] * 2, np.float64)
    x0, y0, x1, y1 = np.clip(np.rint(scaled), 0, side).astype(np.int64)
    if x1 <= x0 or y1 <= y0:
        return np.zeros((1, 4), np.int64)
    return np.array([[x0, y0, min(x1, side - 1), min(y1, side - 1)]])


def right_columns(ious: NDArray[np.float64], minimum_ious: Sequence[float]) -> NDArray[np.bool_]:
    """Whether one image is right at each threshold and minimum IoU, (T * d,), d fastest.

    It is what an image adds to `replicated_sums`; `max_box_acc(d)` reads the sums.
    """
    return (ious[:, None] >= np.array(minimum_ious)).ravel()


def max_box_acc(ious: int) -> Statistic:
    """The mean over `ious` minimum IoUs of the maximum over thresholds, a share 0..1.

    Each resampling has its own best thresholds, so that the interval knows that they
    are chosen on the scored images. NaN over no images.
    """

    def statistic(sums: Numbers, n: Numbers) -> Numbers:
        right = sums.reshape(*sums.shape[:-1], -1, ious)  # (..., T, d)
        return ratio(right.max(axis=-2).mean(axis=-1), n)

    return statistic


def box_iou_inclusive(boxes: PixelBoxes, truths: PixelBoxes) -> NDArray[np.float64]:
    """IoU of boxes whose both ends are inside, (k, m): 1 is added to widths and heights."""
    lower = np.maximum(boxes[:, None, :2], truths[None, :, :2])
    upper = np.minimum(boxes[:, None, 2:], truths[None, :, 2:])
    shared = np.maximum(upper - lower + 1, 0).prod(axis=-1)
    areas = [(b[:, 2:] - b[:, :2] + 1).prod(axis=-1) for b in (boxes, truths)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None, :] - shared))


def _cut_boxes(found: ContourBoxes, shape: tuple[int, ...]) -> PixelBoxes:
    height, width = shape
    last = np.array([width, height, width - 1, height - 1])
    return np.minimum(found.boxes, last).astype(np.int64)


@compiled
def _ious_at_cuts(
    boxes: PixelBoxes,
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    largest: NDArray[np.int64],
    truths: PixelBoxes,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    of_box = np.empty(boxes.shape[0])
    for i in range(boxes.shape[0]):
        of_box[i] = _iou_with_any(boxes[i], truths)
    nothing = _iou_with_any(np.zeros(4, np.int64), truths)
    of_largest, of_best = np.full(CUTS, nothing), np.full(CUTS, nothing)
    for cut in range(CUTS):
        if largest[cut] >= 0:
            of_largest[cut] = of_box[largest[cut]]
            of_best[cut] = of_box[start[cut] : stop[cut]].max()
    return of_largest, of_best


@compiled
def _iou_with_any(box: NDArray[np.int64], truths: PixelBoxes) -> float:
    best = 0.0
    area = (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
    for i in range(truths.shape[0]):
        x0, y0, x1, y1 = truths[i]
        width = min(box[2], x1) - max(box[0], x0) + 1
        height = min(box[3], y1) - max(box[1], y0) + 1
        shared = max(width, 0) * max(height, 0)
        best = max(best, shared / (area + (x1 - x0 + 1) * (y1 - y0 + 1) - shared))
    return best
