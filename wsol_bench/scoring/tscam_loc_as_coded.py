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
constant map divides 0 by 0 there, and so does one with a NaN; here it is all 0.

Source: Gao et al., TS-CAM: Token semantic coupled attention map for weakly supervised
object localization, ICCV 2021; the authors' code, github.com/vasgaowei/TS-CAM
(lib/cams_deit.py: `get_bboxes`, `cls_loc_err`; lib/datasets/imagenet.py).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from wsol_bench.errors import DataError, NotApplicable
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.max_box_acc_as_coded import Ends, Job, jobs
from wsol_bench.scoring.measured import Measured, share
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.scoremap import SIDE
from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    from wsol_bench.boxes.upsampling import Map
    from wsol_bench.scoring.as_coded_boxes import PixelBoxes

THRESHOLD = 0.12
"""On ILSVRC with DeiT-S: configs/ILSVRC/deit_tscam_small_patch16_224.yaml."""

MIN_IOU = 0.5

Rank = Literal["gt_known", "top1", "top5"]
_CLASSES_READ: Mapping[Rank, int] = MappingProxyType({"gt_known": 0, "top1": 1, "top5": 5})


def tscam_loc_as_coded(
    row: RowData,
    protocol: Protocol,
    *,
    rank: Rank = "gt_known",
    threshold: Annotated[float, Between(0, 1, "a share of the map's maximum")] = THRESHOLD,
    ends: Ends = "dataset",
) -> Measured:
    """Images that TS-CAM's program takes for right.

    Args:
        row: the row; without maps, as the centred box, its box is brought to the square.
        protocol: not read; the program has one square, resizing and rounding.
        rank: where the label must be among the classes: anywhere, first, or in the best five.
        threshold: share of the map's maximum, named beforehand.
        ends: as for `max_box_acc_as_coded`.

    Raises:
        NotApplicable: the records have fewer classes of an image than `rank` reads.
        DataError: the run kept no maps, or a ground-truth box is inverted.
    """
    read, there = _CLASSES_READ[rank], row.classes.shape[1]
    if row.n and there < read:
        raise NotApplicable(
            f"rank={rank} reads the best {read} of an image's classes; the run has {there}"
        )
    from wsol_bench.scoring.as_coded_boxes import box_iou_inclusive, box_on_square

    inclusive = (row.corners if ends == "dataset" else ends) == "inclusive"

    def iou(job: Job) -> float:
        values, box, truths, size = job
        if not size.height or not len(truths):
            return 0.0
        scaled = clipped_boxes(truths, size, inclusive=inclusive)
        if values is None:
            return float(box_iou_inclusive(box_on_square(box, size), scaled).max())
        return tscam_iou(values, scaled, threshold)

    ious = np.array(list(in_threads(iou, jobs(row))))
    if rank == "gt_known":
        return share(ious >= MIN_IOU, row.counted)
    hits = row.classes[:, :read] == row.labels[:, None]
    return share(hits.any(axis=1) & (ious > MIN_IOU), row.counted)


def tscam_iou(values: "Map", truths: "PixelBoxes", threshold: float = THRESHOLD) -> float:
    """The IoU of one image's box with its best ground-truth box.

    Args:
        values: (u, v) the map of the label, at any resolution.
        truths: (m, 4) from `clipped_boxes`, m >= 1.
        threshold: share 0..1 of the map's maximum.

    Raises:
        ValueError: there is no ground-truth box.
    """
    from wsol_bench.boxes.upsampling import enlarge
    from wsol_bench.scoring.as_coded_boxes import box_iou_inclusive
    from wsol_bench.scoring.contours import contour_boxes

    if not len(truths):
        raise ValueError("expected at least one ground-truth box")
    square = enlarge(np.ascontiguousarray(values, np.float32), SIDE, SIDE)
    low, extent = square.min(), square.max() - square.min()
    varies = np.isfinite(extent) and extent > 0
    scaled = (square - low) / extent if varies else np.zeros_like(square)
    grey = (scaled * np.float32(255)).astype(np.uint8)
    kept = grey > int(threshold * float(grey.max()))
    found = contour_boxes(kept.astype(np.uint8))
    box = found.boxes[found.largest[0]] if kept.any() else np.array([0, 0, 1, 1])
    return float(box_iou_inclusive(box[None].astype(np.int64), truths).max())


def clipped_boxes(boxes: Boxes, size: Size, *, inclusive: bool) -> "PixelBoxes":
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


TSCAM_LOC_AS_CODED = Metric(
    name="tscam_loc_as_coded",
    title="TS-CAM's loc as coded",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=(),
    compute=tscam_loc_as_coded,
    source="Gao et al., ICCV 2021; github.com/vasgaowei/TS-CAM, lib/cams_deit.py",
    note="As coded: the figure of TS-CAM's program at a fixed threshold, for comparison with its "
    "tables, which print 100 minus it as an error.",
)
