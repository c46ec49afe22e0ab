"""Mean best IoU by hand and against plain loops."""

import numpy as np
import pytest

from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.measured import mean


def best_iou(box: np.ndarray, truths: np.ndarray) -> float:
    return label_iou(box, truths, PROTOCOLS[DEFAULT_PROTOCOL])


def test_the_best_of_several_ground_truth_boxes_counts():
    box = np.array([0.0, 0.0, 10.0, 10.0])
    truths = np.array([[5.0, 0.0, 15.0, 10.0], [0.0, 0.0, 10.0, 20.0]])
    assert best_iou(box, truths) == 0.5  # the first has 50 of 150
    assert best_iou(box, truths[:1]) == pytest.approx(1 / 3)


def test_without_a_ground_truth_box_it_is_0():
    assert best_iou(np.array([0.0, 0.0, 1.0, 1.0]), np.zeros((0, 4))) == 0.0


def test_the_figure_is_the_mean_over_images():
    ious = np.array([0.0, 0.5, 1.0, 0.9])
    assert mean(100 * ious, np.array(list("abcd"))).value == pytest.approx(60)
    assert mean(np.zeros(0), np.zeros(0, np.str_)).value is None


def test_the_mean_is_that_of_plain_loops():
    random = np.random.default_rng(0)
    total, ious = 0.0, []
    for _ in range(50):
        corners = np.sort(random.random((4, 2, 2)), axis=1).reshape(4, 4) * 100
        best = 0.0
        x0, y0, x1, y1 = corners[0].tolist()
        for a0, b0, a1, b1 in corners[1:].tolist():
            shared = max(0, min(x1, a1) - max(x0, a0)) * max(0, min(y1, b1) - max(y0, b0))
            union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - shared
            best = max(best, shared / union)
        total += best
        ious.append(best_iou(corners[0], corners[1:]))
    found = mean(100 * np.array(ious), np.array([str(i) for i in range(50)]))
    assert found.value == pytest.approx(100 * total / 50, abs=1e-9)
