"""The error of a run at every threshold, by its own box rule on the maps that it kept.

Only the threshold varies; the resolution of the map, the reference, the connectivity, the
component and the degenerate cases are those of the run's protocol. The curve therefore
passes through the run's own figure at the protocol's threshold, unlike MaxBoxAcc's curve,
which is over shares of a map's range at 224x224.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.kept_maps import KeptMap, kept_maps
from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.boxes.extract import extract_box, upsampled
from wsol_bench.boxes.sweep import largest_boxes
from wsol_bench.geometry import Boxes, Size, Window, whole_image_box
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.records.opened_run import window_of
from wsol_bench.records.table import outcomes_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.runtime.progress import Progress
from wsol_bench.scoring.ilsvrc import LOCALIZATION, TRUTHS, right_classes
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.swept_boxes import right_boxes

STEPS: Mapping[str, NDArray[np.float64]] = MappingProxyType(
    {"max": np.arange(100) / 100, "mean": np.arange(100) / 20}
)
"""Reference -> the multiples of it at which maps are thresholded."""


@dataclass(frozen=True, slots=True)
class Point:
    """A threshold and the error there."""

    threshold: float
    rate: Rate


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """One method's error at every threshold, under one metric.

    Attributes:
        method, title: of the row.
        metric: a name of `LOCALIZATION`.
        points: in ascending order of the threshold; a baseline has one, at the protocol's.
        own: the point at the protocol's threshold.
        oracle: the minimum, at the lowest of equal thresholds; None for a baseline.
    """

    method: str
    title: str
    metric: str
    points: tuple[Point, ...]
    own: Point
    oracle: Point | None


def error_curves(run: ReportRun, progress: Progress) -> dict[str, tuple[ErrorCurve, ...]]:
    """Metric -> the curve of each row; empty if no maps were kept or no image counts.

    Args:
        run: the run.
        progress: called once per map.
    """
    if not run.keeps_maps or not run.localized:
        return {}
    curves: dict[str, list[ErrorCurve]] = {metric: [] for metric in LOCALIZATION}
    for row in run.rows:
        rule = run.protocol.box_rule
        thresholds = np.array([rule.threshold])
        if row.keeps_maps:
            thresholds = np.union1d(STEPS[rule.reference], thresholds)
            fits = np.array(list(_right_at(row, run.protocol, thresholds, progress)))  # (n, T)
        else:
            fits = (outcomes_of(row.table, row.method).ious >= run.protocol.iou)[:, None]
        for metric, points in _points(row, run.protocol, thresholds, fits).items():
            own = points[int(np.flatnonzero(thresholds == rule.threshold)[0])]
            best = min(points, key=lambda point: (point.rate.wrong, point.threshold))
            oracle = best if row.keeps_maps else None
            curves[metric].append(ErrorCurve(row.method, row.title, metric, points, own, oracle))
    return {metric: tuple(found) for metric, found in curves.items()}


def boxes_at(
    values: NDArray[np.float32],
    size: Size,
    rule: BoxRule,
    thresholds: NDArray[np.float64],
    window: Window,
) -> Boxes:
    """The box that `extract_box` returns at each threshold, (T, 4).

    Args:
        values: (u, v), one map.
        size: of the original image.
        rule: its own threshold is ignored.
        thresholds: (T,) ascending, as multiples of the rule's reference.
        window: the part of the image that the map shows.

    Raises:
        RunError: the map holds NaN or infinite values.
    """
    if rule.component in SWEPT:
        swept = _swept(values, size, rule, thresholds, window)
        if swept is not None:
            return swept
    rules = (replace(rule, threshold=float(threshold)) for threshold in thresholds)
    return np.stack([extract_box(values, size, each, window)[0] for each in rules])


def fit_at(boxes: Boxes, ground_truth: Boxes, protocol: Protocol) -> NDArray[np.bool_]:
    """Whether each of several boxes is right by `label_iou`, (T,), in compiled code.

    Args:
        boxes: (T, 4) half-open xyxy.
        ground_truth: (m, 4) the label's ground-truth boxes.
        protocol: its minimum IoU, and which ground-truth boxes count.
    """
    compared = boxes + np.array([0.0, 0.0, 1.0, 1.0]) if protocol.inclusive else boxes
    counted = np.ascontiguousarray(TRUTHS[protocol.truth](ground_truth))
    return right_boxes(np.ascontiguousarray(compared), counted, (protocol.iou,))[:, 0]


def _right_at(
    row: ReportRow, protocol: Protocol, thresholds: NDArray[np.float64], progress: Progress
) -> Iterator[NDArray[np.bool_]]:
    """Whether the box of each image is right at each threshold, (T,)."""

    def judge(kept: KeptMap) -> NDArray[np.bool_]:
        window = window_of(row.network.identity, kept.size)
        boxes = boxes_at(kept.values, kept.size, protocol.box_rule, thresholds, window)
        return fit_at(boxes, kept.ground_truth, protocol)

    for right in in_threads(judge, kept_maps(row.network, row.method)):
        progress(1)
        yield right


def _points(
    row: ReportRow,
    protocol: Protocol,
    thresholds: NDArray[np.float64],
    fits: NDArray[np.bool_],
) -> dict[str, tuple[Point, ...]]:
    """Metric -> the error at each threshold; `fits` is (n, T)."""
    outcomes = outcomes_of(row.table, row.method)
    first, best = right_classes(outcomes, protocol.topk)
    needed = {"top1_loc": first, "top5_loc": best, "gt_known_loc": np.ones_like(first)}
    counted = outcomes.counted
    found = {}
    for metric in LOCALIZATION:
        wrong = (~(needed[metric][:, None] & fits))[counted].sum(axis=0)  # (T,)
        n = int(counted.sum())
        found[metric] = tuple(
            Point(float(threshold), Rate(int(count), n))
            for threshold, count in zip(thresholds, wrong, strict=True)
        )
    return found


SWEPT = ("largest",)
"""Components whose boxes at all thresholds need one pass; other components need one per
threshold."""


def _swept(
    values: NDArray[np.float32],
    size: Size,
    rule: BoxRule,
    thresholds: NDArray[np.float64],
    window: Window,
) -> Boxes | None:
    """The boxes of the largest component, in one pass over the map's pixels.

    None where the thresholds descend, because the map's mean is below 0.
    """
    whole = np.repeat(whole_image_box(size)[None], len(thresholds), axis=0)
    found, _ = upsampled(values, size, rule, window)
    if found is None:
        return whole
    steps = thresholds * found.reference
    if not np.array_equal(np.maximum.accumulate(steps), steps):
        return None
    boxes = largest_boxes(found.values, steps, connectivity=rule.connectivity, strict=rule.strict)
    empty = boxes[:, 2] == boxes[:, 0]
    return np.where(empty[:, None], whole, found.in_image(boxes.astype(np.float64)))
