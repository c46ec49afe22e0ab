"""TS-CAM's fixed threshold by hand and against the same steps in OpenCV."""

import numpy as np
import pytest

from wsol_bench.errors import DataError, RunError
from wsol_bench.geometry import Size
from wsol_bench.scoring.measured import figure_of
from wsol_bench.scoring.replicated_sums import summed
from wsol_bench.scoring.tscam_loc_as_coded import (
    GT_KNOWN,
    TOP1,
    TOP5,
    clipped_boxes,
    loc_accuracy,
    loc_columns,
    tscam_iou,
)


def squared(left: int, top: int, right: int, bottom: int, value: float = 1.0) -> np.ndarray:
    values = np.zeros((224, 224), np.float32)
    values[top:bottom, left:right] = value
    return values


def test_the_box_is_not_cut_at_the_border():
    assert tscam_iou(squared(100, 50, 224, 224), np.array([[100, 50, 224, 224]])) == 1.0
    assert tscam_iou(squared(10, 20, 30, 40), np.array([[10, 20, 30, 40]])) == 1.0


def test_where_nothing_is_kept_the_first_pixels_are_the_box():
    for value in (0.0, 3.0):
        assert tscam_iou(np.full((7, 7), value, np.float32), np.array([[0, 0, 1, 1]])) == 1.0


def test_a_level_at_the_threshold_is_not_kept():
    values = squared(0, 0, 10, 10) + squared(50, 50, 150, 150, 30.5 / 255)  # int(0.12 * 255) = 30
    assert tscam_iou(values, np.array([[0, 0, 10, 10]])) == 1.0
    above = squared(0, 0, 10, 10) + squared(50, 50, 150, 150, 31.5 / 255)
    assert tscam_iou(above, np.array([[50, 50, 150, 150]])) == 1.0
    assert tscam_iou(above, np.array([[0, 0, 10, 10]]), threshold=0.5) == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_with_nan_or_infinite_values_is_an_error(value):
    with pytest.raises(RunError, match="NaN or infinite"):
        tscam_iou(squared(0, 0, 3, 3, value), np.array([[0, 0, 1, 1]]))


def test_boxes_are_scaled_cut_and_truncated():
    boxes = np.array([[-4.0, 3.0, 501.0, 301.0], [111.0, 108.0, 442.0, 194.0]])
    ours = clipped_boxes(boxes, Size(300, 500), inclusive=True)
    assert ours.tolist() == [[0, 2, 223, 223], [49, 80, 197, 144]]
    assert clipped_boxes(boxes[1:], Size(300, 500), inclusive=False).tolist() == [
        [49, 80, 198, 144]
    ]
    with pytest.raises(DataError, match="inverted"):
        clipped_boxes(np.array([[5.0, 0.0, 3.0, 9.0]]), Size(10, 10), inclusive=False)


def test_exactly_one_half_is_right_for_gt_known_alone():
    ious = np.array([0.5, 0.6, 0.6, 0.6, 0.4])
    labels = np.array([0, 0, 4, 9, 0])
    classes = np.tile(np.arange(6), (5, 1))
    columns = loc_columns(ious, labels, classes)
    assert columns.astype(int).tolist() == [[0, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]
    state = summed(columns, list("abcde"))
    shares = [figure_of(state, loc_accuracy(column)).value for column in (TOP1, TOP5, GT_KNOWN)]
    assert shares == [pytest.approx(20), pytest.approx(40), pytest.approx(80)]


@pytest.mark.parametrize("seed", range(10))
def test_boxes_are_those_of_the_same_steps_in_opencv(seed):
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(seed)
    values = random.random((14, 14), np.float32) ** 3
    square = cv2.resize(values, (224, 224))
    square = (square - square.min()) / (square.max() - square.min())
    grey = (square * 255.0).astype(np.uint8)
    kept = cv2.threshold(grey, int(0.12 * np.max(grey)), 255, cv2.THRESH_TOZERO)[1]
    contours = cv2.findContours(kept, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    x, y, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    assert tscam_iou(values, np.array([[x, y, x + width, y + height]])) == 1.0
