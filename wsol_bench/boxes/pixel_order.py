"""The pixels of a map by the number of thresholds that they pass.

That number, a pixel's level, is all that a sweep over thresholds needs of its value:
the pixels of level k enter when the threshold has descended to the k-th. It is exact,
every value being compared in float64 and not cut to any number of bits.

Kept apart from `sweep` because numba's cache notices changes only in a function's own
file: compiled functions of one module must not call those of another.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import RunError, UsageError
from wsol_bench.runtime.compiled import compiled

RING = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""A pixel's eight neighbours as (down, right), clockwise; bit i of `earlier` is the i-th."""

_MOST_THRESHOLDS = _LONGEST_SIDE = 2**16 - 2  # a level and a padded coordinate have 16 bits

_CELLS_PER_THRESHOLD = 16
"""Fineness of the table over the thresholds' range; twice as fine gained nothing."""

_ONE = np.uint32(1)  # unsigned, because numba tests every signed index for being negative


class PixelOrder(NamedTuple):
    """The order in which pixels enter; T thresholds give the levels 0..T.

    Attributes:
        pixels: (h * w,) uint32, row << 16 | column, both counted from 1, by ascending
            level and in raster order within one.
        begin: (T + 2,) where each level begins in `pixels`, and their number.
        earlier: ((h + 2) * (w + 2),) uint8, flat and with a border of one pixel:
            which of the neighbours in `RING` enter before each pixel, as bits, when
            levels enter from the highest and each in raster order.
        stride: w + 2.
    """

    pixels: NDArray[np.uint32]
    begin: NDArray[np.int64]
    earlier: NDArray[np.uint8]
    stride: int


def pixel_order(
    values: NDArray[np.float32], thresholds: NDArray[np.float64], *, strict: bool = False
) -> PixelOrder:
    """Sorts the pixels of one map.

    Args:
        values: (h, w), one map.
        thresholds: (T,) ascending, equal ones allowed, in the map's units.
        strict: a pixel passes when `value > threshold`, not `value >= threshold`.

    Raises:
        RunError: the map holds NaN or infinite values, or is too large.
        UsageError: the thresholds do not ascend, are not finite, or are too many.
    """
    values = np.ascontiguousarray(values, np.result_type(values, np.float32))
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise RunError("the map holds NaN or infinite values")
    if max(values.shape) > _LONGEST_SIDE:
        raise RunError(f"the map is {values.shape}; a side can be {_LONGEST_SIDE:,} at most")
    steps = np.ascontiguousarray(thresholds, dtype=np.float64)
    if steps.size > _MOST_THRESHOLDS:
        raise UsageError(f"{steps.size:,} thresholds; {_MOST_THRESHOLDS:,} are possible at most")
    if strict:  # above t is at least the next float64 after t
        steps = np.nextafter(steps, np.inf)
    if not np.isfinite(steps).all() or (np.diff(steps) < 0).any():
        raise UsageError("thresholds have to be finite and to rise; sort them first")
    pixels, begin, earlier = _order(values, steps)
    return PixelOrder(pixels, begin, earlier, values.shape[1] + 2)


@lru_cache
def neighbour_groups(connectivity: int) -> NDArray[np.int8]:
    """For each set of neighbours, one of each group of neighbours that touch.

    Returns:
        (256, 4) int8 places in `RING`, -1 where there are fewer than four groups. A
        group of which none touches the pixel itself is left out.
    """
    if connectivity not in (4, 8):
        raise UsageError(f"connectivity is {connectivity}; it can be 4 or 8")
    reach = 1 if connectivity == 4 else 2  # squared distance of pixels that touch
    places = np.array(RING)
    touch = ((places[:, None] - places) ** 2).sum(axis=-1) <= reach  # (8, 8)
    asked = (places**2).sum(axis=-1) <= reach  # (8,) those that touch the pixel itself
    groups = np.full((256, 4), -1, np.int8)
    for subset in range(256):
        left = {i for i in range(8) if subset >> i & 1}
        count = 0
        while left:
            group = {left.pop()}
            while near := {i for i in left if touch[i, list(group)].any()}:
                group |= near
                left -= near
            if candidates := [i for i in group if asked[i]]:
                groups[subset, count] = min(candidates)
                count += 1
    groups.flags.writeable = False
    return groups


@compiled
def _order(
    values: NDArray[np.float32], thresholds: NDArray[np.float64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint8]]:
    height, width = values.shape
    levels = _levels(values, thresholds)
    earlier = _earlier(levels)
    begin = np.zeros(thresholds.size + 2, np.int64)
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            begin[levels[y, x] + _ONE] += 1
    begin = np.cumsum(begin)
    free = begin.copy()
    pixels = np.empty(height * width, np.uint32)
    for y in range(1, height + 1):
        for x in range(1, width + 1):
            level = levels[y, x]
            pixels[free[level]] = y << 16 | x
            free[level] += 1
    return pixels, begin, earlier.ravel()


@compiled
def _levels(values: NDArray[np.float32], thresholds: NDArray[np.float64]) -> NDArray[np.uint16]:
    """The number of thresholds that each pixel passes, (h + 2, w + 2) with a border of 0.

    The range of the thresholds is cut into cells. The cell of a number never decreases as
    the number increases, rounding included, so a pixel passes all thresholds of lower
    cells and none of higher ones; only those of its own cell have to be compared.
    """
    height, width = values.shape
    levels = np.zeros((height + 2, width + 2), np.uint16)
    if thresholds.size == 0:
        return levels
    lowest, extent = thresholds[0], thresholds[-1] - thresholds[0]
    cells = _CELLS_PER_THRESHOLD * thresholds.size
    scale = cells / extent if extent > 0 else 0.0
    if not np.isfinite(scale):
        scale = 0.0  # one cell for all: slow, but equally correct
    below = np.zeros(cells + 1, np.uint16)  # how many thresholds are in lower cells
    for threshold in thresholds:
        below[_cell(threshold, lowest, scale, cells) + 1] += 1
    crowded = below.max() > 1
    for cell in range(cells):
        below[cell + 1] += below[cell]
    steps = np.append(thresholds, np.inf)
    found = np.empty(width, np.int32)
    for y in range(height):
        for x in range(width):
            found[x] = _cell(np.float64(values[y, x]), lowest, scale, cells)
        for x in range(width):
            value = np.float64(values[y, x])
            level = np.uint64(below[found[x]])
            level += np.uint64(steps[level] <= value)
            while crowded and steps[level] <= value:
                level += np.uint64(1)
            levels[y + 1, x + 1] = level
    return levels


@compiled
def _cell(value: float, lowest: float, scale: float, cells: int) -> int:
    return int(min(max((value - lowest) * scale, 0.0), cells - 1.0))


@compiled
def _earlier(levels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Which neighbours enter before each pixel, as bits in the order of `RING`."""
    height, width = levels.shape
    earlier = np.zeros((height, width), np.uint8)
    bit = np.uint8
    for y in range(1, height - 1):
        above, row, below, bits = levels[y - 1], levels[y], levels[y + 1], earlier[y]
        for x in range(1, width - 1):
            own = row[x]
            bits[x] = (  # those later in raster order must be higher, those before as high
                bit(row[x + 1] > own)
                | (bit(below[x + 1] > own) << bit(1))
                | (bit(below[x] > own) << bit(2))
                | (bit(below[x - 1] > own) << bit(3))
                | (bit(row[x - 1] >= own) << bit(4))
                | (bit(above[x - 1] >= own) << bit(5))
                | (bit(above[x] >= own) << bit(6))
                | (bit(above[x + 1] >= own) << bit(7))
            )
    return earlier
