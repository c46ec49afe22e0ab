"""A run's kept maps at every threshold: fixed, tuned and oracle, kept apart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from wsol_bench.analysis.kept_maps import KeptMap, kept_maps, sizes_of
from wsol_bench.analysis.rescore import require_view
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import Protocol, Sweep
from wsol_bench.records.opened_run import UNREAD, Part, boxes_of, true_boxes_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.maxboxacc import (
    CurveCounter,
    Figure,
    Right,
    ThresholdCurve,
    judge,
    right_boxes,
    thresholds_of,
)


@dataclass(frozen=True, slots=True)
class SweptRow:
    """One method's curve and its three figures.

    Attributes:
        method, title: of the method.
        curve: right images at every threshold.
        fixed: at the protocol's own threshold.
        tuned: at the threshold that is best on another run, or None without one.
        oracle: at the scored images' own best threshold.
    """

    method: str
    title: str
    curve: ThresholdCurve
    fixed: Figure
    tuned: Figure | None
    oracle: Figure


def sweep_run(
    parts: Sequence[Part], protocol: Protocol, tune_on: Sequence[Part] = ()
) -> tuple[SweptRow, ...]:
    """Scores a run's maps at every threshold of a protocol's sweep.

    Args:
        parts: a run with kept maps.
        protocol: one with a sweep.
        tune_on: a run of the same methods on other images.

    Raises:
        DataError: no maps were kept.
        UsageError: another view, or both runs are of the same images.
    """
    _refuse_same_images(parts, tune_on)
    tuning = curves_of(tune_on, protocol)
    rows = []
    for method, curve in curves_of(parts, protocol).items():
        title = next(row["title"] for part in parts for row in part.rows if row["method"] == method)
        rows.append(
            SweptRow(
                method,
                title,
                curve,
                fixed=curve.at(protocol.box_rule.threshold),
                tuned=curve.tuned(tuning[method]) if method in tuning else None,
                oracle=curve.oracle(),
            )
        )
    return tuple(rows)


def curves_of(parts: Sequence[Part], protocol: Protocol) -> Mapping[str, ThresholdCurve]:
    """Method -> its curve, in the order of the result's rows."""
    found = {}
    for part in parts:
        require_view(part, protocol)
        for method in part.methods:
            count = _count_maps if part.has_map(method) else _count_boxes
            found[method] = count(part, method, protocol)
    order = parts[0].order if parts else ()
    return {method: found[method] for method in order}


def _count_maps(part: Part, method: str, protocol: Protocol) -> ThresholdCurve:
    if not part.identity.keep_maps:
        raise DataError(
            f"{part.folder.path}: {protocol.name} needs the maps, and none are kept. "
            "Run again with --keep-maps."
        )

    def judged(kept: KeptMap) -> Right:
        if kept.size == UNREAD:
            return _wrong(kept.ground_truth, protocol)
        return judge(kept.values, kept.size, kept.ground_truth, protocol)

    return _counted(in_threads(judged, kept_maps(part, method)), protocol)


def _count_boxes(part: Part, method: str, protocol: Protocol) -> ThresholdCurve:
    """A baseline's box is the same at every threshold; it has no map."""
    sweep, table = _sweep(protocol), part.of(method)
    judged = []
    for box, size, truths in zip(
        boxes_of(table), sizes_of(table), true_boxes_of(table), strict=True
    ):
        if size == UNREAD:
            judged.append(_wrong(truths, protocol))
            continue
        scale = np.array([sweep.side, sweep.side] * 2) / (size[::-1] * 2)
        square = np.repeat((box * scale)[None], sweep.thresholds, axis=0)
        judged.append(right_boxes(square, truths * scale, sweep.ious))
    return _counted(judged, protocol)


def _wrong(truths: Boxes, protocol: Protocol) -> Right:
    """What an image that could not be read comes to at every threshold."""
    sweep = _sweep(protocol)
    return right_boxes(np.zeros((sweep.thresholds, 4)), truths, sweep.ious)


def _counted(judged: Iterable[Right], protocol: Protocol) -> ThresholdCurve:
    sweep = _sweep(protocol)
    counter = CurveCounter(thresholds_of(sweep), sweep.ious)
    for right in judged:
        counter.add(right)
    return counter.curve()


def _sweep(protocol: Protocol) -> Sweep:
    if protocol.sweep is None:
        raise UsageError(f"protocol {protocol.name} has one threshold and no sweep.")
    return protocol.sweep


def _refuse_same_images(parts: Sequence[Part], tune_on: Sequence[Part]) -> None:
    if not tune_on:
        return
    scored, tuned = (set(each[0].table["image_id"].to_pylist()) for each in (parts, tune_on))
    same_data = parts[0].identity.dataset_sha256 == tune_on[0].identity.dataset_sha256
    if same_data or (scored & tuned and parts[0].identity.is_ilsvrc):
        raise UsageError(
            "--tune-on: holds images that are scored. A threshold tuned on them is the oracle's; "
            "choose it on other images."
        )
