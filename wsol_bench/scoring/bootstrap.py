"""Bootstrap over images: figures of the same images are resampled alike.

The weights are those of `replicated_sums.poisson_weights`: they follow from the images' ids
alone, so the replicates of two rows over the same images can be subtracted, and the sums
of two shards of a run add up to the sums of the whole.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.replicated_sums import REPLICATES, poisson_weights

_BLOCK = 1_024
"""Images whose values are summed at once."""


def weights_of(image_ids: NDArray[np.str_]) -> NDArray[np.uint8]:
    """How often each replicate counts each image, (n, REPLICATES)."""
    return _weights(tuple(image_ids.tolist()))


@lru_cache(maxsize=2)  # 25 MB over ILSVRC's 50,000 images; every row uses the same ones
def _weights(image_ids: tuple[str, ...]) -> NDArray[np.uint8]:
    weights = poisson_weights(image_ids)
    weights.flags.writeable = False
    return weights


def replicated_sums(
    image_ids: NDArray[np.str_], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weighted sum of each column in every replicate, (REPLICATES, k).

    Args:
        image_ids: (n,).
        values: (n, k).
    """
    weights = weights_of(image_ids)
    total = np.zeros((REPLICATES, values.shape[1]))
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        total += weights[part].T.astype(np.float64) @ values[part]
    return total


def percentile_interval(replicates: NDArray[np.float64], confidence: float = 0.95) -> Interval:
    """The percentile interval of bootstrap replicates; NaN among them is left out.

    Raises:
        ValueError: every replicate is NaN.
    """
    found = replicates[~np.isnan(replicates)]
    if not len(found):
        raise ValueError("expected at least one replicate that is a number")
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return Interval(float(low), float(high))


def sign_p(differences: NDArray[np.float64]) -> float:
    """The two-sided p of the hypothesis that a difference is 0, from its replicates.

    Twice the smaller share of the replicates on either side of 0, those at 0 counted on
    both, plus one in numerator and denominator: never below 2 / (R + 1), never above 1.
    """
    found = differences[~np.isnan(differences)]
    fewer = min(int((found <= 0).sum()), int((found >= 0).sum()))
    return min(1.0, 2.0 * (fewer + 1) / (len(found) + 1))
