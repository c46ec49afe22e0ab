"""PxAP and peak IoU: how well a map's values separate an object's pixels.

With s a map on 224x224 scaled to 0..1 and M an image's ground-truth pixels, the pixels of
all images are pooled, so the figures are of the dataset and not means over images:

    P_i = |{s >= t_i} and M| / |{s >= t_i}|,    R_i = |{s >= t_i} and M| / |M|,
    PxAP     = sum_i P_i (R_i - R_{i-1}),       i from the highest threshold down, R_{-1} = 0,
    peak IoU = max_i tp_i / (tp_i + fp_i + fn_i).

Thresholds are the lower edges of the 1,001 bins of `scoring.pixel_histograms`. The
histograms of pixels inside M and outside are all that is needed. They add up over images
and shards, so 50,000 images need no second pass.

Pixels of the ignore mask that are not in M are not counted. A constant map and a map with
a NaN are all 0, so all their pixels are in the lowest bin. A threshold that no pixel
reaches has no precision and is skipped. With no ground-truth pixel at all both figures
are NaN. An image with an empty mask counts with all its pixels outside.

Source: Choe et al., CVPR 2020, section 4; the authors' code,
github.com/clovaai/wsolevaluation (evaluation.py: `MaskEvaluator`, `get_mask`). Peak IoU is
read from the same histograms; their program does not report it.
"""

import numpy as np

from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.pixel_histograms import mask_metric, pixels_kept, pooled
from wsol_bench.scoring.replicated_sums import Numbers, ratio
from wsol_bench.scoring.row_data import RowData


def pxap(sums: Numbers, n: Numbers) -> Numbers:
    """PxAP as a share 0..1.

    Args:
        sums: (..., 2 * BINS) summed histograms.
        n: (...) images; not used, because pixels are pooled.

    Returns:
        (...); NaN where there is no ground-truth pixel.
    """
    inner, outer = pixels_kept(sums)
    precision = ratio(inner, inner + outer)
    steps = np.diff(inner, axis=-1, prepend=0.0)  # true positives that each threshold adds
    area = np.where(inner + outer > 0, precision * steps, 0.0).sum(axis=-1)
    return ratio(area, inner[..., -1])


def peak_iou(sums: Numbers, n: Numbers) -> Numbers:
    """The maximum over thresholds of the pooled IoU, a share 0..1.

    Args:
        sums: (..., 2 * BINS) summed histograms.
        n: (...) images; not used, because pixels are pooled.

    Returns:
        (...); NaN where there is no ground-truth pixel.
    """
    inner, outer = pixels_kept(sums)
    truth = inner[..., -1:]
    return np.asarray(ratio(inner, np.where(truth > 0, truth + outer, 0.0)).max(axis=-1))


def measure_pxap(row: RowData, protocol: Protocol) -> Measured:
    """PxAP of a row; see `pooled` for errors. The protocol is not read."""
    return pooled(row, pxap)


def measure_peak_iou(row: RowData, protocol: Protocol) -> Measured:
    """Peak IoU of a row; see `pooled` for errors. The protocol is not read."""
    return pooled(row, peak_iou)


PXAP = mask_metric(
    name="pxap",
    title="PxAP",
    compute=measure_pxap,
    over="pixels",
    source="Choe et al., CVPR 2020, section 4; github.com/clovaai/wsolevaluation",
    note="PxAP: of the pixels of all images pooled, not a mean over images.",
)
PEAK_IOU = mask_metric(
    name="peak_iou",
    title="Peak IoU",
    compute=measure_peak_iou,
    over="pixels",
    source="the histograms of PxAP, Choe et al., CVPR 2020, section 4",
    note="Peak IoU: of the pixels of all images pooled, at the threshold that is best on them.",
)
