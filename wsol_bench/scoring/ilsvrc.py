"""The five errors of ILSVRC's CLS-LOC task, by the rules of its devkit.

An image is right in localization when one of its k best classes is the label and the
box predicted for that class overlaps any ground-truth box of the label by at least one
half. Only the box of the label's class can ever count: a class that is not the label is
wrong whatever its box. Classification counts every image; localization leaves out the
blacklist.

Source: Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge,
IJCV 2015, section 4; the devkit's eval_localization_flat.m.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.geometry import Boxes, box_iou
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.measured import Measured, share
from wsol_bench.scoring.metric import BOX_FIELDS, IOU_FIELDS, PERCENT, Metric
from wsol_bench.scoring.row_data import RowData

__all__ = ["label_iou", "rank_classes"]

_SOURCE = "Russakovsky et al. 2015, section 4; the ILSVRC devkit"
_LOCALIZATION = (*BOX_FIELDS, "iou", *IOU_FIELDS)
"""The fields of a protocol that decide whether a box is right."""


def top1_cls(row: RowData, protocol: Protocol) -> Measured:
    """Images whose best class is not the label."""
    return share(~right_classes(row, protocol.topk)[0])


def top5_cls(row: RowData, protocol: Protocol) -> Measured:
    """Images none of whose k best classes is the label."""
    return share(~right_classes(row, protocol.topk)[1])


def top1_loc(row: RowData, protocol: Protocol) -> Measured:
    """Images whose best class is not the label or whose box is wrong."""
    first, _ = right_classes(row, protocol.topk)
    return share(~(first & right_boxes(row, protocol)), row.counted)


def top5_loc(row: RowData, protocol: Protocol) -> Measured:
    """Images none of whose k best classes is the label, or whose box is wrong."""
    _, best = right_classes(row, protocol.topk)
    return share(~(best & right_boxes(row, protocol)), row.counted)


def gt_known_loc(row: RowData, protocol: Protocol) -> Measured:
    """Images whose box for the label is wrong, whatever the network's classes are."""
    return share(~right_boxes(row, protocol), row.counted)


_error = partial(
    Metric,
    unit=PERCENT,
    higher_is_better=False,
    source=_SOURCE,
    is_error=True,
    by_image=True,
)

TOP1_CLS = _error(
    name="top1_cls",
    title="top-1 cls",
    needs=frozenset({"classes"}),
    reads=(),
    compute=top1_cls,
)
TOP5_CLS = _error(
    name="top5_cls",
    title="top-{topk} cls",
    needs=frozenset({"classes"}),
    reads=("topk",),
    compute=top5_cls,
)
TOP1_LOC = _error(
    name="top1_loc",
    title="top-1 loc",
    needs=frozenset({"classes", "boxes"}),
    reads=_LOCALIZATION,
    compute=top1_loc,
)
TOP5_LOC = _error(
    name="top5_loc",
    title="top-{topk} loc",
    needs=frozenset({"classes", "boxes"}),
    reads=("topk", *_LOCALIZATION),
    compute=top5_loc,
)
GT_KNOWN_LOC = _error(
    name="gt_known_loc",
    title="GT-known loc",
    needs=frozenset({"boxes"}),
    reads=_LOCALIZATION,
    compute=gt_known_loc,
)


LOCALIZATION = (TOP1_LOC.name, TOP5_LOC.name, GT_KNOWN_LOC.name)
"""The errors of a box at one threshold, for which an image has a kind of failure."""


def right_classes(row: RowData, topk: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the best class, and any of the k best, is the label; (n,) each."""
    hits = row.classes[:, :topk] == row.labels[:, None]
    return hits[:, :1].any(axis=1), hits.any(axis=1)


def right_boxes(row: RowData, protocol: Protocol) -> NDArray[np.bool_]:
    """Whether the box for the label reaches the protocol's IoU, (n,)."""
    return row.ious >= protocol.iou


def label_iou(box: Boxes, true_boxes: Boxes, protocol: Protocol) -> float:
    """The IoU that counts of the box predicted for an image's label.

    Args:
        box: (4,) half-open xyxy.
        true_boxes: (m, 4) ground-truth boxes of the label; without any, the IoU is 0.
        protocol: which ground-truth boxes may be met, and whether boxes are off by one.
    """
    predicted = box + np.array([0.0, 0.0, 1.0, 1.0]) if protocol.inclusive else box
    return float(box_iou(predicted, TRUTHS[protocol.truth](true_boxes)).max(initial=0.0))


def label_ious(boxes: Boxes, true_boxes: Boxes, protocol: Protocol) -> NDArray[np.float64]:
    """What `label_iou` gives for each of several boxes, (b, 4), of one image; (b,)."""
    predicted = boxes + np.array([0.0, 0.0, 1.0, 1.0]) if protocol.inclusive else boxes
    best = np.zeros(len(boxes))
    for true_box in TRUTHS[protocol.truth](true_boxes):
        best = np.maximum(best, box_iou(true_box, predicted))
    return best


def _largest(boxes: Boxes) -> Boxes:
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[[int(areas.argmax())]] if len(boxes) else boxes


TRUTHS: Mapping[str, Callable[[Boxes], Boxes]] = MappingProxyType(
    {"any": lambda boxes: boxes, "largest": _largest, "first": lambda boxes: boxes[:1]}
)


def rank_classes(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k best classes of each image in descending order of score, (n, min(k, C)).

    A tie goes to the lower class index, which torch's topk does not guarantee.

    Args:
        scores: (n, C), without NaN.
        k: number of classes.

    Example:
        >>> import numpy as np
        >>> rank_classes(np.float32([[0.5, 2.0, 2.0]]), 2).tolist()
        [[1, 2]]
    """
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]
