"""Localization accuracy at a fixed threshold, as TS-CAM's program computes it.

Tables of TS-CAM and of work that builds on it do not sweep thresholds. For an image with
map s in 0..1 on 224x224, a threshold t that is named beforehand, and the label's boxes B:

    g    = floor(255 s), in 8 bits
    K    = {g > int(t max g)},      t = 0.12 on ILSVRC with DeiT-S
    box  = (x, y, x + w, y + h) of the contour of K with the largest polygon area, uncut;
           (0, 0, 1, 1) where K is empty
    IoU  the maximum over B, with 1 added to every width and height
    B    x / width * 224, cut to 0..223 and truncated to whole pixels

An image is right for GT-known when IoU >= 0.5. It is right for top-1 and top-5 when the
label is among the best one or five classes and IoU > 0.5, with a strict comparison. The
figures are means over images. An error table has 100 minus them.

Our map is enlarged bilinearly as the program does it, but OpenCV's last bits in single
precision differ from processor to processor, and so can a pixel on the edge of a level. A
constant map divides 0 by 0 there; here it is all 0.

Source: Gao et al., TS-CAM: Token semantic coupled attention map for weakly supervised
object localization, ICCV 2021; the authors' code, github.com/vasgaowei/TS-CAM
(lib/cams_deit.py: `get_bboxes`, `cls_loc_err`; lib/datasets/imagenet.py).
"""

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.upsampling import Map, enlarge
from wsol_bench.errors import DataError, RunError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.scoring.as_coded_boxes import PixelBoxes, box_iou_inclusive
from wsol_bench.scoring.contours import contour_boxes
from wsol_bench.scoring.replicated_sums import Numbers, Statistic, ratio
from wsol_bench.scoring.scoremap import SIDE

THRESHOLD = 0.12
"""On ILSVRC with DeiT-S: configs/ILSVRC/deit_tscam_small_patch16_224.yaml."""

MIN_IOU = 0.5

TOP1, TOP5, GT_KNOWN = range(3)
"""Columns of `loc_columns`."""


def tscam_iou(values: Map, truths: PixelBoxes, threshold: float = THRESHOLD) -> float:
    """The IoU of one image's box with its best ground-truth box.

    Args:
        values: (u, v) the map of the label, at any resolution.
        truths: (m, 4) from `clipped_boxes`, m >= 1.
        threshold: share 0..1 of the map's maximum.

    Raises:
        RunError: the map holds NaN or infinite values.
        ValueError: there is no ground-truth box.
    """
    if not len(truths):
        raise ValueError("expected at least one ground-truth box")
    square = enlarge(np.ascontiguousarray(values, np.float32), SIDE, SIDE)
    extent = square.max() - square.min()
    if not np.isfinite(extent):
        raise RunError("the map holds NaN or infinite values")
    scaled = (square - square.min()) / extent if extent > 0 else np.zeros_like(square)
    grey = (scaled * np.float32(255)).astype(np.uint8)
    kept = grey > int(threshold * float(grey.max()))
    found = contour_boxes(kept.astype(np.uint8))
    box = found.boxes[found.largest[0]] if kept.any() else np.array([0, 0, 1, 1])
    return float(box_iou_inclusive(box[None].astype(np.int64), truths).max())


def clipped_boxes(boxes: Boxes, size: Size, *, inclusive: bool) -> PixelBoxes:
    """Ground-truth boxes as the program scales them.

    Args:
        boxes: (m, 4) half-open xyxy in original pixels.
        size: of the original image.
        inclusive: whether the program's list has the dataset's boxes as inclusive
            corners, as it has ILSVRC's: then x1 and y1 are one less than ours.

    Returns:
        (m, 4) int64 in 0..223.

    Raises:
        DataError: a box is inverted.
    """
    corners = np.reshape(np.asarray(boxes, np.float64), (-1, 4))
    if inclusive:
        corners = corners - np.array([0.0, 0.0, 1.0, 1.0])
    if (corners[:, 2:] < corners[:, :2]).any():
        raise DataError(f"a ground-truth box is inverted: {corners.tolist()}; correct it")
    scaled = corners / np.array(size[::-1] * 2, np.float64) * SIDE
    return np.clip(scaled, 0, SIDE - 1).astype(np.int64)


def loc_columns(
    ious: NDArray[np.float64], labels: NDArray[np.integer], classes: NDArray[np.integer]
) -> NDArray[np.float64]:
    """The images' vectors for `replicated_sums`, (n, 3): right for top-1, top-5 and GT-known.

    Args:
        ious: (n,) from `tscam_iou`.
        labels: (n,) class indices.
        classes: (n, k >= 5) the best classes by descending score.
    """
    hits = classes == labels[:, None]
    over = ious > MIN_IOU
    columns = [hits[:, 0] & over, hits[:, :5].any(axis=1) & over, ious >= MIN_IOU]
    return np.stack(columns, axis=1).astype(np.float64)


def loc_accuracy(column: int) -> Statistic:
    """The share of right images, 0..1, NaN over none.

    Args:
        column: TOP1, TOP5 or GT_KNOWN.
    """

    def statistic(sums: Numbers, n: Numbers) -> Numbers:
        return ratio(sums[..., column], n)

    return statistic
