"""Box statistics, by hand."""

import numpy as np
import pytest

from wsol_bench.datasets.statistics import statistics
from wsol_bench.geometry import Size

WIDE = Size(height=100, width=200)
CENTRED = np.array([[29.0, 14.5, 171.0, 85.5]])  # 0.71 of each side


def test_shares_counts_and_aspects_are_those_worked_out_by_hand() -> None:
    corner_boxes = np.array([[0.0, 0.0, 20.0, 10.0], [180.0, 80.0, 200.0, 100.0]])
    measured = statistics([(WIDE, CENTRED), (WIDE, corner_boxes)])
    shares = [0.71 * 0.71, 0.01, 0.02]
    assert measured.images == 2
    assert measured.boxes == 3
    assert measured.median_area_share == pytest.approx(0.02)
    assert measured.mean_area_share == pytest.approx(np.mean(shares))
    assert measured.single_box_share == 0.5
    assert measured.mean_boxes_per_image == 1.5
    assert measured.centred_box_accuracy == 0.5
    assert measured.median_image_aspect == 2.0
    assert measured.median_box_aspect == pytest.approx(2.0)


def test_the_centred_box_is_right_when_it_meets_any_box_by_half() -> None:
    far_and_near = np.vstack([[0.0, 0.0, 5.0, 5.0], CENTRED[0]])
    assert statistics([(WIDE, far_and_near)]).centred_box_accuracy == 1.0
    # The whole image holds the centred box, which is 0.5041 of it; a little more
    # than that around it, and the same overlap falls below a half.
    whole = np.array([[0.0, 0.0, 200.0, 100.0]])
    assert statistics([(WIDE, whole)]).centred_box_accuracy == 1.0
    half_of_it = np.array([[29.0, 14.5, 29.0 + 142 * 0.499, 85.5]])
    assert statistics([(WIDE, half_of_it)]).centred_box_accuracy == 0.0


@pytest.mark.parametrize("boxes", [np.zeros((0, 4)), np.array([[5.0, 5.0, 5.0, 9.0]])])
def test_an_image_without_a_box_that_covers_pixels_is_refused(boxes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="boxes that cover pixels"):
        statistics([(WIDE, boxes)])


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        statistics([])
