"""Sums over images that merge over shards, with their Poisson bootstrap.

Many metrics are a function of sums over images: f(n, sum_i v_i), where v_i is a short
vector that one image contributes (hits, a histogram, an IoU at each threshold). A
bootstrap of such a metric needs the sums over resampled images. Drawing each image
independently Poisson(1) times stands for drawing n of n with replacement, and it needs
neither n nor the other images. So R replicate sums grow beside the plain ones,

    S = sum_i v_i,    S_r = sum_i w_ir v_i,    w_ir ~ Poisson(1),

and no image is read twice. The weights w_i come from a hash of the image's id. Hence

- the states of any division into shards merge to the same sums,
- two rows over the same images have the same weights, so their difference is paired,
- several examples of one image, one a class, are drawn together.

Source: Chamandy, Muralidharan, Najmi and Naidu, Estimating uncertainty for massive data
streams, Google technical report, 2012; Efron and Tibshirani, An introduction to the
bootstrap, 1993, chapter 13 (percentile intervals).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import shake_128
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

REPLICATES = 500
"""The ends of a 95 % interval then vary by about 3 % of its length from seed to seed."""

Numbers = NDArray[np.float64]
Statistic = Callable[[Numbers, Numbers], Numbers]
"""From sums (..., k) and numbers of examples (...) to figures (...), NaN where undefined."""

_MOST = 12  # P(Poisson(1) > 12) is 6e-11, below the resolution of the hash's 32 bits
_CUMULATIVE = np.cumsum([exp(-1.0) / factorial(times) for times in range(_MOST)])
_EDGES = np.floor(_CUMULATIVE * 2.0**32).astype(np.uint64)


@dataclass(frozen=True, slots=True)
class ReplicatedSums:
    """Sums of k numbers over n examples, and over R resamplings of their images.

    Attributes:
        n: examples.
        total: (k,) sums.
        replicate_n: (R,) examples in each resampling.
        replicates: (R, k) sums in each resampling.
    """

    n: int
    total: Numbers
    replicate_n: Numbers
    replicates: Numbers


def summed(vectors: NDArray[np.generic], image_ids: Sequence[str]) -> ReplicatedSums:
    """The state of some examples.

    Args:
        vectors: (n, k) what each example contributes; n may be 0. Whole numbers are
            summed exactly, so that merged states are equal to the bit.
        image_ids: (n,) ids of their images.

    Raises:
        ValueError: the vectors are not (n, k).
    """
    rows = np.asarray(vectors, np.float64)
    if rows.ndim != 2 or len(rows) != len(image_ids):
        raise ValueError(f"expected (n, k) vectors of {len(image_ids)} images, got {rows.shape}")
    weights = poisson_weights(image_ids).astype(np.float64)  # (n, R)
    return ReplicatedSums(
        n=len(rows),
        total=rows.sum(axis=0),
        replicate_n=weights.sum(axis=0),
        replicates=weights.T @ rows,
    )


def merged(states: Sequence[ReplicatedSums]) -> ReplicatedSums:
    """The state of all the examples of some states, which share none.

    Raises:
        ValueError: there is no state, or they differ in k.
    """
    if not states:
        raise ValueError("expected at least one state")
    if len({state.total.shape for state in states}) > 1:
        raise ValueError("states merge only with the same k")
    return ReplicatedSums(
        n=sum(state.n for state in states),
        total=np.sum([state.total for state in states], axis=0),
        replicate_n=np.sum([state.replicate_n for state in states], axis=0),
        replicates=np.sum([state.replicates for state in states], axis=0),
    )


def ratio(numerator: Numbers, denominator: Numbers) -> Numbers:
    """Elementwise quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    result = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def poisson_weights(image_ids: Sequence[str]) -> NDArray[np.uint8]:
    """How often each image is drawn in each resampling, (n, REPLICATES).

    An image's weights depend on its id alone: 32 bits of SHAKE-128 for each
    replicate, through the inverse of Poisson(1)'s distribution function. They are the
    same with every version of numpy, and the first r are the same for any number of replicates.
    """
    weights = np.empty((len(image_ids), REPLICATES), np.uint8)
    for row, image_id in zip(weights, image_ids, strict=True):
        # The 0 is a seed: another one would change every interval that is recorded.
        digest = shake_128(f"0:{image_id}".encode()).digest(4 * REPLICATES)
        row[:] = np.searchsorted(_EDGES, np.frombuffer(digest, "<u4"), side="right")
    return weights
