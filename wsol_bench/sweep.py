"""A map's boxes at every threshold, in one pass over its pixels.

Pixels enter in falling order of value and join the components of the neighbours
that are in already, so each component's box grows instead of being looked for
again at each threshold. It is exact: a pixel's level is the number of thresholds
that it passes, compared in float64, and pixels are sorted by level.

Three things make it fast. Levels come from a table over the value range, with one
comparison. Which neighbours are in before a pixel depends on the levels alone, so
eight comparisons for all pixels at once give a byte per pixel. Neighbours that
touch each other are in one component already, so of each such group only one is
asked, and on a smooth map nearly every pixel has one group.

Source: the order of entering is that of a component tree: Najman and Couprie,
Building the component tree in quasi-linear time, IEEE TIP 15(11), 2006.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wsol_bench.errors import RunError, UsageError

Thresholds = NDArray[np.float64]
"""Rising thresholds in the map's own units, (T,)."""

_MOST_THRESHOLDS = _LONGEST_SIDE = 2**16 - 2  # a level and a padded coordinate are 16 bits

_RING = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""A pixel's eight neighbours as (down, right), clockwise; bit i of `earlier` is the i-th."""

_CELLS_PER_THRESHOLD = 16
"""Fineness of the table over the value range; finer gave nothing in measurements."""

# Unsigned, because numba tests every signed index for being negative.
_ONE, _LOW, _BITS = np.uint32(1), np.uint32(0xFFFF), np.uint32(16)
_NONE = np.uint32(0xFFFFFFFF)

# A component's columns: of its pixels, the first and last in raster order as
# row << 16 | column (so their rows are the box's), and the least and largest column.
_PARENT, _AREA, _FIRST, _LAST, _LEFT, _RIGHT, _STAMP, _SPAN = range(8)

# No fastmath, as in boxes.
_compiled = njit(cache=True, nogil=True)

_Numbers = NDArray[np.uint32]
_Table = NDArray[np.int32]


class _Forest(NamedTuple):
    """A map whose pixels enter level by level; arrays of places are flat, with a border.

    Attributes:
        order: the pixels by level, as row << 16 | column, counted from 1.
        begin: where in `order` each level begins.
        stride: places in a row.
        earlier: for each place which neighbours enter before it, as bits.
        near: for each such byte, the distances to the neighbours to ask; 0 ends them.
        label: for each place in, a component that it was once in.
        part: the components, joined ones among them.
        changed, lost: of the last level, the components that stand with more pixels
            than before, and those that went into others.
    """

    order: _Numbers
    begin: NDArray[np.int64]
    stride: int
    earlier: NDArray[np.uint8]
    near: _Table
    label: _Numbers
    part: _Numbers
    changed: _Numbers
    lost: _Numbers


@dataclass(frozen=True, slots=True)
class ComponentBoxes:
    """Boxes of all components, each with the thresholds at which it stands.

    At threshold i the components' boxes are those with `start <= i < stop`. A box
    stands once for each component that has it.

    Attributes:
        boxes: (e, 4) int32 half-open xyxy.
        start, stop: (e,) int32, indices into the thresholds.
    """

    boxes: NDArray[np.int32]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]


def largest_boxes(
    values: NDArray[np.float32],
    thresholds: Thresholds,
    *,
    connectivity: int = 8,
    strict: bool = False,
) -> NDArray[np.int32]:
    """The box of the largest component at every threshold.

    Each row is what `boxes.largest_component` finds at that threshold: of several
    largest components, the one whose first pixel in raster order comes first.

    Args:
        values: (h, w), one map.
        thresholds: (T,) rising, equal ones allowed, in the map's units.
        connectivity: 8 joins pixels that touch at a corner, 4 only at a side.
        strict: keep `values > threshold` instead of `values >= threshold`.

    Returns:
        (T, 4) int32 half-open xyxy; (0, 0, 0, 0) where nothing passes.

    Raises:
        RunError: the map holds NaN or infinite values, or is too large.
        UsageError: the thresholds do not rise, are not finite or too many, or the
            connectivity is neither 4 nor 8.
    """
    values, steps = _check(values, thresholds, strict)
    return _largest_boxes(values, steps, _groups(connectivity))


