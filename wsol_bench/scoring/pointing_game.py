"""Pointing game: whether the maximum of a map hits the object.

The map is brought to the image's own pixels, its first maximum in raster order is the
point p, and M are the pixels of all objects of the class. With tolerance r = 15,

    hit  <=>  some q in M has |p - q|^2 < r^2,
    accuracy = mean over classes c of hits_c / examples_c.

Every class that an image shows is an example of its own. The figure is a mean over
classes, each with the same weight. A class without examples is left out of the mean;
TorchRay lets it count as 0, which is the same where every class has examples.

The paper's script for COCO counts a distance of exactly r as a hit (`closed`), TorchRay
does not. On PASCAL VOC, M is the objects' boxes, filled, and an example is left out only
when all its objects are difficult; on COCO the masks, crowds included. The difficult
subset is whatever examples the caller's flags name: the authors published files of them.

A constant map has no maximum: it is degenerate and never a hit, wherever the object lies.
An example without a ground-truth pixel is refused.

Source: Zhang et al., Top-down neural attention by excitation backprop, ECCV 2016, section
4.1; TorchRay, torchray/benchmark/pointing_game.py.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.text_rows import rows_of
from wsol_bench.errors import DataError, RunError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.image_columns import ExampleTruth, ImageColumn, on_image
from wsol_bench.scoring.measured import Measured, class_mean
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData

TOLERANCE = 15.0
"""Pixels of the image; Zhang et al. 2016, section 4.1."""


def pointing_game(
    row: RowData,
    protocol: Protocol,
    *,
    tolerance: float = TOLERANCE,
    closed: bool = False,
    subset: str = "",
) -> Measured:
    """The mean over classes of the share of examples whose maximum hits, in per cent.

    The masks are the objects where the dataset has masks, else its boxes, filled. The point of
    a baseline, which makes no map, is the centre of its box: (w/2, h/2) for `center`.

    Args:
        row: the row; its blacklist is left out, and an image that could not be read is no
            hit.
        protocol: not read; the map is brought bilinearly to the image's own pixels.
        tolerance: in pixels of the image.
        closed: whether a distance of exactly `tolerance` is a hit.
        subset: a file of image ids, one a line, each with a comma and a class id where only
            that class of the image counts; "" counts every example.

    Raises:
        DataError: the run kept neither the distances nor maps, an example has no object pixel,
            or the subset's file is bad.
    """
    squared = np.asarray(row.column(POINT), np.float64)
    hits = within(squared, tolerance, closed=closed)
    counted = row.counted & (examples_in(row, Path(subset)) if subset else True)
    return class_mean(hits, row.labels, row.image_ids, counted)


def examples_in(row: RowData, path: Path) -> NDArray[np.bool_]:
    """(n,) whether each example is one that a file names.

    Args:
        row: the row.
        path: see `pointing_game`.

    Raises:
        DataError: the file cannot be read, or names an image or class that the row does not have.
    """
    wanted = set()
    rows = rows_of(path, ",", (1, 2), "an image id, or an image id and a class id")
    for line in rows:
        wanted.add((line.fields[0], line.fields[1] if len(line.fields) > 1 else ""))
    ids = row.image_ids.tolist()
    names = [row.class_ids[label] if row.class_ids else str(label) for label in row.labels]
    pairs = list(zip(ids, names, strict=True))
    unknown = sorted(wanted - set(pairs) - {(each, "") for each in ids})
    if unknown or not wanted:
        first = ", ".join(filter(None, unknown[0])) if unknown else "no line"
        raise DataError(
            f"pointing_game:subset={path}: {first} is none of the run's examples. Expected the "
            "id of one on each line, and after a comma a class id of it."
        )
    return np.array([(one, "") in wanted or (one, name) in wanted for one, name in pairs], np.bool_)


def within(
    squared: NDArray[np.float64], tolerance: float, *, closed: bool = False
) -> NDArray[np.bool_]:
    """Whether squared distances are near enough to be hits.

    Args:
        squared: from `squared_distance`.
        tolerance: in pixels.
        closed: whether a distance of exactly the tolerance is a hit.
    """
    return squared <= tolerance**2 if closed else squared < tolerance**2


@dataclass(frozen=True, slots=True)
class Point:
    """A point in pixels of the image; whole numbers are centres of pixels."""

    x: float
    y: float


def peak(values: NDArray[np.floating]) -> Point | None:
    """The first maximum of a map in raster order; None for a constant map.

    Args:
        values: (height, width), the map on the image's own pixels.

    Raises:
        RunError: the map holds NaN or infinite values.
    """
    lowest, highest = float(values.min()), float(values.max())
    if not np.isfinite(highest - lowest):
        raise RunError("the map holds NaN or infinite values")
    if lowest == highest:
        return None
    y, x = np.unravel_index(int(values.argmax()), values.shape)
    return Point(float(x), float(y))


def squared_distance(point: Point | None, truth: NDArray[np.bool_]) -> float:
    """The squared distance in pixels from a point to the nearest object pixel's centre.

    Args:
        point: it may lie between pixels, as the centre (w/2, h/2) does.
        truth: (height, width) bool, the pixels of all objects of the class.

    Returns:
        Infinity where there is no point.

    Raises:
        DataError: the mask is empty.
    """
    rows, columns = np.nonzero(truth)
    if not len(rows):
        raise DataError("the mask of the class is empty: there is nothing to point at")
    if point is None:
        return float("inf")
    return float(((rows - point.y) ** 2 + (columns - point.x) ** 2).min())


def _distance_of_map(values: NDArray[np.float32], truth: ExampleTruth) -> float:
    """An example's squared distance; infinity where the image could not be read."""
    if not truth.readable:
        return float("inf")
    point = None if peak(values) is None else peak(on_image(values, truth))
    return squared_distance(point, truth.object_mask())


def _distance_of_box(box: Boxes, truth: ExampleTruth) -> float:
    """The squared distance of a baseline, whose point is its box's centre."""
    if not truth.readable:
        return float("inf")
    x0, y0, x1, y1 = box.tolist()
    return squared_distance(Point((x0 + x1) / 2, (y0 + y1) / 2), truth.object_mask())


POINT = ImageColumn(
    name="point_squared_distance",
    dtype=np.float64,
    width=0,
    needs_masks=False,
    of_map=_distance_of_map,
    of_box=_distance_of_box,
)


POINTING_GAME = Metric(
    name="pointing_game",
    title="Pointing game",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=(),
    compute=pointing_game,
    columns=(POINT,),
    source="Zhang et al., ECCV 2016, section 4.1; TorchRay's code",
    over="classes",
    note="Pointing game: a mean over the classes with examples; a constant map is never a hit.",
)
