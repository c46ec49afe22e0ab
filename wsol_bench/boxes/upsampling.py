"""Upsampling of maps to the resolution of the image.

The code is compiled and runs outside the interpreter lock, so that the boxes of one
batch are extracted while the network runs the next.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.protocols.resample import KERNELS, Taps
from wsol_bench.runtime.compiled import compiled

__all__ = ["UPSAMPLINGS", "Map", "enlarge"]

Map = NDArray[np.float32]


@compiled
def enlarge(values: Map, height: int, width: int) -> Map:
    """Bilinear interpolation of a map with half-pixel centres and replicated edges.

    The same as torch's `interpolate(mode="bilinear", align_corners=False)`, without
    antialiasing.

    Args:
        values: (u, v) float32.
        height, width: size of the result.
    """
    rows, columns = values.shape
    left, right, share = _taps(columns, width)
    above, below, weight = _taps(rows, height)
    stretched = np.empty((rows, width), np.float32)
    for i in range(rows):
        for x in range(width):
            a = values[i, left[x]]
            stretched[i, x] = a + share[x] * (values[i, right[x]] - a)
    result = np.empty((height, width), np.float32)
    for y in range(height):
        top, bottom, t = stretched[above[y]], stretched[below[y]], weight[y]
        for x in range(width):
            result[y, x] = top[x] + t * (bottom[x] - top[x])
    return result


@compiled
def _taps(source: int, target: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Map]:
    """For each target position its two source positions and the second's weight."""
    first = np.empty(target, np.int64)
    second = np.empty(target, np.int64)
    weight = np.empty(target, np.float32)
    for i in range(target):
        position = max((i + 0.5) * source / target - 0.5, 0.0)
        first[i] = min(int(position), source - 1)
        second[i] = min(first[i] + 1, source - 1)
        weight[i] = np.float32(position - first[i])
    return first, second, weight


def _by_taps(kernel: str, values: Map, height: int, width: int) -> Map:
    rows, columns = (
        _taps_of(kernel, values.shape[0], height),
        _taps_of(kernel, values.shape[1], width),
    )
    return _weigh_taps(values, *rows, *columns)


@lru_cache(maxsize=256)
def _taps_of(kernel: str, source: int, target: int) -> Taps:
    """Computed once per size: many images have the same, and it takes as long as a map itself."""
    return KERNELS[kernel](source, target)


@compiled
def _weigh_taps(
    values: Map,
    rows: NDArray[np.int64],
    row_weights: Map,
    columns: NDArray[np.int64],
    column_weights: Map,
) -> Map:
    """Weighted sums of source values, first along rows, then along columns."""
    stretched = np.zeros((values.shape[0], len(columns)), np.float32)
    for i in range(values.shape[0]):
        for x in range(len(columns)):
            for k in range(columns.shape[1]):
                stretched[i, x] += column_weights[x, k] * values[i, columns[x, k]]
    result = np.zeros((len(rows), len(columns)), np.float32)
    for y in range(len(rows)):
        for k in range(rows.shape[1]):
            source, weight = stretched[rows[y, k]], row_weights[y, k]
            for x in range(len(columns)):
                result[y, x] += weight * source[x]
    return result


UPSAMPLINGS: Mapping[str, Callable[[Map, int, int], Map]] = MappingProxyType(
    {kernel: partial(_by_taps, kernel) for kernel in KERNELS} | {"bilinear": enlarge}
)
"""Upsampling of a box rule -> the function (map, height, width)."""
