"""Bringing a map from one size to another, in one place for every use of it.

Each kernel is a list of source positions and weights per target position, with
half-pixel centres and edges repeated. No kernel averages when it shrinks a map: maps are
nearly always smaller than images.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Taps = tuple[NDArray[np.int64], NDArray[np.float32]]
"""(target, k) source positions and (target, k) weights that sum to 1."""

KEYS_SLOPE = -0.5
"""Coefficient of the bicubic kernel of MATLAB's imresize and of Pillow."""
OPENCV_SLOPE = -0.75
"""Coefficient of the bicubic kernel of OpenCV and torch."""


def nearest(source: int, target: int) -> Taps:
    """The source pixel whose area holds the target's centre."""
    position = (np.arange(target) + 0.5) * source / target
    return np.minimum(position.astype(np.int64), source - 1)[:, None], _ones(target)


def bilinear(source: int, target: int) -> Taps:
    """The two nearest source pixels; torch's align_corners=False."""
    position = np.maximum((np.arange(target) + 0.5) * source / target - 0.5, 0.0)
    first = np.minimum(position.astype(np.int64), source - 1)
    share = (position - first).astype(np.float32)
    indices = np.stack([first, np.minimum(first + 1, source - 1)], axis=1)
    return indices, np.stack([1 - share, share], axis=1)


def bicubic(source: int, target: int, slope: float = KEYS_SLOPE) -> Taps:
    """The four nearest source pixels, weighted with Keys' cubic.

    Source:
        Keys, Cubic convolution interpolation for digital image processing, 1981.
    """
    position = (np.arange(target) + 0.5) * source / target - 0.5
    first = np.floor(position).astype(np.int64) - 1
    indices = first[:, None] + np.arange(4)
    weights = _keys(np.abs(position[:, None] - indices), slope).astype(np.float32)
    return np.clip(indices, 0, source - 1), weights


KERNELS: Mapping[str, Callable[[int, int], Taps]] = MappingProxyType(
    {
        "bilinear": bilinear,
        "bicubic": bicubic,
        "bicubic-opencv": partial(bicubic, slope=OPENCV_SLOPE),
        "nearest": nearest,
    }
)


def matrix(kernel: str, source: int, target: int) -> NDArray[np.float32]:
    """(target, source): the kernel as a matrix, for maps that are joined."""
    indices, weights = KERNELS[kernel](source, target)
    dense = np.zeros((target, source), np.float32)
    np.add.at(dense, (np.arange(target)[:, None], indices), weights)
    return dense


def _keys(distance: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    a, d = slope, distance
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _ones(target: int) -> NDArray[np.float32]:
    return np.ones((target, 1), np.float32)