def component_boxes(
    values: NDArray[np.float32],
    thresholds: Thresholds,
    *,
    connectivity: int = 8,
    strict: bool = False,
) -> ComponentBoxes:
    """The boxes of all components at every threshold.

    Arguments and errors are those of `largest_boxes`. There is one entry per box
    that a component ever has, not per threshold, so a map whose components hardly
    change has few.
    """
    values, steps = _check(values, thresholds, strict)
    spans = _component_boxes(values, steps, _groups(connectivity))
    return ComponentBoxes(boxes=spans[:, :4], start=spans[:, 4], stop=spans[:, 5])


def _check(
    values: NDArray[np.float32], thresholds: Thresholds, strict: bool
) -> tuple[NDArray[np.float32], Thresholds]:
    values = np.ascontiguousarray(values)
    steps = np.ascontiguousarray(thresholds, dtype=np.float64)
    if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
        raise RunError("the map holds NaN or infinite values")
    if max(values.shape) > _LONGEST_SIDE:
        raise RunError(f"the map is {values.shape}; a side may be {_LONGEST_SIDE:,} at most")
    if steps.size > _MOST_THRESHOLDS:
        raise UsageError(f"{steps.size:,} thresholds; at most {_MOST_THRESHOLDS:,} are possible")
    if strict:  # above t is the same as at least the next float64 after t
        steps = np.nextafter(steps, np.inf)
    if not np.isfinite(steps).all() or (np.diff(steps) < 0).any():
        raise UsageError("thresholds have to be finite and to rise; sort them first")
    return values, steps


@lru_cache
def _groups(connectivity: int) -> NDArray[np.int8]:
    """For each set of neighbours, one of each group that touch one another.

    Returns:
        (256, 4) int8 places in `_RING`, -1 where there are fewer than four groups.
        A group that does not touch the pixel itself is left out.
    """
    if connectivity not in (4, 8):
        raise UsageError(f"connectivity is {connectivity}; it can be 4 or 8")
    reach = 1 if connectivity == 4 else 2  # squared distance of touching pixels
    places = np.array(_RING)
    near = ((places[:, None] - places) ** 2).sum(axis=-1) <= reach  # (8, 8)
    touching = (places**2).sum(axis=-1) <= reach  # (8,) which touch the pixel
    groups = np.full((256, 4), -1, np.int8)
    for subset in range(256):
        left = {i for i in range(8) if subset >> i & 1}
        found = 0
        while left:
            group, edge = set[int](), {left.pop()}
            while edge:
                group |= edge
                edge = {i for i in left for j in edge if near[i, j]}
                left -= edge
            if any(touching[i] for i in group):
                groups[subset, found] = min(i for i in group if touching[i])
                found += 1
    groups.flags.writeable = False
    return groups


@_compiled
def _largest_boxes(
    values: NDArray[np.float32], thresholds: Thresholds, groups: NDArray[np.int8]
) -> NDArray[np.int32]:
    forest = _plant(values, thresholds, groups)
    part = forest.part
    boxes = np.zeros((thresholds.size, 4), np.int32)
    number = 0
    best, area, first = np.uint32(0), np.uint32(0), np.uint32(0)
    for level in range(thresholds.size, 0, -1):
        number, changed, _ = _enter(forest, level, number)
        for c in forest.changed[:changed]:  # all others are as they were
            larger = part[c, _AREA] > area
            if larger or (part[c, _AREA] == area and part[c, _FIRST] < first):
                best, area, first = c, part[c, _AREA], part[c, _FIRST]
        if area > 0:
            _write_box(part, best, boxes[level - 1])
    return boxes


@_compiled
def _component_boxes(
    values: NDArray[np.float32], thresholds: Thresholds, groups: NDArray[np.int8]
) -> NDArray[np.int32]:
    forest = _plant(values, thresholds, groups)
    part = forest.part
    spans = np.empty((values.size, 6), np.int32)  # box, start, stop; at most one per pixel
    box = np.empty(4, np.int32)
    number, found = 0, 0
    for level in range(thresholds.size, 0, -1):
        number, changed, lost = _enter(forest, level, number)
        for c in forest.lost[:lost]:
            _end_span(part, c, spans, level)
        for c in forest.changed[:changed]:
            _write_box(part, c, box)
            if part[c, _SPAN] == _NONE or not _same(spans[part[c, _SPAN]], box):
                _end_span(part, c, spans, level)
                part[c, _SPAN] = found
                spans[found, :4], spans[found, 4], spans[found, 5] = box, 0, level
                found += 1
    return spans[:found].copy()


