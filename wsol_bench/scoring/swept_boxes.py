"""Whether an image's box is right at every threshold of a sweep, in compiled code.

Maps and boxes are brought to one square. IoU is `geometry.box_iou`'s.
"""

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.sweep import ComponentBoxes, component_boxes, largest_boxes
from wsol_bench.boxes.upsampling import UPSAMPLINGS, Map
from wsol_bench.errors import RunError, UsageError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import Protocol, Sweep
from wsol_bench.runtime.compiled import compiled

Right = NDArray[np.bool_]
"""Whether one image is right at each threshold and minimum IoU, (T, d)."""


def thresholds_of(sweep: Sweep) -> NDArray[np.float64]:
    """Shares of a map's range: 0, 1/T, ..., (T - 1)/T."""
    return np.arange(sweep.thresholds) / sweep.thresholds


def judge(values: Map, size: Size, truths: Boxes, protocol: Protocol) -> Right:
    """Whether one image is right at every threshold.

    A degenerate map is scored like any other; `boxes.map_state` names it.

    Args:
        values: (u, v), the whole image's map of its class, at any resolution.
        size: of the original image.
        truths: (m, 4) the ground-truth boxes that may be met, half-open xyxy in original
            pixels; where there is none, nothing is right.
        protocol: one with a sweep; of its box rule upsampling, connectivity and strict.

    Returns:
        (T, d).

    Raises:
        RunError: the map holds NaN or infinite values.
        UsageError: the protocol has no sweep.
    """
    sweep, rule = protocol.sweep, protocol.box_rule
    if sweep is None:
        raise UsageError(f"protocol {protocol.name} has one threshold and no sweep")
    side = sweep.side
    in_square = np.reshape(truths, (-1, 4)) * (np.array([side, side] * 2) / (size[::-1] * 2))
    square = UPSAMPLINGS[rule.upsampling](np.ascontiguousarray(values, np.float32), side, side)
    minimum, maximum = float(square.min()), float(square.max())
    if not np.isfinite(maximum - minimum):
        raise RunError("the map holds NaN or infinite values")
    if minimum == maximum:  # it has no range to take shares of
        boxes = np.broadcast_to(np.array([0, 0, side, side], np.int32), (sweep.thresholds, 4))
        return right_boxes(boxes.copy(), in_square, sweep.ious)
    shares = thresholds_of(sweep)
    steps = minimum + shares * (maximum - minimum)
    if sweep.any_component:
        found = component_boxes(square, steps, connectivity=rule.connectivity, strict=rule.strict)
        return right_components(found, in_square, sweep.ious, steps.size)
    boxes = largest_boxes(square, steps, connectivity=rule.connectivity, strict=rule.strict)
    return right_boxes(boxes, in_square, sweep.ious)


def right_boxes(boxes: NDArray[np.int32] | Boxes, truths: Boxes, ious: tuple[float, ...]) -> Right:
    """Whether the box at each threshold is right.

    Args:
        boxes: (T, 4) half-open xyxy, in whole pixels or not.
        truths: (m, 4) float64 in the same pixels.
        ious: (d,) minimum IoUs with any of the truths, ascending and above 0.

    Returns:
        (T, d).
    """
    return _right_boxes(boxes, truths, np.array(ious))


def right_components(
    found: ComponentBoxes, truths: Boxes, ious: tuple[float, ...], thresholds: int
) -> Right:
    """Whether any component's box is right at each threshold, (thresholds, d)."""
    return _right_components(
        found.boxes, found.start, found.stop, truths, np.array(ious), thresholds
    )


@compiled
def _right_boxes(
    boxes: NDArray[np.int32] | Boxes, truths: Boxes, ious: NDArray[np.float64]
) -> Right:
    right = np.zeros((boxes.shape[0], ious.size), np.bool_)
    for i in range(boxes.shape[0]):
        right[i, : _reached(boxes[i], truths, ious)] = True
    return right


@compiled
def _right_components(
    boxes: NDArray[np.int32],
    start: NDArray[np.int32],
    stop: NDArray[np.int32],
    truths: Boxes,
    ious: NDArray[np.float64],
    thresholds: int,
) -> Right:
    change = np.zeros((thresholds + 1, ious.size), np.int32)  # of the number of right boxes
    for i in range(boxes.shape[0]):
        for d in range(_reached(boxes[i], truths, ious)):
            change[start[i], d] += 1
            change[stop[i], d] -= 1
    right = np.zeros((thresholds, ious.size), np.bool_)
    for d in range(ious.size):
        number = 0
        for i in range(thresholds):
            number += change[i, d]
            right[i, d] = number > 0
    return right


@compiled
def _reached(box: NDArray[np.int32] | Boxes, truths: Boxes, ious: NDArray[np.float64]) -> int:
    """How many of the ascending minimum IoUs a box reaches."""
    best = 0.0
    area = np.float64(box[2] - box[0]) * np.float64(box[3] - box[1])
    for i in range(truths.shape[0]):
        x0, y0, x1, y1 = truths[i]
        width = min(np.float64(box[2]), x1) - max(np.float64(box[0]), x0)
        height = min(np.float64(box[3]), y1) - max(np.float64(box[1]), y0)
        shared = max(width, 0.0) * max(height, 0.0)
        union = area + max(x1 - x0, 0.0) * max(y1 - y0, 0.0) - shared
        if union > 0:
            best = max(best, shared / union)
    reached = 0
    while reached < ious.size and best >= ious[reached]:
        reached += 1
    return reached
