"""Bounding boxes of the contours of an 8-bit map, at every threshold.

A contour is the border between kept and other pixels: each 8-connected component of
`map > cut` has one outer border, and each 4-connected hole in it one border more,
which runs through the component's own pixels around the hole. They are followed as
Suzuki and Abe do it. The results equal OpenCV's `findContours` (any retrieval mode
that keeps holes), `boundingRect` and `contourArea`:

- The area of a contour is that of the polygon through its pixels' centres, so a line
  one pixel wide has none, and holes of a component do not reduce it.
- Of several contours of the largest area OpenCV's tree order puts the one first whose
  first pixel in raster order comes last. A contour inside a hole never has the largest
  area, and that of a hole at most that of its own outer border, with the same box then.

An 8-bit map has at most 255 cuts that keep different pixels. Going from the highest cut
down, pixels enter a bitmap in which runs are found 64 pixels at a time, and each pixel
keeps the set of its kept neighbours as a byte, from which a table gives the next step
along a border. So the cost is that of the borders' lengths.

Source: Suzuki and Abe, Topological structural analysis of digitized binary images by
border following, CVGIP 30(1), 1985, algorithm 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.runtime.compiled import compiled

CUTS = 255
"""Cuts 0..254; above 255 nothing is kept."""

_BIT = np.uint64(1)
_LAST_BIT = np.uint64(63)
_WORD = 64

# Steps to the eight neighbours, counter-clockwise from the right; y runs down.
_RIGHT, _LEFT, _DOWN = 0, 4, 6
_STEP_X = np.array([1, 1, 0, -1, -1, -1, 0, 1], np.int64)
_STEP_Y = np.array([0, -1, -1, -1, 0, 1, 1, 1], np.int64)


def _first_kept(start: int, turn: int) -> NDArray[np.int8]:
    """For each set of kept neighbours the first one met from a direction on, (256, 8).

    Args:
        start: where the search starts, relative to the direction.
        turn: 1 searches counter-clockwise, -1 clockwise.
    """
    table = np.zeros((256, 8), np.int8)
    for neighbours in range(1, 256):
        for direction in range(8):
            tried = [(direction + turn * (start + i)) % 8 for i in range(8)]
            table[neighbours, direction] = next(i for i in tried if neighbours >> i & 1)
    return table


_CLOCKWISE, _COUNTER_CLOCKWISE = _first_kept(1, -1), _first_kept(1, 1)

# The place of the only bit of a 64-bit word, by a de Bruijn sequence.
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_DE_BRUIJN_SHIFT = np.uint64(58)
_BIT_PLACE = np.zeros(64, np.int64)
_BIT_PLACE[[(int(_DE_BRUIJN) << place & 2**64 - 1) >> 58 for place in range(64)]] = range(64)


@dataclass(frozen=True, slots=True)
class ContourBoxes:
    """The contours of `map > cut` for the cuts 0..254.

    Attributes:
        boxes: (e, 4) int32 half-open xyxy, contours of all cuts. Cuts that keep the
            same pixels share theirs.
        start, stop: (255,) int64, the contours of cut c are `boxes[start[c]:stop[c]]`;
            none where nothing is kept.
        largest: (255,) int64, index in `boxes` of the cut's outer contour with the
            largest polygon area, -1 where nothing is kept.
    """

    boxes: NDArray[np.int32]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    largest: NDArray[np.int64]


def contour_boxes(grey: NDArray[np.uint8]) -> ContourBoxes:
    """The bounding boxes of a map's contours at all cuts.

    Args:
        grey: (h, w) uint8. A map of zeros has no contours at any cut.

    Raises:
        ValueError: the map is not 2-D or not uint8.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise ValueError(f"expected an (h, w) uint8 map, got {grey.shape} {grey.dtype}")
    return ContourBoxes(*_contours_at_all_cuts(np.ascontiguousarray(grey)))


