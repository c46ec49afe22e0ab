"""Errors by how large the object is, by how many there are, and by class.

The size of an image's object is the share of the image that its largest true box
covers: one right box is enough, and the largest is the easiest. The bins' edges
are where the two boxes that need no network stop being able to be right, and
where a map stops being able to show the object:

    tiny     share < 1/16     under a quarter of the side: 3.5 cells of a 14x14 map
    small    1/16 .. 1/4      the centred box (0.71 W x 0.71 H, half the image) cannot
                              reach IoU 1/2 with a box of under a quarter of the image
    medium   1/4 .. 1/2       the centred box may be right, the whole image cannot
    large    share >= 1/2     the whole image is right

An image that could not be read has no area, so no share: such images are a group of
their own, which is there only where a run has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.analysis.box_arrays import BoxArrays, box_arrays_of
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.ilsvrc import Errors, flags_of
from wsol_bench.scoring.intervals import Rate

SIZE_EDGES = (1 / 16, 1 / 4, 1 / 2)
"""Shares of the image's area; a bin holds its lower edge."""

SIZE_NAMES = ("tiny (< 1/16)", "small (1/16–1/4)", "medium (1/4–1/2)", "large (≥ 1/2)")

UNREADABLE_NAME = "unreadable"
"""The group of the images whose size is not known."""

COUNT_NAMES = ("1 box", "2 boxes", "3+ boxes")
"""Of ILSVRC's validation images 77 %, 12 % and 11 %: more groups would be too small."""


@dataclass(frozen=True, slots=True)
class Group:
    """The errors over a part of the images.

    Attributes:
        name: such as "small (1/16–1/4)" or a class's name.
        errors: over the part; rates over 0 images where it is empty.
    """

    name: str
    errors: Errors


def by_box_size(table: pa.Table, method: str, protocol: Protocol) -> tuple[Group, ...]:
    """One method's errors by the share of the image that the largest true box covers.

    Args:
        table: records of `store.SCHEMA`.
        method: whose records count.
        protocol: its least IoU and its k.

    Returns:
        One group per name of `SIZE_NAMES`, in this order, then the unreadable images
        where there are any; each image is in one.

    Raises:
        DataError: a record has no true box; names it.
    """
    shares = largest_shares(box_arrays_of(table, method))
    unreadable = np.isnan(shares)
    bins = np.where(unreadable, len(SIZE_NAMES), np.searchsorted(SIZE_EDGES, shares, side="right"))
    names = (*SIZE_NAMES, UNREADABLE_NAME) if unreadable.any() else SIZE_NAMES
    return _grouped(table, method, protocol, bins, names)


def by_box_count(table: pa.Table, method: str, protocol: Protocol) -> tuple[Group, ...]:
    """One method's errors by the number of true boxes; arguments as `by_box_size`.

    Returns:
        One group per name of `COUNT_NAMES`, in this order; each image is in one.
    """
    counts = box_arrays_of(table, method).counts
    return _grouped(table, method, protocol, np.minimum(counts, len(COUNT_NAMES)) - 1, COUNT_NAMES)


def by_class(
    table: pa.Table, method: str, protocol: Protocol, class_names: Sequence[str]
) -> tuple[Group, ...]:
    """One method's errors by class; the first arguments as `by_box_size`.

    Args:
        table, method, protocol: as `by_box_size`.
        class_names: a name for each class index.

    Returns:
        One group per class in the order of `class_names`, over 0 images where the
        records have none of it.
    """
    labels = outcomes_of(table, method).labels
    return _grouped(table, method, protocol, labels, class_names)


def largest_shares(boxes: BoxArrays) -> NDArray[np.float64]:
    """The share of each image's area that its largest true box covers, (n,).

    A box may leave the image, as the devkit's may, so a share can pass 1. An image
    that could not be read has no area and NaN as its share.
    """
    sides = np.maximum(boxes.truths[:, 2:] - boxes.truths[:, :2], 0.0)  # (t, 2)
    areas = sides.prod(axis=1)
    largest = np.maximum.reduceat(areas, boxes.starts) if boxes.n else areas  # (n,)
    unknown = np.full_like(largest, np.nan)
    return np.divide(largest, boxes.image_areas, out=unknown, where=boxes.image_areas > 0)


def _grouped(
    table: pa.Table,
    method: str,
    protocol: Protocol,
    group_of: NDArray[np.int64],
    names: Sequence[str],
) -> tuple[Group, ...]:
    """Counts every metric's wrong images per group, in one pass over the images each."""
    rates: dict[str, list[Rate]] = {}
    for metric, flags in flags_of(outcomes_of(table, method), protocol).items():
        totals = np.bincount(group_of[flags.counted], minlength=len(names))
        wrong = np.bincount(group_of[flags.counted & flags.wrong], minlength=len(names))
        rates[metric] = [Rate(int(w), int(n)) for w, n in zip(wrong, totals, strict=True)]
    return tuple(
        Group(name, Errors(**{metric: found[at] for metric, found in rates.items()}))
        for at, name in enumerate(names)
    )
