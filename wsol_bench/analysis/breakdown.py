"""Figures by object size, number of objects, and class.

A figure over a part of the images is the mean of the metric's values on these images, so
the parts add up to the whole. A metric without a value per image, such as one that pools
the pixels of all images, has no parts.

The size of an image's object is the share of the image that its largest
ground-truth box covers: one right box is enough, and the largest is the easiest. The bins' edges
are the sizes at which the two boxes that need no network can no longer be right, and
the size below which a map can no longer show the object:

    tiny     share < 1/16     under a quarter of the side: 3.5 cells of a 14x14 map
    small    1/16 .. 1/4      the centred box (0.71 W x 0.71 H, half the image) cannot
                              reach IoU 1/2 with a box of under a quarter of the image
    medium   1/4 .. 1/2       the centred box may be right, the whole image cannot
    large    share >= 1/2     the whole image is right

An image that could not be read has no area, so no share: such images are a group of
their own, which is shown only if a run has one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.box_arrays import BoxArrays, boxes_of_row
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured, PerImage, mean, with_spread
from wsol_bench.scoring.metric import BoundMetric, measure_all
from wsol_bench.scoring.row_data import RowData

SIZE_EDGES = (1 / 16, 1 / 4, 1 / 2)
"""Shares of the image's area; a bin includes its lower edge."""

SIZE_NAMES = ("tiny (< 1/16)", "small (1/16–1/4)", "medium (1/4–1/2)", "large (≥ 1/2)")

UNREADABLE_NAME = "unreadable"
"""The group of the images whose size is not known."""

COUNT_NAMES = ("1 box", "2 boxes", "3+ boxes")
"""Of ILSVRC's validation images 77 %, 12 % and 11 %: more groups would be too small."""


@dataclass(frozen=True, slots=True)
class Group:
    """A row's figures over a part of its images.

    Attributes:
        name: such as "small (1/16–1/4)" or a class's name.
        n: all images of the part, including those that a metric excludes.
        figures: metric -> figure over the part, of those images that the metric counts.
    """

    name: str
    n: int
    figures: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class MeasuredImages:
    """A row's images and the value of each metric on each of them.

    Attributes:
        labels: (n,) class indices.
        sizes: (n,) the index in `SIZE_NAMES`, or one beyond where it could not be read.
        counts: (n,) the index in `COUNT_NAMES`.
        image_ids: (n,), or none where every metric is a share of images.
        values: metric -> its values; only metrics that have one per image.
    """

    labels: NDArray[np.int32]
    sizes: NDArray[np.uint8]
    counts: NDArray[np.uint8]
    image_ids: NDArray[np.str_]
    values: Mapping[str, PerImage]

    @classmethod
    def of(
        cls, row: RowData, protocol: Protocol, metrics: Sequence[BoundMetric] = ()
    ) -> "MeasuredImages":
        """Measures each metric on a row; default: the protocol's metrics.

        Raises:
            DataError: a record has no ground-truth box; names its image.
        """
        found = measure_all(metrics or metrics_of(protocol), row, protocol)
        return cls.with_values(
            row, {name: each.per_image for name, each in found.items() if each.per_image}
        )

    @classmethod
    def with_values(cls, row: RowData, values: Mapping[str, PerImage]) -> "MeasuredImages":
        """A row's images with known values; raises the errors of `of`."""
        boxes = boxes_of_row(row)
        shares = all(each.is_binary for each in values.values())
        return cls(
            labels=row.labels.astype(np.int32),
            sizes=_bins_of(largest_shares(boxes)),
            counts=(np.minimum(boxes.counts, len(COUNT_NAMES)) - 1).astype(np.uint8),
            image_ids=np.empty(0, np.str_) if shares else row.image_ids,
            values=values,
        )

    @classmethod
    def joined(cls, pieces: Sequence["MeasuredImages"]) -> "MeasuredImages":
        """The images of consecutive pieces of a row, at least one."""
        names = pieces[0].values
        return cls(
            labels=np.concatenate([each.labels for each in pieces]),
            sizes=np.concatenate([each.sizes for each in pieces]),
            counts=np.concatenate([each.counts for each in pieces]),
            image_ids=np.concatenate([each.image_ids for each in pieces]),
            values={
                name: PerImage(
                    np.concatenate([each.values[name].values for each in pieces]),
                    np.concatenate([each.values[name].counted for each in pieces]),
                )
                for name in names
            },
        )