@compiled
def _contours_at_all_cuts(
    grey: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    height, width = grey.shape
    stride = width + 2  # a border of one pixel that is never kept
    near = np.zeros((height + 2) * stride, np.uint8)
    mark = np.zeros((height + 2) * stride, np.uint16)
    bits = np.zeros((height, (stride + _WORD - 1) // _WORD), np.uint64)
    steps = _STEP_Y * stride + _STEP_X
    pixels, begin = _by_value(grey)
    boxes, count = np.empty((256, 4), np.int32), 0
    start, stop = np.zeros(CUTS, np.int64), np.zeros(CUTS, np.int64)
    largest = np.full(CUTS, -1, np.int64)
    for cut in range(CUTS - 1, -1, -1):
        first, last = begin[cut + 1], begin[cut + 2]
        if first == last:  # the same pixels as at the cut above
            if cut + 1 < CUTS:
                start[cut], stop[cut] = start[cut + 1], stop[cut + 1]
                largest[cut] = largest[cut + 1]
            continue
        for pixel in pixels[first:last]:
            y, x = pixel // width, pixel % width + 1
            bits[y, x // _WORD] |= _BIT << np.uint64(x % _WORD)
            for direction in range(8):
                near[(y + 1) * stride + x + steps[direction]] |= 1 << (direction + 4) % 8
        start[cut] = count
        boxes, count, largest[cut] = _contours(
            near, mark, 2 * (CUTS - cut), bits, steps, boxes, count
        )
        stop[cut] = count
    return boxes[:count].copy(), start, stop, largest


@compiled
def _by_value(grey: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Flat indices of pixels by ascending value, and where each value begins, (257,)."""
    begin = np.zeros(257, np.int64)
    values = grey.ravel()
    for value in values:
        begin[np.int64(value) + 1] += 1
    for i in range(256):
        begin[i + 1] += begin[i]
    free = begin.copy()
    pixels = np.empty(values.size, np.int64)
    for i in range(values.size):
        pixels[free[values[i]]] = i
        free[values[i]] += 1
    return pixels, begin


@compiled
def _contours(
    near: NDArray[np.uint8],
    mark: NDArray[np.uint16],
    stamp: int,
    bits: NDArray[np.uint64],
    steps: NDArray[np.int64],
    boxes: NDArray[np.int32],
    count: int,
) -> tuple[NDArray[np.int32], int, int]:
    """Appends the contours of one cut; returns the boxes, their number, and the largest.

    Args:
        near: flat, with a border; the kept neighbours of each pixel as bits, bit i for
            the neighbour at `steps[i]`.
        mark: flat; `stamp` on a pixel of a border that was followed at this cut,
            `stamp + 1` where the pixel to the right is outside, less elsewhere.
        stamp: above all marks of the cuts before.
        bits: (h, words) the kept pixels, column 0 being the border.
        steps: (8,) from a flat index to its neighbours', counter-clockwise from the right.
        boxes: those found so far, possibly with unused rows.
        count: how many they are.
    """
    largest, largest_area = -1, -1
    stride = steps[_DOWN]
    for y in range(bits.shape[0]):
        carry = np.uint64(0)
        for k in range(bits.shape[1]):
            word = bits[y, k]
            edges = word ^ (word << _BIT | carry)  # a pixel that differs from the one before
            carry = word >> _LAST_BIT
            while edges:
                lowest = edges & (~edges + _BIT)
                edges ^= lowest
                x = k * _WORD + _BIT_PLACE[lowest * _DE_BRUIJN >> _DE_BRUIJN_SHIFT]
                hole = not word & lowest  # a run ends; the pixel before may border a hole
                x -= hole
                pixel = (y + 1) * stride + x
                if mark[pixel] > stamp if hole else mark[pixel] >= stamp:
                    continue
                if count == boxes.shape[0]:
                    boxes = _grown(boxes)
                area = _follow(near, mark, stamp, steps, x - 1, y, hole, boxes[count])
                if not hole and area >= largest_area:
                    largest, largest_area = count, area
                count += 1
    return boxes, count, largest


@compiled
def _grown(boxes: NDArray[np.int32]) -> NDArray[np.int32]:
    roomy = np.empty((2 * boxes.shape[0], 4), np.int32)
    roomy[: boxes.shape[0]] = boxes
    return roomy


@compiled
def _follow(
    near: NDArray[np.uint8],
    mark: NDArray[np.uint16],
    stamp: int,
    steps: NDArray[np.int64],
    x: int,
    y: int,
    hole: bool,
    box: NDArray[np.int32],
) -> int:
    """Marks one border, writes its half-open box and returns twice its polygon's area."""
    x0, y0, x1, y1 = x, y, x, y
    pixel = (y + 1) * int(steps[_DOWN]) + x + 1
    first = pixel
    area = 0
    if near[pixel] == 0:  # a pixel on its own
        mark[pixel] = stamp + 1
    else:
        came_from = int(_CLOCKWISE[near[pixel], _RIGHT if hole else _LEFT])
        last = pixel + steps[came_from]
        while True:
            direction = int(_COUNTER_CLOCKWISE[near[pixel], came_from])
            if 0 < direction <= came_from:  # the search passed the neighbour to the right
                mark[pixel] = stamp + 1
            elif mark[pixel] < stamp:
                mark[pixel] = stamp
            area += x * _STEP_Y[direction] - y * _STEP_X[direction]
            after = pixel + steps[direction]
            if after == first and pixel == last:
                break
            x, y, pixel = x + _STEP_X[direction], y + _STEP_Y[direction], after
            x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
            came_from = (direction + 4) & 7
    box[0], box[1], box[2], box[3] = x0, y0, x1 + 1, y1 + 1
    return abs(area)
