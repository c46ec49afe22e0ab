"""Mean best IoU by hand and against plain loops."""

import numpy as np
import pytest

from wsol_bench.scoring.mean_best_iou import best_iou, iou_column
from wsol_bench.scoring.replicated_sums import estimate, mean, merged, summed


def test_the_best_of_several_ground_truth_boxes_counts():
    box = np.array([0.0, 0.0, 10.0, 10.0])
    truths = np.array([[5.0, 0.0, 15.0, 10.0], [0.0, 0.0, 10.0, 20.0]])
    assert best_iou(box, truths) == 0.5  # the first has 50 of 150
    assert best_iou(box, truths[:1]) == pytest.approx(1 / 3)


def test_without_a_ground_truth_box_it_is_0():
    assert best_iou(np.array([0.0, 0.0, 1.0, 1.0]), np.zeros((0, 4))) == 0.0


def test_the_figure_is_the_mean_over_images():
    state = summed(iou_column(np.array([0.0, 0.5, 1.0, 0.9])), list("abcd"))
    assert estimate(state, mean).percent == pytest.approx(60)
    assert np.isnan(estimate(summed(iou_column(np.zeros(0)), []), mean).percent)


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.1])
def test_what_is_no_iou_is_refused(value):
    with pytest.raises(ValueError, match=r"0\.\.1"):
        iou_column(np.array([0.5, value]))


def test_the_mean_and_its_resamplings_are_those_of_plain_loops():
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
    ids = [str(i) for i in range(50)]
    columns = iou_column(np.array(ious))
    whole = estimate(summed(columns, ids), mean)
    assert whole.percent == pytest.approx(100 * total / 50, abs=1e-9)
    parts = merged([summed(columns[:20], ids[:20]), summed(columns[20:], ids[20:])])
    assert estimate(parts, mean).percent == pytest.approx(whole.percent, abs=1e-9)
