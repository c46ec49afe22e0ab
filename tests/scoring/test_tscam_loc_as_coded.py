"""TS-CAM's fixed threshold by hand and against the same steps in OpenCV."""

from dataclasses import replace

import numpy as np
import pytest

from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.tscam_loc_as_coded import clipped_boxes, tscam_iou


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
def test_a_map_with_nan_or_infinite_values_is_all_zero(value):
    assert tscam_iou(squared(0, 0, 9, 9, value), np.array([[0, 0, 1, 1]])) == 1.0


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
    """Boxes without maps, on a square of 224: IoUs of 1/2, 1, 1, 1 and under 1/2."""
    inside = [0.0, 0, 99, 99]  # 100 x 100 pixels with both ends
    rows = [[0.0, 0, 199, 99], inside, inside, inside, [0.0, 0, 209, 99]]
    row = RowData(
        labels=np.array([0, 0, 4, 9, 0]),
        classes=np.tile(np.arange(6), (5, 1)),
        ious=np.zeros(5),
        blacklisted=np.zeros(5, bool),
        image_ids=np.array(list("abcde")),
        boxes=np.tile(inside, (5, 1)),
        true_boxes=np.array(rows),
        box_counts=np.ones(5, np.int64),
        sizes=np.full((5, 2), 224),
    )
    found = [
        metric.measure(row, PROTOCOLS[DEFAULT_PROTOCOL]).value
        for metric in metrics_in(
            ",".join(
                f"tscam_loc_as_coded:rank={rank}:ends=half-open"
                for rank in ("top1", "top5", "gt_known")
            )
        )
    ]
    assert found == [20, 40, 80]
    few = replace(row, classes=row.classes[:, :1])
    top1, top5 = metrics_in("tscam_loc_as_coded:rank=top1,tscam_loc_as_coded:rank=top5")
    assert top1.measure(few, PROTOCOLS[DEFAULT_PROTOCOL]) is not None
    assert top5.measure(few, PROTOCOLS[DEFAULT_PROTOCOL]) is None  # n/a
    unread = replace(row, sizes=np.zeros((5, 2), np.int64))
    (metric,) = metrics_in("tscam_loc_as_coded")
    assert metric.measure(unread, PROTOCOLS[DEFAULT_PROTOCOL]).value == 0


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
