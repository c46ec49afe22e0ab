"""Error against threshold: every point is what the box rule gives at that threshold."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wsol_bench.analysis.scored_run import open_runs
from wsol_bench.analysis.threshold_curves import (
    STEPS,
    ErrorCurve,
    Point,
    boxes_at,
    error_curves,
    fit_at,
)
from wsol_bench.boxes.extract import extract_box
from wsol_bench.geometry import Size, Window
from wsol_bench.protocols.catalog import PROTOCOLS, BoxRule
from wsol_bench.records.opened_run import joined_maps, true_boxes_of
from wsol_bench.report.page.chart import charts_of
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured

RULES = {
    "largest": BoxRule(0.15),
    "strict": BoxRule(20 / 255, strict=True, upsampling="bicubic"),
    "mean": BoxRule(1.0, reference="mean", component="all"),
    "mean, largest": BoxRule(1.0, reference="mean"),
    "peak, 4-connected": BoxRule(0.3, connectivity=4, component="peak"),
}
SIZE = Size(40, 60)
WINDOWS = {"whole": Window.whole(SIZE), "centre": Window(12.5, 2.5, 47.5, 37.5)}


def some_maps() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "noise": random.random((7, 7), dtype=np.float32),
        "signed": random.normal(size=(9, 5)).astype(np.float32),
        "below 0 on average": (random.random((8, 8)) - 0.9).astype(np.float32),
        "zero": np.zeros((7, 7), np.float32),
        "negative": -np.ones((3, 3), np.float32) + np.eye(3, dtype=np.float32) * 0.5,
    }


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", some_maps())
def test_boxes_at_all_thresholds_are_those_drawn_one_by_one(
    name: str, rule: str, window: str
) -> None:
    values, own = some_maps()[name], RULES[rule]
    thresholds = np.union1d(STEPS[own.reference][::7], [own.threshold, 1.0])
    found = boxes_at(values, SIZE, own, thresholds, WINDOWS[window])
    for threshold, box in zip(thresholds, found, strict=True):
        at = replace(own, threshold=float(threshold))
        expected, _ = extract_box(values, SIZE, at, WINDOWS[window])
        assert np.array_equal(box, expected), threshold


@pytest.mark.parametrize("inclusive", [False, True])
@pytest.mark.parametrize("truth", ["any", "largest", "first"])
def test_a_box_fits_where_its_label_iou_says_so(truth: Any, inclusive: bool) -> None:
    random = np.random.default_rng(1)
    protocol = replace(PROTOCOLS["gradcam-iccv17"], truth=truth, inclusive=inclusive)
    corners = random.integers(0, 30, (200, 2))
    boxes = np.hstack([corners, corners + random.integers(1, 40, (200, 2))]).astype(float)
    truths = np.array([[2.0, 3.0, 30.0, 40.0], [20.0, 20.0, 64.0, 50.0]])
    expected = [label_iou(box, truths, protocol) >= protocol.iou for box in boxes]
    assert fit_at(boxes, truths, protocol).tolist() == expected
    assert 0 < sum(expected) < 200


@pytest.mark.parametrize("protocol", ["gradcam-iccv17", "cam-cvpr16", "zhang-eccv16"])
def test_the_curve_goes_through_the_runs_own_figure(make_run: Any, protocol: str) -> None:
    files = make_run(protocol=protocol)
    (run,) = open_runs([files.path])
    seen: list[int] = []
    for metric, curves in error_curves(run, seen.append).items():
        for row, curve in zip(run.rows, curves, strict=True):
            assert Measured.of_rate(curve.own.rate) == row.figures[metric]
            assert curve.own.rate.wrong == sum(files.wrong(row.method, metric))
    assert len(seen) == 2 * run.n


def test_every_point_is_counted_and_the_oracle_is_the_lowest(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    curves = error_curves(run, lambda images: None)
    curve = curves["gt_known_loc"][1]
    assert curve.method == "mwp"
    row, rule = run.rows[1], run.protocol.box_rule
    sizes = [Size(record.height, record.width) for record in run_files.records["mwp"]]
    for point in curve.points[::20]:
        wrong = 0
        networks = zip(
            joined_maps(row.network, "mwp"), sizes, true_boxes_of(row.table), strict=True
        )
        for values, size, truths in networks:
            box, _ = extract_box(values, size, replace(rule, threshold=point.threshold))
            wrong += label_iou(box, truths, run.protocol) < 0.5
        assert point.rate.wrong == wrong, point.threshold
    assert curve.oracle is not None
    assert curve.oracle.rate.wrong == min(point.rate.wrong for point in curve.points)
    first = next(p for p in curve.points if p.rate.wrong == curve.oracle.rate.wrong)
    assert curve.oracle == first


def test_a_baseline_is_a_level_line_and_marks_stand_on_their_curves(run_files: Any) -> None:
    (run,) = open_runs([run_files.path])
    charts = charts_of(error_curves(run, lambda images: None), run.protocol)
    assert [chart.metric for chart in charts] == ["top1_loc", "top5_loc", "gt_known_loc"]
    for chart in charts:
        *maps, floor = chart.lines
        assert floor.path == ""
        assert chart.top <= (floor.level or 0) <= chart.bottom
        for line in maps:
            assert line.own is not None
            assert line.oracle is not None
            assert line.own.x == chart.own_x
            assert f"{line.own.x:g} {line.own.y:g}" in line.path
            assert f"{line.oracle.x:g} {line.oracle.y:g}" in line.path
            assert line.oracle.y >= line.own.y  # lower errors stand lower


def test_without_maps_there_are_no_curves(make_run: Any) -> None:
    (run,) = open_runs([make_run(keep_maps=False).path])
    assert error_curves(run, lambda images: None) == {}


def test_a_curve_that_hides_another_is_said_to_be_the_same() -> None:
    def curve(title: str, wrong: list[int], *, swept: bool = True) -> ErrorCurve:
        points = tuple(Point(at / len(wrong), Rate(each, 40)) for at, each in enumerate(wrong))
        oracle = points[0] if swept else None
        return ErrorCurve(title, title, "top1_loc", points, points[15], oracle)

    rising = list(range(40))
    rows = (
        curve("CAM", rising),
        curve("Grad-CAM", rising),
        curve("MWP", [*rising[:-1], 40]),
        curve("Backprop", rising[::-1]),
        curve("Centred box", rising, swept=False),
    )
    (chart,) = charts_of({"top1_loc": rows}, PROTOCOLS["gradcam-iccv17"])
    notes = [line.note for line in chart.lines]
    assert notes == ["", "same as CAM", "nearly the same as CAM", "", ""]
    assert chart.own_label == "0.15"
