"""Histograms of a map's values: numbers of pixels per bin, inside an object and outside.

Two histograms over 1,001 bins of a map that is scaled to 0..1 determine what every threshold
keeps. They are whole numbers, so they add up over images and shards without an error.
The bins' lower edges are 0, 0.001, ..., 0.999, and 1, which holds the maxima.

Source: Choe et al., CVPR 2020, section 4; the authors' code,
github.com/clovaai/wsolevaluation (evaluation.py: `MaskEvaluator`, `get_mask`).
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.masks import Masks
from wsol_bench.scoring.image_columns import ExampleTruth, ImageColumn, on_image
from wsol_bench.scoring.measured import Measured, figure_of
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.replicated_sums import (
    Numbers,
    ReplicatedSums,
    Statistic,
    merged,
    summed,
)
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.scoremap import scoremap, square_mask

EDGES: NDArray[np.float64] = np.append(np.arange(0, 1, 0.001), 1.0)
"""(1001,) lower edges of the bins, ascending."""

BINS = len(EDGES)


def pixel_histograms(values: NDArray[np.floating], masks: Masks) -> NDArray[np.int64]:
    """The histograms of one image, (2 * BINS,): inside the truth, then outside.

    Args:
        values: (u, v) the image's map, at any resolution. It is brought to the square and
            scaled to 0..1; a constant map and one with a NaN are in the lowest bin.
        masks: of its class, on a square of any side.

    Raises:
        RunError: the map holds infinite values.
    """
    truth = masks.ground_truth
    bins = _bins(scoremap(values, len(truth)))
    outside = ~(truth | masks.ignore)
    inner, outer = (np.bincount(bins[part], minlength=BINS) for part in (truth, outside))
    return np.concatenate([inner, outer])


def _of_example(values: NDArray[np.float32], truth: ExampleTruth) -> NDArray[np.int64]:
    """An example's histograms; an image that could not be read has the map of a constant."""
    masks = Masks.of(*map(square_mask, truth.require_masks()))
    if not truth.readable:
        values = np.zeros((1, 1), np.float32)
    elif not truth.covers_image:
        values = on_image(values, truth)
    return pixel_histograms(values, masks)


PIXELS = ImageColumn(
    name="pixels", dtype=np.uint16, width=2 * BINS, needs_masks=True, of_map=_of_example
)
"""The histograms of an example: a square has fewer pixels than 16 bits count."""

mask_metric = partial(
    Metric,
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps", "masks"}),
    reads=(),
    columns=(PIXELS,),
)
"""An entry of the table of metrics that reads these histograms."""


def pooled(row: RowData, statistic: Statistic) -> Measured:
    """The figure of a statistic of summed histograms, in per cent.

    Args:
        row: the row; its blacklist is left out.
        statistic: from sums (..., 2 * BINS) to a share 0..1.

    Raises:
        NotApplicable: the row makes no maps, or the dataset has no masks.
        DataError: the run kept neither histograms nor maps.
    """
    return figure_of(_sums_of(row)[0], statistic)


def mean_over_images(row: RowData, statistic: Statistic) -> Measured:
    """The same of summed IoUs, (..., BINS), to which each image contributes its own."""
    return figure_of(_sums_of(row)[1], statistic)


def ious_of(histograms: Numbers) -> Numbers:
    """The IoU at each threshold of images' own histograms, (..., 2 * BINS) to (..., BINS)."""
    inner, outer = (kept[..., ::-1] for kept in pixels_kept(histograms))  # ascending thresholds
    truth = inner[..., :1]
    return np.where(truth > 0, inner / np.maximum(truth + outer, 1), 0.0)


def _sums_of(row: RowData) -> tuple[ReplicatedSums, ReplicatedSums]:
    """The sums of histograms and of IoUs over the counted images, in one pass over them."""
    return row.remembered("pixels", lambda: _summed_over(row))


def _summed_over(row: RowData) -> tuple[ReplicatedSums, ReplicatedSums]:
    pixels, ious = summed(np.zeros((0, 2 * BINS)), []), summed(np.zeros((0, BINS)), [])
    start = 0
    for block in row.blocks(PIXELS):
        kept = row.counted[start : start + len(block)]
        ids = row.image_ids[start : start + len(block)][kept].tolist()
        histograms = block[kept].astype(np.float64)
        pixels = merged([pixels, summed(histograms, ids)])
        ious = merged([ious, summed(ious_of(histograms), ids)])
        start += len(block)
    return pixels, ious


def pixels_kept(histograms: Numbers) -> tuple[Numbers, Numbers]:
    """Pixels inside and outside at or above each edge, from the highest edge down.

    Args:
        histograms: (..., 2 * BINS), of one image or summed.

    Returns:
        True positives and false positives, (..., BINS) each; the last true positives are
        all of the truth.
    """
    counts = histograms.reshape(*histograms.shape[:-1], 2, BINS)[..., ::-1].cumsum(axis=-1)
    return counts[..., 0, :], counts[..., 1, :]


def _bins(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each score in 0..1: the last whose edge is not above it.

    1,000 times an edge is never rounded to below its index, so that the first guess is
    right or one too high.
    """
    bins = np.minimum((scores * (BINS - 1)).astype(np.int64), BINS - 1)
    return np.asarray(bins - (EDGES[bins] > scores))