def by_box_size(images: MeasuredImages) -> tuple[Group, ...]:
    """Figures by the share of the image that the largest ground-truth box covers.

    Returns:
        One group per name of `SIZE_NAMES`, in this order, then the unreadable images
        where there are any; each image is in one.
    """
    unreadable = (images.sizes == len(SIZE_NAMES)).any()
    names = (*SIZE_NAMES, UNREADABLE_NAME) if unreadable else SIZE_NAMES
    return _grouped(images, images.sizes, names)


def by_box_count(images: MeasuredImages) -> tuple[Group, ...]:
    """Figures by the number of ground-truth boxes.

    Returns:
        One group per name of `COUNT_NAMES`, in this order; each image is in one.
    """
    return _grouped(images, images.counts, COUNT_NAMES)


def by_class(images: MeasuredImages, class_names: Sequence[str]) -> tuple[Group, ...]:
    """Figures by class.

    Args:
        images: of one row.
        class_names: a name for each class index.

    Returns:
        One group per class in the order of `class_names`, over 0 images where the
        records have no image of it.
    """
    return _grouped(images, images.labels, class_names)


def largest_shares(boxes: BoxArrays) -> NDArray[np.float64]:
    """The share of each image's area that its largest ground-truth box covers, (n,).

    A box may leave the image, as the devkit's may, so a share can pass 1. An image
    that could not be read has no area and NaN as its share.
    """
    sides = np.maximum(boxes.truths[:, 2:] - boxes.truths[:, :2], 0.0)  # (t, 2)
    areas = sides.prod(axis=1)
    largest = np.maximum.reduceat(areas, boxes.starts) if boxes.n else areas  # (n,)
    unknown = np.full_like(largest, np.nan)
    return np.divide(largest, boxes.image_areas, out=unknown, where=boxes.image_areas > 0)


def _bins_of(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """`MeasuredImages.sizes` of some shares."""
    bins = np.searchsorted(SIZE_EDGES, shares, side="right")
    return np.where(np.isnan(shares), len(SIZE_NAMES), bins).astype(np.uint8)


def _grouped(
    images: MeasuredImages, group_of: NDArray[np.integer[Any]], names: Sequence[str]
) -> tuple[Group, ...]:
    totals = np.bincount(group_of, minlength=len(names))
    figures = {
        metric: _by_group(each, images.image_ids, group_of, len(names))
        for metric, each in images.values.items()
    }
    return tuple(
        Group(name, int(totals[at]), {metric: found[at] for metric, found in figures.items()})
        for at, name in enumerate(names)
    )


def _by_group(
    each: PerImage, image_ids: NDArray[np.str_], group_of: NDArray[np.integer[Any]], groups: int
) -> list[Measured]:
    """One figure per group; a share of images is counted in one pass over them."""
    if each.is_binary:
        kept = group_of[each.counted]
        totals = np.bincount(kept, minlength=groups)
        found = np.bincount(group_of[each.counted & each.values], minlength=groups)
        rates = (Rate(int(k), int(n)) for k, n in zip(found, totals, strict=True))
        return [Measured.of_rate(rate) for rate in rates]
    bounded = not len(each.values) or (each.values.min() >= 0 and each.values.max() <= 100)
    members = (each.counted & (group_of == group) for group in range(groups))
    figures = (mean(each.values, image_ids, counted) for counted in members)
    return [with_spread(figure, is_share=bool(bounded)) for figure in figures]