@_compiled
def _plant(
    values: NDArray[np.float32], thresholds: Thresholds, groups: NDArray[np.int8]
) -> _Forest:
    """The map before any pixel is in."""
    height, width = values.shape
    levels = _levels(values, thresholds)
    order, begin = _by_level(levels, thresholds.size)
    places = levels.size
    return _Forest(
        order=order,
        begin=begin,
        stride=np.uint32(width + 2),
        earlier=_earlier(levels).ravel(),
        near=_offsets(groups, width + 2),
        label=np.empty(places, np.uint32),
        part=np.empty((places // 2, 8), np.uint32),
        changed=np.empty(places, np.uint32),
        lost=np.empty(places, np.uint32),
    )


@_compiled
def _levels(values: NDArray[np.float32], thresholds: Thresholds) -> NDArray[np.uint16]:
    """How many thresholds each pixel passes, (h + 2, w + 2) with a border of 0.

    The range of the thresholds is cut into cells. Finding the cell of a number
    never falls as the number rises, rounding included, so a pixel passes all
    thresholds of lower cells, none of higher ones, and only those of its own have
    to be compared.
    """
    height, width = values.shape
    levels = np.zeros((height + 2, width + 2), np.uint16)
    count = thresholds.size
    if count == 0:
        return levels
    least, extent = thresholds[0], thresholds[-1] - thresholds[0]
    cells = _CELLS_PER_THRESHOLD * count
    scale = cells / extent if extent > 0 else 0.0
    if not np.isfinite(scale):
        scale = 0.0
    below = np.zeros(cells + 1, np.uint16)  # thresholds in lower cells
    for threshold in thresholds:
        below[_cell(threshold, least, scale, cells) + 1] += 1
    crowded = below.max() > 1
    for cell in range(cells):
        below[cell + 1] += below[cell]
    steps = np.append(thresholds, np.inf)
    found = np.empty(width, np.int32)
    for y in range(height):
        for x in range(width):
            found[x] = _cell(np.float64(values[y, x]), least, scale, cells)
        for x in range(width):
            value = np.float64(values[y, x])
            k = np.uint64(below[found[x]])
            k += np.uint64(steps[k] <= value)
            while crowded and steps[k] <= value:
                k += np.uint64(1)
            levels[y + 1, x + 1] = k
    return levels


@_compiled
def _by_level(levels: NDArray[np.uint16], top: int) -> tuple[_Numbers, NDArray[np.int64]]:
    """Sorts the pixels by level, and in raster order within one.

    Returns:
        The pixels as row << 16 | column, counted from 1; and where each level
        begins, (top + 2,).
    """
    height, width = levels.shape
    begin = np.zeros(top + 2, np.int64)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            begin[levels[y, x] + _ONE] += 1
    begin = np.cumsum(begin)
    free = begin.copy()
    order = np.empty((height - 2) * (width - 2), np.uint32)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            k = levels[y, x]
            order[free[k]] = y << 16 | x
            free[k] += 1
    return order, begin


@_compiled
def _cell(value: float, least: float, scale: float, cells: int) -> int:
    return int(min(max((value - least) * scale, 0.0), cells - 1.0))


@_compiled
def _earlier(levels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """For each pixel, as bits in the order of `_RING`, which neighbours are in before it."""
    height, width = levels.shape
    earlier = np.zeros((height, width), np.uint8)
    bit = np.uint8
    for y in range(1, height - 1):
        above, row, below, bits = levels[y - 1], levels[y], levels[y + 1], earlier[y]
        for x in range(1, width - 1):
            own = row[x]
            bits[x] = (  # a later neighbour in raster order has to be higher, an earlier as high
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


@_compiled
def _offsets(groups: NDArray[np.int8], stride: int) -> _Table:
    """Distances to the neighbours in `groups` in the flat map; 0 where there is none."""
    offsets = np.zeros((256, 5), np.int32)  # the fifth stays 0 and ends each row
    for subset in range(256):
        for j in range(4):
            if groups[subset, j] >= 0:
                down, right = _RING[groups[subset, j]]
                offsets[subset, j] = down * np.int64(stride) + right
    return offsets


@_compiled
def _enter(forest: _Forest, level: int, number: int) -> tuple[int, int, int]:
    """Puts the pixels of one level in.

    Args:
        forest: is changed.
        level: all higher ones are in.
        number: how many components there have been.

    Returns:
        The new number, and how many are in `changed` and in `lost`.
    """
    part, label, near, earlier = forest.part, forest.label, forest.near, forest.earlier
    stamp, touched, lost = np.uint32(level), 0, 0
    for i in range(forest.begin[level], forest.begin[level + 1]):
        pixel = forest.order[i]
        column = pixel & _LOW
        place = np.uint32((pixel >> _BITS) * forest.stride + column)
        around = near[earlier[place]]
        if around[0] == 0:
            c = np.uint32(number)
            number += 1
            part[c, _PARENT], part[c, _AREA] = c, 0
            part[c, _FIRST], part[c, _LAST] = pixel, pixel
            part[c, _LEFT], part[c, _RIGHT] = column, column
            part[c, _STAMP], part[c, _SPAN] = _NONE, _NONE
        else:
            c = _root_of(part, label[np.uint32(place + around[0])])
            j = 1
            while around[j] != 0:
                d = _root_of(part, label[np.uint32(place + around[j])])
                if d != c:
                    c, forest.lost[lost] = _join(part, c, d)
                    lost += 1
                j += 1
        part[c, _AREA] += _ONE
        part[c, _FIRST] = min(part[c, _FIRST], pixel)
        part[c, _LAST] = max(part[c, _LAST], pixel)
        part[c, _LEFT] = min(part[c, _LEFT], column)
        part[c, _RIGHT] = max(part[c, _RIGHT], column)
        label[place] = c
        if part[c, _STAMP] != stamp:
            part[c, _STAMP] = stamp
            forest.changed[touched] = c
            touched += 1
    changed = 0
    for c in forest.changed[:touched]:
        if part[c, _PARENT] == c:
            forest.changed[changed] = c
            changed += 1
    return number, changed, lost


@_compiled
def _join(part: _Numbers, c: int, d: int) -> tuple[int, int]:
    """Makes two components one; returns the larger, which stays, and the smaller."""
    if part[d, _AREA] > part[c, _AREA]:
        c, d = d, c
    part[d, _PARENT] = c
    part[c, _AREA] += part[d, _AREA]
    part[c, _FIRST] = min(part[c, _FIRST], part[d, _FIRST])
    part[c, _LAST] = max(part[c, _LAST], part[d, _LAST])
    part[c, _LEFT] = min(part[c, _LEFT], part[d, _LEFT])
    part[c, _RIGHT] = max(part[c, _RIGHT], part[d, _RIGHT])
    return c, d


@_compiled
def _root_of(part: _Numbers, c: int) -> int:
    while part[c, _PARENT] != c:
        part[c, _PARENT] = part[part[c, _PARENT], _PARENT]
        c = part[c, _PARENT]
    return c


@_compiled
def _write_box(part: _Numbers, c: int, box: NDArray[np.int32]) -> None:
    # Places are counted from 1, so a last one is the half-open end as it stands.
    box[0] = part[c, _LEFT] - _ONE
    box[1] = (part[c, _FIRST] >> _BITS) - _ONE
    box[2] = part[c, _RIGHT]
    box[3] = part[c, _LAST] >> _BITS


@_compiled
def _same(a: NDArray[np.int32], b: NDArray[np.int32]) -> bool:
    return a[0] == b[0] and a[1] == b[1] and a[2] == b[2] and a[3] == b[3]


@_compiled
def _end_span(part: _Numbers, c: int, spans: NDArray[np.int32], k: int) -> None:
    """Ends a component's span, if it has one, above the threshold of level k."""
    if part[c, _SPAN] != _NONE:
        spans[part[c, _SPAN], 4] = k
