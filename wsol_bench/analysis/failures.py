"""Kinds of localization failures: each image has exactly one.

Let B be the method's box and T_1..T_m the label's ground-truth boxes. Of a T, B lies
*inside* by |B and T| / |B| and *covers* |B and T| / |T|. "Mostly" is a share of at
least tau = 2 r / (1 + r), with r the minimum IoU of a right box; tau = 2/3 at r = 1/2.

Why this tau: inside >= tau and covers >= tau of one T together give
IoU = 1 / (1/inside + 1/covers - 1) >= tau / (2 - tau) = r, which is right. So a wrong
box is never both mostly inside a ground-truth box and mostly covering it: "too small" and
"too large" exclude each other by arithmetic, and any smaller tau would lose that.

The kinds, in the order of the tests; the first that holds is the image's kind:

1. RIGHT        under the given metric.
2. CLASS_WRONG  none of the metric's k classes is the label (never for GT-known, nor in a run
                without classes).
3. SEVERAL      B mostly covers two or more ground-truth boxes: several objects in one box.
4. TOO_LARGE    B mostly covers the ground-truth box with which its IoU is best.
5. TOO_SMALL    B lies mostly inside that box.
6. MISS         the best IoU is below 0.1: hardly any overlap. Hoiem et al. draw the line
                between a misplaced and a background detection there. Tested after 4 and 5,
                since a small part of a large object, or the whole image around a tiny
                one, locates the object although its IoU is low.
7. OTHER        the rest: it overlaps, and neither holds the other mostly (shifted, or
                of another shape).

Among equal IoUs the first ground-truth box counts. A box without area is a MISS. SEVERAL
applies whether or not the ground-truth boxes overlap: around two nested ones it holds too.

Source:
    Hoiem, Chodpathumwan and Dai, Diagnosing error in object detectors, ECCV 2012,
    section 2.1 (0.1 as the minimum IoU of a localization error).
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.analysis.box_arrays import BoxArrays, boxes_of_row
from wsol_bench.errors import UsageError, find
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.catalog import METRICS
from wsol_bench.scoring.ilsvrc import right_boxes, right_classes
from wsol_bench.scoring.row_data import RowData

MIN_OVERLAP = 0.1
"""Below this best IoU a box that is neither too small nor too large is a miss."""

MIN_SEVERAL = 2
"""The minimum number of mostly covered ground-truth boxes for the kind SEVERAL."""

CLASSES_OF: Mapping[str, Callable[[RowData, int], NDArray[np.bool_]]] = MappingProxyType(
    {
        "top1_loc": lambda row, topk: right_classes(row, topk)[0],
        "top5_loc": lambda row, topk: right_classes(row, topk)[1],
        "gt_known_loc": lambda row, topk: np.ones(row.n, np.bool_),
    }
)
"""Localization metric -> whether the classes that it reads contain the label, (n,)."""


class FailureKind(StrEnum):
    """The outcome of an image; the module's docstring defines each."""

    RIGHT = "right"
    CLASS_WRONG = "class wrong"
    SEVERAL = "several objects in one box"
    TOO_LARGE = "too large"
    TOO_SMALL = "too small"
    MISS = "miss"
    OTHER = "other"


KINDS = tuple(FailureKind)
"""A kind's code is its index here."""


def count_failures(
    table: pa.Table, method: str, protocol: Protocol, metric: str = "top1_loc"
) -> dict[FailureKind, int]:
    """The number of images of each kind, without the blacklist.

    The counts add up to the metric's n, and those but RIGHT to its wrong images.

    Args:
        table: records of `store.SCHEMA`.
        method: whose records count.
        protocol: its minimum IoU and its k.
        metric: top1_loc, top5_loc, or gt_known_loc, which never is CLASS_WRONG.

    Raises:
        UsageError: it is another metric.
        DataError: a record has no ground-truth box; names it.
    """
    kinds = failure_kinds(table, method, protocol, metric)
    counted = outcomes_of(table, method).counted
    found = np.bincount(kinds[counted], minlength=len(KINDS))
    return dict(zip(KINDS, found.tolist(), strict=True))


def failure_kinds(
    table: pa.Table, method: str, protocol: Protocol, metric: str = "top1_loc"
) -> NDArray[np.int64]:
    """The kind of every record of one method, (n,) codes into `KINDS`, in table order.

    Blacklisted images have a kind too. Arguments and errors as `count_failures`.
    """
    if find("metric", metric, METRICS).name not in CLASSES_OF:
        raise UsageError(f"metric {metric}: has no boxes. Choose from {', '.join(CLASSES_OF)}.")
    row = outcomes_of(table, method)
    ranked = row.classes.shape[1] > 0  # else by its box alone: there was no network
    named = CLASSES_OF[metric](row, protocol.topk) if ranked else np.ones(row.n, np.bool_)
    kinds = box_kinds(boxes_of_row(row), protocol.iou)
    kinds[~named] = KINDS.index(FailureKind.CLASS_WRONG)
    kinds[named & right_boxes(row, protocol)] = KINDS.index(FailureKind.RIGHT)
    return kinds


def box_kinds(records: BoxArrays, right_iou: float) -> NDArray[np.int64]:
    """The kind of every box as if it were wrong: SEVERAL to OTHER, (n,) codes into `KINDS`.

    Args:
        records: n images; n may be 0.
        right_iou: the minimum IoU r of a right box, in 0..1.
    """
    if records.n == 0:
        return np.empty(0, np.int64)
    mostly = 2 * right_iou / (1 + right_iou)
    inside, covers, ious = _overlaps(records)  # (t,) each
    best = _first_best(ious, records)  # (n,) places in the (t,) arrays
    covered = np.add.reduceat((covers >= mostly).astype(np.int64), records.starts)  # (n,)
    conditions = {
        FailureKind.SEVERAL: covered >= MIN_SEVERAL,
        FailureKind.TOO_LARGE: covers[best] >= mostly,
        FailureKind.TOO_SMALL: inside[best] >= mostly,
        FailureKind.MISS: ious[best] < MIN_OVERLAP,
    }
    codes = [KINDS.index(kind) for kind in conditions]
    return np.select(list(conditions.values()), codes, KINDS.index(FailureKind.OTHER))


def _overlaps(
    records: BoxArrays,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Per ground-truth box: the predicted box's share inside it, its share covered, the IoU."""
    boxes, truths = records.boxes[records.image_of], records.truths  # (t, 4) each
    lower = np.maximum(boxes[:, :2], truths[:, :2])
    upper = np.minimum(boxes[:, 2:], truths[:, 2:])
    shared = np.maximum(upper - lower, 0.0).prod(axis=1)  # (t,)
    own, true = (np.maximum(b[:, 2:] - b[:, :2], 0.0).prod(axis=1) for b in (boxes, truths))
    return _share(shared, own), _share(shared, true), _share(shared, own + true - shared)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _first_best(ious: NDArray[np.float64], records: BoxArrays) -> NDArray[np.int64]:
    """The index of each image's first ground-truth box of best IoU, (n,)."""
    best = np.maximum.reduceat(ious, records.starts)  # (n,)
    places = np.where(ious == best[records.image_of], np.arange(len(ious)), len(ious))
    return np.minimum.reduceat(places, records.starts)
