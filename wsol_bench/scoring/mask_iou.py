"""Mask IoU: overlap of a thresholded map with the object's pixels, a mean over images.

With s a map on 224x224 scaled to 0..1, M an image's ground-truth pixels and I those that
are ignored,

    IoU_n(t)      = |{s_n >= t} and M_n| / |({s_n >= t} or M_n) minus I_n|,
    mask_iou      = 1/N sum_n IoU_n(t) at a threshold t that is named beforehand,
    best_mask_iou = max_t 1/N sum_n IoU_n(t), one t for all images.

Thresholds are PxAP's, 0, 0.001, ..., 0.999 and 1. Here each image has the same weight,
where peak IoU pools pixels, so that large objects count for more. An image without
ground-truth pixels (an object that the square loses, or an empty mask) has an IoU of 0 at
every threshold; the definitions leave that open, and this is our choice. A constant map
and a map with a NaN are all 0: at t = 0 everything is kept, above it nothing.

Source: the intersection over union of segmentation (Everingham et al., The PASCAL visual
object classes challenge, IJCV 2010, section 4.2.2), on Choe et al.'s square (CVPR 2020).
"""

from typing import Annotated

import numpy as np

from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.pixel_histograms import (
    EDGES,
    mask_metric,
    mean_over_images,
)
from wsol_bench.scoring.replicated_sums import Numbers, Statistic, ratio
from wsol_bench.scoring.row_data import RowData
from wsol_bench.specs.options import Between

THRESHOLD = 0.5
"""Of `mask_iou`: half of the map's range; ours, for the definition names none."""


def mask_iou_at(threshold: float) -> Statistic:
    """The mean IoU at one threshold, a share 0..1; NaN over no images.

    Raises:
        UsageError: the threshold is none of `EDGES`; names the nearest.
    """
    index = int(np.abs(EDGES - threshold).argmin())
    if not np.isclose(EDGES[index], threshold, rtol=0, atol=1e-9):
        raise UsageError(
            f"mask IoU has no threshold {threshold:g}; the nearest is {EDGES[index]:g} "
            "(thresholds are 0, 0.001, ..., 1)"
        )

    def statistic(sums: Numbers, n: Numbers) -> Numbers:
        return ratio(sums[..., index], n)

    return statistic


def best_mask_iou(sums: Numbers, n: Numbers) -> Numbers:
    """The maximum over thresholds of the mean IoU, a share 0..1; NaN over no images.

    Each resampling has its own best threshold.

    Args:
        sums: (..., BINS) summed IoUs.
        n: (...) images.
    """
    return ratio(sums.max(axis=-1), n)


def mask_iou(
    row: RowData,
    protocol: Protocol,
    *,
    threshold: Annotated[float, Between(0, 1, "a share of the map's range")] = THRESHOLD,
) -> Measured:
    """The mean over images of the IoU at a threshold that is named beforehand, in per cent.

    Args:
        row: the row; see `mean_over_images` for errors.
        protocol: not read.
        threshold: share 0..1 of the map's range, a multiple of 0.001.
    """
    return mean_over_images(row, mask_iou_at(threshold))


def measure_best_mask_iou(row: RowData, protocol: Protocol) -> Measured:
    """The mean over images of the IoU at the best threshold of all, in per cent."""
    return mean_over_images(row, best_mask_iou)


_SOURCE = "Everingham et al., IJCV 2010, section 4.2.2, on the square of Choe et al., CVPR 2020"

MASK_IOU = mask_metric(
    name="mask_iou",
    title="Mask IoU",
    compute=mask_iou,
    source=_SOURCE,
    note="Mask IoU: a mean over images at a threshold that is named beforehand.",
)
BEST_MASK_IOU = mask_metric(
    name="best_mask_iou",
    title="Best mask IoU",
    compute=measure_best_mask_iou,
    source=_SOURCE,
    note="Best mask IoU: a mean over images at the threshold that is best on them.",
)
