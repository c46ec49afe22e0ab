"""The best centred square: the MaxBoxAcc of a map that always points to the middle.

Thresholded at every level, a map that falls with the distance from the centre has as boxes
the centred squares of all sides, on the square of 224 pixels to which images are warped.
So its MaxBoxAcc and MaxBoxAccV2, as the authors' code computes them, follow from the
ground-truth boxes alone, without images:

    max over sides s of BoxAcc(box_s, IoU),   box_s = (lo, lo, min(lo + s, 223), ...),
    lo = floor((224 - s) / 2)

Source: the centre-Gaussian baseline of Choe et al., CVPR 2020, section 4.3.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError, UsageError
from wsol_bench.scoring.as_coded_boxes import (
    V1_IOUS,
    V2_IOUS,
    PixelBoxes,
    box_iou_inclusive,
    max_box_acc,
    right_columns,
    truncated_boxes,
)
from wsol_bench.scoring.measured import Measured, figure_of
from wsol_bench.scoring.metric import BoundMetric
from wsol_bench.scoring.replicated_sums import summed
from wsol_bench.scoring.scoremap import SIDE

IOUS = {"max_box_acc_as_coded": V1_IOUS, "max_box_acc_v2_as_coded": V2_IOUS}
"""Metrics that a centred square has -> their IoUs."""


def centre_square(examples: Sequence[Example], metric: BoundMetric) -> Measured:
    """The figure of the best centred square.

    Args:
        examples: with boxes and sizes.
        metric: one of `IOUS`, with the option `ends`.

    Returns:
        The figure in per cent with its bootstrap interval; `details` has the best sides.

    Raises:
        UsageError: another metric, or `ends` is not given.
        DataError: an example has no box or no size.
    """
    if metric.metric.name not in IOUS:
        raise UsageError(f"centre-square: has no {metric.name}. Known: {', '.join(IOUS)}.")
    squares, minimum_ious = _squares(), IOUS[metric.metric.name]
    ends = metric.options.get("ends")
    if ends not in ("inclusive", "half-open"):
        raise UsageError(f"{metric.name}: a centred square needs ends=inclusive or ends=half-open.")
    inclusive = ends == "inclusive"
    columns = np.stack(
        [right_columns(_ious(squares, e, inclusive), minimum_ious) for e in examples]
    )
    state = summed(columns, [example.image_id for example in examples])
    found = figure_of(state, max_box_acc(len(minimum_ious)))
    best = state.total.reshape(-1, len(minimum_ious)).argmax(axis=0) + 1
    details = {"sides": dict(zip(map(str, minimum_ious), best.tolist(), strict=True))}
    return replace(found, details=details)


def _squares() -> PixelBoxes:
    """(224, 4) the box of each side from 1 on, as the program cuts it."""
    sides = np.arange(1, SIDE + 1)
    low = (SIDE - sides) // 2
    high = np.minimum(low + sides, SIDE - 1)
    return np.stack([low, low, high, high], axis=1)


def _ious(squares: PixelBoxes, example: Example, inclusive: bool) -> NDArray[np.float64]:
    """(224,) the IoU of each square with the best ground-truth box."""
    if example.size is None or not len(example.boxes):
        raise DataError(f"{example.image_id}: the centred square needs its size and its boxes.")
    truths = truncated_boxes(example.boxes, example.size, inclusive=inclusive)
    best: NDArray[np.float64] = box_iou_inclusive(squares, truths).max(axis=1)
    return best
