"""A run's error at every threshold, by its own box rule on the maps that it kept.

Everything but the threshold is as the run's protocol has it: the map at the size of
the image, the reference, the connectivity, the component, the degenerate cases. So the
curve goes through the run's own figure at the protocol's own threshold, which
MaxBoxAcc's curve, over shares of a map's range at 224x224, does not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.scored_run import ReportRow, ReportRun
from wsol_bench.boxes.extract import UPSAMPLINGS, extract_box, map_state
from wsol_bench.boxes.map_state import MapState
from wsol_bench.boxes.sweep import largest_boxes
from wsol_bench.geometry import Boxes, Size, Window, whole_image_box
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.opened_run import joined_maps, true_boxes_of
from wsol_bench.records.run_folder import outcomes_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.runtime.progress import Progress
from wsol_bench.scoring.ilsvrc import LOCALIZATION, TRUTHS, flags_of, right_classes
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.maxboxacc import right_boxes

STEPS: Mapping[str, NDArray[np.float64]] = MappingProxyType(
    {"max": np.arange(100) / 100, "mean": np.arange(100) / 20}
)
"""Reference -> multiples of it. At the maximum itself one pixel is left, or none."""


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
        points: by rising threshold; a baseline has one, at the protocol's threshold.
        own: at the protocol's own threshold.
        oracle: the lowest, at the lowest of equal thresholds; None for a baseline.
    """

    method: str
    title: str
    metric: str
    points: tuple[Point, ...]
    own: Point
    oracle: Point | None


def error_curves(run: ReportRun, progress: Progress) -> dict[str, tuple[ErrorCurve, ...]]:
    """Metric -> the curve of each row; nothing where no maps were kept, or no image counts.

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
    """The box that `extract_box` draws at each threshold, (T, 4).

    Args:
        values: (u, v), one map.
        size: of the original image.
        rule: its own threshold does not count.
        thresholds: (T,) rising, in the rule's multiples.
        window: the part of the image that the map shows.

    Raises:
        RunError: the map holds NaN or infinite values.
    """
    draw = DRAWN_AT_ONCE.get(rule.component, _one_by_one)
    return draw(np.ascontiguousarray(values, np.float32), size, rule, thresholds, window)


def fit_at(boxes: Boxes, truths: Boxes, protocol: Protocol) -> NDArray[np.bool_]:
    """Whether each of several boxes is right by `label_iou`, (T,), in compiled code.

    Args:
        boxes: (T, 4) half-open xyxy.
        truths: (m, 4) the label's true boxes.
        protocol: its least IoU, and which true boxes may be met.
    """
    drawn = boxes + np.array([0.0, 0.0, 1.0, 1.0]) if protocol.inclusive else boxes
    met = np.ascontiguousarray(TRUTHS[protocol.truth](truths))
    return right_boxes(np.ascontiguousarray(drawn), met, (protocol.iou,))[:, 0]


def _right_at(
    row: ReportRow, protocol: Protocol, thresholds: NDArray[np.float64], progress: Progress
) -> Iterator[NDArray[np.bool_]]:
    """Of each image, whether its box fits at each threshold, (T,)."""
    view, side = VIEWS[protocol.view], row.part.identity["preprocessing"]["size"]
    heights, widths = (row.table[name].to_pylist() for name in ("height", "width"))
    sizes = [Size(height, width) for height, width in zip(heights, widths, strict=True)]

    def judge(job: tuple[NDArray[np.float32], Size, Boxes]) -> NDArray[np.bool_]:
        values, size, truths = job
        drawn = boxes_at(values, size, protocol.box_rule, thresholds, view.window(size, side))
        return fit_at(drawn, truths, protocol)

    jobs = zip(joined_maps(row.part, row.method), sizes, true_boxes_of(row.table), strict=True)
    for right in in_threads(judge, jobs):
        progress(1)
        yield right


def _points(
    row: ReportRow,
    protocol: Protocol,
    thresholds: NDArray[np.float64],
    fits: NDArray[np.bool_],
) -> dict[str, tuple[Point, ...]]:
    """Metric -> the error at each threshold, of fits (n, T)."""
    outcomes = outcomes_of(row.table, row.method)
    first, best = right_classes(outcomes, protocol.topk)
    needed = {"top1_loc": first, "top5_loc": best, "gt_known_loc": np.ones_like(first)}
    counted = flags_of(outcomes, protocol)[LOCALIZATION[0]].counted
    found = {}
    for metric in LOCALIZATION:
        wrong = (~(needed[metric][:, None] & fits))[counted].sum(axis=0)  # (T,)
        n = int(counted.sum())
        found[metric] = tuple(
            Point(float(threshold), Rate(int(count), n))
            for threshold, count in zip(thresholds, wrong, strict=True)
        )
    return found


def _all_at_once(
    values: NDArray[np.float32],
    size: Size,
    rule: BoxRule,
    thresholds: NDArray[np.float64],
    window: Window,
) -> Boxes:
    """The largest component's boxes, in one pass over the map's pixels."""
    whole = np.repeat(whole_image_box(size)[None], len(thresholds), axis=0)
    if map_state(values) is not MapState.OK:
        return whole
    height, width = (max(1, round(side)) for side in window.sides)
    enlarged = UPSAMPLINGS[rule.upsampling](values, height, width)
    largest = float(enlarged.max())
    if largest <= 0:
        return whole
    reference = {"max": largest, "mean": float(enlarged.mean(dtype=np.float64))}[rule.reference]
    steps = thresholds * reference
    rising = np.maximum.accumulate(steps)  # a mean below 0 turns them round
    if not np.array_equal(rising, steps):
        return _one_by_one(values, size, rule, thresholds, window)
    found = largest_boxes(enlarged, steps, connectivity=rule.connectivity, strict=rule.strict)
    y_scale, x_scale = window.sides[0] / height, window.sides[1] / width
    scale = np.array([x_scale, y_scale, x_scale, y_scale])
    boxes = found * scale + [window.x0, window.y0, window.x0, window.y0]
    nothing = found[:, 2] == found[:, 0]
    return np.where(nothing[:, None], whole, boxes)


def _one_by_one(
    values: NDArray[np.float32],
    size: Size,
    rule: BoxRule,
    thresholds: NDArray[np.float64],
    window: Window,
) -> Boxes:
    rules = (replace(rule, threshold=float(threshold)) for threshold in thresholds)
    return np.stack([extract_box(values, size, each, window)[0] for each in rules])


DRAWN_AT_ONCE: Mapping[
    str,
    Callable[[NDArray[np.float32], Size, BoxRule, NDArray[np.float64], Window], Boxes],
] = MappingProxyType({"largest": _all_at_once})
"""Components whose boxes at all thresholds need one pass; the others are drawn one by one."""
