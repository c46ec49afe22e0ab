"""COCO's run-length encoding of masks, and its polygons as masks.

A mask is read column by column from the top left; the counts are the lengths of runs of 0
and 1 in turn, 0 first. The compressed form writes each count, from the third on as the
difference to the one two before, in groups of five bits, lowest first, each as a character
from 48 on; bit 32 is set where another group follows, and bit 16 of the last is the sign.

Source: Lin et al., Microsoft COCO: Common Objects in Context, 2014, and the format's
description at https://cocodataset.org/#format-data.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.masks import Mask
from wsol_bench.geometry import Size

_MOST_GROUPS = 8
"""Groups of five bits of one count: enough for any image, and no endless number."""


def decode_runs(counts: Sequence[int], size: Size) -> Mask:
    """The mask of uncompressed counts.

    Raises:
        ValueError: a count is negative, or they do not add up to the mask's pixels.
    """
    lengths = np.asarray(counts, dtype=np.int64)
    pixels = size.height * size.width
    if lengths.ndim != 1 or np.any(lengths < 0) or int(lengths.sum()) != pixels:
        raise ValueError(f"run lengths must be from 0 on and add up to {pixels:,} pixels")
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(size.width, size.height).T


def parse_counts(text: str) -> list[int]:
    """The counts of the compressed form.

    Raises:
        ValueError: a character that is none of the form's, or an end inside a count.
    """
    counts: list[int] = []
    value, groups = 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or groups >= _MOST_GROUPS:
            raise ValueError(f"not a run-length encoding at {character!r}")
        value |= (bits & 31) << (5 * groups)
        groups += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << (5 * groups)
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, groups = 0, 0
    if groups:
        raise ValueError("a run-length encoding that ends inside a count")
    return counts


def fill_polygon(mask: Mask, points: NDArray[np.float64]) -> None:
    """Adds the pixels of a polygon as COCO's own tools draw it, or its corners' if it has none.

    The outline is traced on a grid five times as fine. It crosses a column of pixels at the
    column's middle, and the pixels between two crossings are inside.

    Args:
        mask: (height, width), changed in place.
        points: (k, 2) x and y, where pixel (0, 0) covers 0 to 1.
    """
    height, width = mask.shape
    fine = np.trunc(_FINE * points + 0.5).astype(np.int64)
    steps = [_line(*ends) for ends in zip(fine, np.roll(fine, -1, axis=0), strict=True)]
    x, y = np.concatenate(steps).T
    crossing = x[1:] != x[:-1]
    column = (np.where(x[1:] < x[:-1], x[1:], x[1:] - 1)[crossing] + 0.5) / _FINE - 0.5
    row = (np.minimum(y[1:], y[:-1])[crossing] + 0.5) / _FINE - 0.5
    inside = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    row = np.ceil(row.clip(0, height))[inside]
    places = (column[inside] * height + row).astype(np.intp)
    turns = np.bincount(places, minlength=height * width + 1)[:-1]  # column by column
    drawn = (np.cumsum(turns) % 2 == 1).reshape(width, height).T
    if not drawn.any():  # smaller than a pixel, but an object all the same
        columns, rows = (np.floor(points).astype(np.intp)).T
        drawn[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)] = True
    mask |= drawn


_FINE = 5


def _line(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """The grid points from one corner to the next, (n, 2); one step on its longer axis each."""
    across, down = np.abs(end - start)
    long = 0 if across >= down else 1
    first, last = (start, end) if start[long] <= end[long] else (end, start)
    steps = np.arange(max(across, down) + 1)
    slope = (last[1 - long] - first[1 - long]) / max(across, down, 1)
    line = np.empty((len(steps), 2), np.int64)
    line[:, long] = first[long] + steps
    line[:, 1 - long] = np.trunc(first[1 - long] + slope * steps + 0.5)
    return line if first is start else line[::-1]
