"""Boxes and their overlap, against counting pixels and against the devkit's own formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol_bench.geometry import Size, Window, box_iou, whole_image_box

corner = st.integers(-3, 12)
any_box = st.tuples(corner, corner, corner, corner)
inclusive_box = st.builds(
    lambda x, y, w, h: (x, y, x + w, y + h),
    *(st.integers(0, 20), st.integers(0, 20), st.integers(0, 12), st.integers(0, 12)),
)


def pixels(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = box
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}


def counted_iou(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    union = pixels(box) | pixels(other)
    return len(pixels(box) & pixels(other)) / len(union) if union else 0.0


def devkit_overlap(box: tuple[int, ...], truth: tuple[int, ...]) -> float:
    """eval_localization_flat.m, line by line, on inclusive boxes."""
    bi = max(box[0], truth[0]), max(box[1], truth[1]), min(box[2], truth[2]), min(box[3], truth[3])
    iw, ih = bi[2] - bi[0] + 1, bi[3] - bi[1] + 1
    if iw <= 0 or ih <= 0:
        return 0.0
    ua = (
        (box[2] - box[0] + 1) * (box[3] - box[1] + 1)
        + (truth[2] - truth[0] + 1) * (truth[3] - truth[1] + 1)
        - iw * ih
    )
    return iw * ih / ua


@given(any_box, st.lists(any_box, max_size=4))
def test_iou_equals_counting_pixels_for_any_integer_boxes(box, others):
    found = box_iou(np.array(box, float), np.array(others, float))
    assert found.shape == (len(others),)
    assert found.dtype == np.float64
    # Whole numbers below 2^53 divide to the same float both ways, so no tolerance.
    assert found.tolist() == [counted_iou(box, other) for other in others]


@given(inclusive_box, inclusive_box)
def test_half_open_boxes_give_the_devkits_overlap_of_inclusive_boxes(box, truth):
    opened = [np.array([x0, y0, x1 + 1.0, y1 + 1.0]) for x0, y0, x1, y1 in (box, truth)]
    assert box_iou(opened[0], opened[1][None])[0] == devkit_overlap(box, truth)


@given(any_box, any_box, st.sampled_from([0.25, 0.5, 4.0]), st.integers(-64, 64))
def test_iou_does_not_change_when_both_boxes_are_scaled_and_moved(box, other, scale, shift):
    # Powers of two and small whole numbers, so that nothing is rounded; other
    # fractions than halves would only test the rounding.
    before = box_iou(np.array(box, float), np.array([other], float))
    after = box_iou(np.array(box) * scale + shift, np.array([other]) * scale + shift)
    assert after == before


@given(any_box, any_box)
def test_iou_is_symmetric(box, other):
    there = box_iou(np.array(box, float), np.array([other], float))
    back = box_iou(np.array(other, float), np.array([box], float))
    assert there == back


@pytest.mark.parametrize(
    ("box", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 20), 0.5),  # one is half of the other
        ((0, 0, 3, 3), (0, 1, 3, 4), 0.5),  # 6 of 12 pixels
        ((0, 0, 7, 3), (0, 0, 7, 3), 1.0),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),  # they touch and share no pixel
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
        ((0.5, 0, 1.5, 1), (1, 0, 2, 1), 1 / 3),  # not on whole pixels
        ((1, 1, 1, 5), (0, 0, 9, 9), 0.0),  # empty
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),  # empty, with itself
        ((5, 5, 2, 2), (2, 2, 5, 5), 0.0),  # inverted
        ((5, 5, 2, 2), (5, 5, 2, 2), 0.0),  # inverted twice would make a positive area
    ],
)
def test_iou_of_boxes_worked_by_hand(box, other, expected):
    assert box_iou(np.array(box, float), np.array([other], float)).tolist() == [expected]


def test_iou_with_no_boxes_is_an_empty_answer():
    assert box_iou(np.array([0.0, 0, 1, 1]), np.empty((0, 4))).shape == (0,)


def test_the_whole_image_is_width_then_height():
    size = Size(height=3, width=7)
    assert whole_image_box(size).tolist() == [0, 0, 7, 3]
    assert Window.whole(size) == Window(0, 0, 7, 3)
    assert Window(1, 2, 8, 5).sides == (3, 7)  # height, width
