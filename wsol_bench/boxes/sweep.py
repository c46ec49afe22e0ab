"""A map's boxes at every threshold, in one pass over its pixels.

Pixels enter in descending order of value and join the components of the neighbours that
are in already (union-find), so a component's box grows instead of being searched for
again at each threshold. The boxes are those of labelling afresh, ties included.

It is fast because neighbours that touch one another are in one component already:
of each such group only one has to be visited, a byte per pixel lists which groups there
are, and on a smooth map nearly every pixel has one group. So unions are rare, and
the components are few enough to stay in the first cache.

Source: entering by descending value builds a component tree: Najman and Couprie,
Building the component tree in quasi-linear time, IEEE TIP 15(11), 2006.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.pixel_order import RING, PixelOrder, neighbour_groups, pixel_order
from wsol_bench.runtime.compiled import compiled

Thresholds = NDArray[np.float64]
"""Ascending thresholds in the map's own units, (T,)."""

# A component's columns: the component it went into, or itself; pixels; the first and
# last pixel in raster order, whose rows are the box's; the minimum and maximum column;
# the level at which it last changed; its last row in the spans.
_PARENT, _AREA, _FIRST, _LAST, _LEFT, _RIGHT, _STAMP, _SPAN = range(8)

# Unsigned, because numba tests every signed index for being negative.
_ONE, _COLUMN, _BITS = np.uint32(1), np.uint32(0xFFFF), np.uint32(16)
_NONE = np.uint32(0xFFFFFFFF)

_Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class ComponentBoxes:
    """Boxes of all components, each with the range of thresholds at which it is valid.

    At threshold i the components' boxes are those with `start <= i < stop`. Each
    component has its own entries, so a box that two have in turn occurs twice.

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

    Each row is the box of `boxes.largest_component` at that threshold: of several
    largest components, the one whose first pixel in raster order comes first.

    Args:
        values: (h, w), one map.
        thresholds: (T,) ascending, equal ones allowed, in the map's units.
        connectivity: 8 joins pixels that touch at a corner, 4 only at a side.
        strict: keep `values > threshold` instead of `values >= threshold`.

    Returns:
        (T, 4) int32 half-open xyxy; (0, 0, 0, 0) where nothing passes.

    Raises:
        RunError: the map holds NaN or infinite values, or is too large.
        UsageError: the thresholds do not ascend, are not finite or too many, or the
            connectivity is neither 4 nor 8.
    """
    order = pixel_order(values, thresholds, strict=strict)
    return _largest_boxes(order, neighbour_groups(connectivity))


def component_boxes(
    values: NDArray[np.float32],
    thresholds: Thresholds,
    *,
    connectivity: int = 8,
    strict: bool = False,
) -> ComponentBoxes:
    """The boxes of all components at every threshold.

    Arguments and errors are those of `largest_boxes`. An entry is a box for as long
    as its component keeps it, so their number grows with the changes within a map and
    not with the thresholds.
    """
    order = pixel_order(values, thresholds, strict=strict)
    spans = _component_boxes(order, neighbour_groups(connectivity))
    return ComponentBoxes(boxes=spans[:, :4], start=spans[:, 4], stop=spans[:, 5])


class _Forest(NamedTuple):
    """The components of the pixels that are in; places are flat, as in `PixelOrder`.

    Attributes:
        near: (256, 5) for each set of neighbours the distances to those to visit; a 0
            ends them.
        label: for each place that is in, a component that it was once in.
        part: (c, 8) the components, also those that went into others.
        changed, lost: of the last level, the components that stand with more pixels
            than before it, and those that went into others.
    """

    near: NDArray[np.int32]
    label: _Numbers
    part: _Numbers
    changed: _Numbers
    lost: _Numbers


@compiled
def _largest_boxes(order: PixelOrder, groups: NDArray[np.int8]) -> NDArray[np.int32]:
    forest = _empty_forest(order, groups)
    part = forest.part
    top = order.begin.size - 2
    boxes = np.zeros((top, 4), np.int32)
    number = 0
    best, area, first = np.uint32(0), np.uint32(0), np.uint32(0)
    for level in range(top, 0, -1):
        number, changed, _ = _enter(order, forest, level, number)
        # Components only grow. If the best has not, it is as it was; if it went into
        # another, that one has changed and is larger. So the others can be left out.
        for c in forest.changed[:changed]:
            larger = part[c, _AREA] > area
            if larger or (part[c, _AREA] == area and part[c, _FIRST] < first):
                best, area, first = c, part[c, _AREA], part[c, _FIRST]
        if area > 0:
            _write_box(part, best, boxes[level - 1])
    return boxes


