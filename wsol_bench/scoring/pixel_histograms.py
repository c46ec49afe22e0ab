"""How many pixels of a map lie in each bin, inside an object and outside.

Two histograms over 1,001 bins of a map that is scaled to 0..1 say what every threshold
keeps. They are whole numbers, so they add up over images and shards without an error.
The bins' lower edges are 0, 0.001, ..., 0.999, and 1, which holds the maxima.

Source: Choe et al., CVPR 2020, section 4; the authors' code,
github.com/clovaai/wsolevaluation (evaluation.py: `MaskEvaluator`, `get_mask`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.scoring.measured import Measured, from_replicates
from wsol_bench.scoring.replicated_sums import Numbers, Statistic, summed
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.scoremap import SIDE, scoremap, square_mask

EDGES: NDArray[np.float64] = np.append(np.arange(0, 1, 0.001), 1.0)
"""(1001,) lower edges of the bins, ascending."""

BINS = len(EDGES)


@dataclass(frozen=True, slots=True)
class SquareMasks:
    """What is inside and what is not counted, on the square.

    Attributes:
        truth: (side, side) bool, pixels of any instance.
        ignore: (side, side) bool, pixels that are not counted; none of `truth`.
    """

    truth: NDArray[np.bool_]
    ignore: NDArray[np.bool_]


def square_masks(
    instances: Sequence[NDArray[np.bool_]],
    ignore: NDArray[np.bool_] | None = None,
    side: int = SIDE,
) -> SquareMasks:
    """An image's masks on the square.

    Args:
        instances: (height, width) masks of one class's objects, each of its own
            resolution or of the image's; none gives an empty truth.
        ignore: (height, width), or None where everything is counted. Where it meets an
            instance, the instance wins.
        side: of the square.
    """
    truth = np.zeros((side, side), np.bool_)
    for instance in instances:
        truth |= square_mask(instance, side)
    ignored = np.zeros_like(truth) if ignore is None else square_mask(ignore, side) & ~truth
    return SquareMasks(truth, ignored)


def pixel_histograms(values: NDArray[np.floating], masks: SquareMasks) -> NDArray[np.int64]:
    """The histograms of one image, (2 * BINS,): inside the truth, then outside.

    Args:
        values: (u, v) the image's map, at any resolution. It is brought to the square and
            scaled to 0..1; a constant map and one with a NaN are in the lowest bin.
        masks: of its class, on a square of any side.

    Raises:
        RunError: the map holds infinite values.
    """
    bins = _bins(scoremap(values, len(masks.truth)))
    outside = ~(masks.truth | masks.ignore)
    inner, outer = (np.bincount(bins[part], minlength=BINS) for part in (masks.truth, outside))
    return np.concatenate([inner, outer])


def histograms_of(row: RowData) -> NDArray[np.int64]:
    """The histograms of a row's images, (n, 2 * BINS), computed once for all metrics.

    An image that could not be read has the map of a constant.

    Raises:
        NotApplicable: the row makes no maps, or the dataset has no masks.
        DataError: the run kept no maps.
    """

    def compute() -> NDArray[np.int64]:
        found = []
        for values, (truth, ignore), readable in zip(
            row.maps(), row.masks(), row.readable, strict=True
        ):
            values = values if readable else np.zeros((1, 1), np.float32)
            found.append(pixel_histograms(values, square_masks([truth], ignore)))
        return np.array(found, np.int64).reshape(-1, 2 * BINS)

    return row.remembered("pixel histograms", compute)


def pooled(row: RowData, columns: NDArray[np.generic], statistic: Statistic) -> Measured:
    """The figure of a statistic of sums over a row's counted images, in per cent.

    Args:
        row: the row.
        columns: (n, k) what each image contributes.
        statistic: from sums to a share 0..1.
    """
    kept = row.counted
    state = summed(columns[kept], row.image_ids[kept].tolist())
    value = float(statistic(state.total, np.array(float(state.n))))
    if np.isnan(value):
        return Measured(None, None, None, state.n)
    replicates = 100.0 * statistic(state.replicates, state.replicate_n)
    return from_replicates(100.0 * value, replicates, state.n)


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
