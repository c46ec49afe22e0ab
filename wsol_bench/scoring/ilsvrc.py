"""Records become errors, by the rules of the ILSVRC CLS-LOC devkit.

An image is right in localization when one of its k best classes is the label and
the box given for that class overlaps any true box of the label by at least one
half. Only the box of the label's class can ever count: a class that is not the
label is wrong whatever its box. Classification counts every image; localization
leaves out the blacklist.

Source: Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge,
IJCV 2015, section 4; the devkit's eval_localization_flat.m.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import find
from wsol_bench.geometry import Boxes, box_iou
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.intervals import Rate

__all__ = ["Errors", "Outcomes", "label_iou", "rank_classes", "score"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What scoring needs of the records of one method, n images in order.

    Attributes:
        labels: (n,) class indices.
        classes: (n, k) the best classes, falling.
        ious: (n,) best IoU of the label's box over the label's true boxes.
        blacklisted: (n,) bool.
    """

    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    ious: NDArray[np.float64]
    blacklisted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors of one method; a rate is of wrong images."""

    top1_cls: Rate
    top5_cls: Rate
    top1_loc: Rate
    top5_loc: Rate
    gt_known_loc: Rate


METRICS = tuple(field.name for field in fields(Errors))

METRIC_TITLES = {
    "top1_cls": "top-1 cls",
    "top5_cls": "top-5 cls",
    "top1_loc": "top-1 loc",
    "top5_loc": "top-5 loc",
    "gt_known_loc": "GT-known loc",
}

LOCALIZATION = ("top1_loc", "top5_loc", "gt_known_loc")
"""The errors that boxes can change."""


@dataclass(frozen=True, slots=True)
class Flags:
    """One metric's verdict on n images.

    Attributes:
        wrong: (n,) bool.
        counted: (n,) bool; False where the blacklist leaves the image out.
    """

    wrong: NDArray[np.bool_]
    counted: NDArray[np.bool_]

    def rate(self) -> Rate:
        """How many of the counted images are wrong."""
        return Rate(int(self.wrong[self.counted].sum()), int(self.counted.sum()))


def score(outcomes: Outcomes, protocol: Protocol) -> Errors:
    """The errors of one method over its images.

    Args:
        outcomes: n images; n may be 0, which gives rates over 0 images.
        protocol: its least IoU and its k.
    """
    flags = flags_of(outcomes, protocol)
    return Errors(**{metric: each.rate() for metric, each in flags.items()})


def right_classes(outcomes: Outcomes, topk: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the best class, and any of the k best, is the label; (n,) each."""
    hits = outcomes.classes[:, :topk] == outcomes.labels[:, None]
    return hits[:, :1].any(axis=1), hits.any(axis=1)


def label_iou(box: Boxes, true_boxes: Boxes, protocol: Protocol) -> float:
    """The IoU that counts of the box drawn for an image's label.

    Args:
        box: (4,) half-open xyxy.
        true_boxes: (m, 4) of the label, m >= 1.
        protocol: which true boxes may be met, and whether boxes are off by one.
    """
    drawn = box + np.array([0.0, 0.0, 1.0, 1.0]) if protocol.inclusive else box
    return float(box_iou(drawn, TRUTHS[protocol.truth](true_boxes)).max())


def _largest(boxes: Boxes) -> Boxes:
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes[[int(areas.argmax())]]


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


def flags_of(outcomes: Outcomes, protocol: Protocol) -> dict[str, Flags]:
    """The flags of every metric of `METRICS`; n may be 0.

    Args:
        outcomes: n images of one method.
        protocol: its least IoU and its k.
    """
    first, best = right_classes(outcomes, protocol.topk)
    boxed = outcomes.ious >= protocol.iou
    scored = ~outcomes.blacklisted
    every = np.ones_like(scored)
    return {
        "top1_cls": Flags(~first, every),
        "top5_cls": Flags(~best, every),
        "top1_loc": Flags(~(first & boxed), scored),
        "top5_loc": Flags(~(best & boxed), scored),
        "gt_known_loc": Flags(~boxed, scored),
    }


def check_metric(metric: str) -> str:
    """The name itself.

    Raises:
        UsageError: there is no metric of this name; lists them.
    """
    return find("metric", metric, dict.fromkeys(METRICS, metric))
