"""Maps and masks on Choe et al.'s square, to the bit as their program has them.

Their program brings every map to 224x224 with OpenCV's bicubic in double precision,
scales it to 0..1 by its minimum and maximum, and makes a constant map and a map with a
NaN all 0. What follows cuts these values into 8 bits or into bins, so a last bit can
move a pixel over an edge. Hence the order of operations here is OpenCV's: weights in
single precision, sums from left to right in double precision, first along rows.

Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right, CVPR
2020; the authors' code, github.com/clovaai/wsolevaluation, inference.py
(`normalize_scoremap`) and evaluation.py (`load_mask_image`); OpenCV's resize.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import RunError

SIDE = 224
"""Sides of the square on which Choe et al. evaluate boxes and masks."""

_SLOPE = np.float32(-0.75)  # OpenCV's cubic; Keys himself has -0.5


def scoremap(values: NDArray[np.floating], side: int = SIDE) -> NDArray[np.float64]:
    """A map on the square, scaled to 0..1.

    s = (r - min r) / max(r - min r) with r the enlarged map.

    Args:
        values: (u, v), at any resolution; one of `side` x `side` is not resized.
        side: of the square.

    Returns:
        (side, side) float64; all 0 for a constant map and for a map with a NaN.

    Raises:
        RunError: the map holds infinite values, which cannot be scaled.
    """
    if np.isinf(values).any():
        raise RunError("the map holds infinite values")
    square = resize_cubic(np.asarray(values, np.float64), side, side)
    if np.isnan(square).any() or square.min() == square.max():
        return np.zeros_like(square)
    square = square - square.min()
    return np.asarray(square / square.max())


def resize_cubic(values: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """OpenCV's `resize(..., INTER_CUBIC)` of a double-precision map, to the bit.

    Args:
        values: (u, v) float64.
        height, width: of the result. It does not average when it shrinks.
    """
    if values.shape == (height, width):
        return values.copy()
    columns, weights = _cubic_taps(values.shape[1], width)
    stretched = values[:, columns[0]] * weights[0]  # (u, width)
    for column, weight in zip(columns[1:], weights[1:], strict=True):
        stretched += values[:, column] * weight
    rows, weights = _cubic_taps(values.shape[0], height)
    result = stretched[rows[0]] * weights[0][:, None]  # (height, width)
    for row, weight in zip(rows[1:], weights[1:], strict=True):
        result += stretched[row] * weight[:, None]
    return result


def square_mask(mask: NDArray[np.bool_], side: int = SIDE) -> NDArray[np.bool_]:
    """A mask on the square, by OpenCV's `INTER_NEAREST`.

    The pixel at x comes from floor(x * (width / side)), not from under its centre.

    Args:
        mask: (height, width), of the image or of any other resolution.
        side: of the square.
    """
    rows, columns = (_nearest(length, side) for length in mask.shape)
    return mask[rows[:, None], columns]


def _nearest(source: int, target: int) -> NDArray[np.int64]:
    places = np.floor(np.arange(target) * (1.0 / (target / source)))
    return np.minimum(places.astype(np.int64), source - 1)


@lru_cache(maxsize=64)
def _cubic_taps(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(4, target) source positions and weights; the weights hold float32 values."""
    a, one = _SLOPE, np.float32(1)
    scale = 1.0 / (target / source)
    position = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(position)
    x = position - first  # to the position from the second of the four taps
    y = one - x
    four, five, eight = np.float32(4), np.float32(5), np.float32(8)
    two, three = np.float32(2), np.float32(3)
    outer = ((a * (x + one) - five * a) * (x + one) + eight * a) * (x + one) - four * a
    left = ((a + two) * x - (a + three)) * x * x + one
    right = ((a + two) * y - (a + three)) * y * y + one
    weights = np.stack([outer, left, right, one - outer - left - right]).astype(np.float64)
    places = np.clip(first.astype(np.int64) + np.arange(-1, 3)[:, None], 0, source - 1)
    places.flags.writeable = weights.flags.writeable = False
    return places, weights
