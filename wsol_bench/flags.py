"""Which images are wrong: the flags behind the errors, one per image and metric.

`scoring.score` counts these very flags; here they are kept apart by image, for
what needs them image by image: paired tests and breakdowns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import find
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.ilsvrc import METRICS, Outcomes, right_classes


@dataclass(frozen=True, slots=True)
class Flags:
    """One metric's verdict on n images.

    Attributes:
        wrong: (n,) bool.
        counted: (n,) bool; False where the blacklist leaves the image out.
    """

    wrong: NDArray[np.bool_]
    counted: NDArray[np.bool_]


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