@compiled
def _component_boxes(order: PixelOrder, groups: NDArray[np.int8]) -> NDArray[np.int32]:
    """(e, 6): box, start, stop."""
    forest = _empty_forest(order, groups)
    part = forest.part
    spans = np.empty((order.pixels.size, 6), np.int32)  # each begins with a pixel of its own
    box = np.empty(4, np.int32)
    number, found = 0, 0
    for level in range(order.begin.size - 2, 0, -1):
        number, changed, lost = _enter(order, forest, level, number)
        for c in forest.lost[:lost]:
            _end_span(part, c, spans, level)
        for c in forest.changed[:changed]:
            _write_box(part, c, box)
            if part[c, _SPAN] == _NONE or not _same_box(spans[part[c, _SPAN]], box):
                _end_span(part, c, spans, level)
                part[c, _SPAN] = found
                spans[found, :4], spans[found, 4], spans[found, 5] = box, 0, level
                found += 1
    return spans[:found].copy()


@compiled
def _empty_forest(order: PixelOrder, groups: NDArray[np.int8]) -> _Forest:
    near = np.zeros((256, 5), np.int32)
    for subset in range(256):
        for j in range(4):
            if groups[subset, j] >= 0:
                down, right = RING[groups[subset, j]]
                near[subset, j] = down * order.stride + right
    places = order.earlier.size
    return _Forest(
        near=near,
        label=np.empty(places, np.uint32),
        part=np.empty((places // 2, 8), np.uint32),  # a chequerboard has half the pixels
        changed=np.empty(places, np.uint32),
        lost=np.empty(places, np.uint32),
    )


@compiled
def _enter(order: PixelOrder, forest: _Forest, level: int, number: int) -> tuple[int, int, int]:
    """Puts the pixels of one level into a forest.

    Args:
        order: of the map.
        forest: holds the pixels of all higher levels.
        level: which to put in.
        number: of components so far.

    Returns:
        The new number, and how many are in `changed` and in `lost`.
    """
    part, label, near = forest.part, forest.label, forest.near
    stride, stamp = np.uint32(order.stride), np.uint32(level)
    touched, lost = 0, 0
    for i in range(order.begin[level], order.begin[level + 1]):
        pixel = order.pixels[i]
        column = pixel & _COLUMN
        place = np.uint32((pixel >> _BITS) * stride + column)
        ask = near[order.earlier[place]]
        if ask[0] == 0:
            c = np.uint32(number)
            number += 1
            part[c, _PARENT], part[c, _AREA] = c, 0
            part[c, _FIRST], part[c, _LAST] = pixel, pixel
            part[c, _LEFT], part[c, _RIGHT] = column, column
            part[c, _STAMP], part[c, _SPAN] = _NONE, _NONE
        else:
            c = _root_of(part, label[np.uint32(place + ask[0])])
            j = 1
            while ask[j] != 0:
                d = _root_of(part, label[np.uint32(place + ask[j])])
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


@compiled
def _root_of(part: _Numbers, c: np.uint32) -> np.uint32:
    while part[c, _PARENT] != c:
        part[c, _PARENT] = part[part[c, _PARENT], _PARENT]
        c = part[c, _PARENT]
    return c


@compiled
def _join(part: _Numbers, c: np.uint32, d: np.uint32) -> tuple[np.uint32, np.uint32]:
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


@compiled
def _write_box(part: _Numbers, c: np.uint32, box: NDArray[np.int32]) -> None:
    # Rows and columns are counted from 1, so the last ones are half-open ends as they stand.
    box[0] = part[c, _LEFT] - _ONE
    box[1] = (part[c, _FIRST] >> _BITS) - _ONE
    box[2] = part[c, _RIGHT]
    box[3] = part[c, _LAST] >> _BITS


@compiled
def _same_box(a: NDArray[np.int32], b: NDArray[np.int32]) -> bool:
    return a[0] == b[0] and a[1] == b[1] and a[2] == b[2] and a[3] == b[3]


@compiled
def _end_span(part: _Numbers, c: np.uint32, spans: NDArray[np.int32], level: int) -> None:
    """Lets a component's last span, if it has one, begin above a level's threshold."""
    if part[c, _SPAN] != _NONE:
        spans[part[c, _SPAN], 4] = level
