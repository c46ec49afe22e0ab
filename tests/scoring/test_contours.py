"""Contours at every threshold, by hand and as OpenCV finds them."""

import numpy as np
import pytest

from wsol_bench.scoring.contours import CUTS, contour_boxes


def found_at(grey: np.ndarray, cut: int) -> tuple[list[tuple[int, ...]], tuple[int, ...] | None]:
    """All boxes at a cut, sorted, and that of the largest contour."""
    found = contour_boxes(grey)
    boxes = [tuple(box) for box in found.boxes[found.start[cut] : found.stop[cut]].tolist()]
    largest = found.largest[cut]
    return sorted(boxes), tuple(found.boxes[largest].tolist()) if largest >= 0 else None


def opencv_at(grey: np.ndarray, cut: int) -> tuple[list[tuple[int, ...]], tuple[int, ...] | None]:
    cv2 = pytest.importorskip("cv2")
    binary = cv2.threshold(grey, cut, 255, cv2.THRESH_BINARY)[1]
    contours = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)[0]
    boxes = [(x, y, x + w, y + h) for x, y, w, h in map(cv2.boundingRect, contours)]
    areas = [cv2.contourArea(contour) for contour in contours]
    return sorted(boxes), boxes[areas.index(max(areas))] if boxes else None


def drawn(*rows: str) -> np.ndarray:
    return np.array([[0 if sign == "." else int(sign) for sign in row] for row in rows], np.uint8)


def test_a_hole_has_a_box_through_the_pixels_around_it():
    ring = drawn(
        "......",
        ".1111.",
        ".1..1.",
        ".1111.",
    )
    assert found_at(ring, 0) == ([(1, 1, 5, 4), (1, 1, 5, 4)], (1, 1, 5, 4))
    thick = np.pad(ring[1:, 1:5], 2, constant_values=1)
    assert found_at(thick, 0) == ([(0, 0, 8, 7), (2, 2, 6, 5)], (0, 0, 8, 7))


def test_an_island_in_a_hole_is_a_contour_and_never_the_largest():
    island = drawn(
        "11111",
        "1...1",
        "1.1.1",
        "1...1",
        "11111",
    )
    boxes, largest = found_at(island, 0)
    assert boxes == [(0, 0, 5, 5), (0, 0, 5, 5), (2, 2, 3, 3)]
    assert largest == (0, 0, 5, 5)


def test_the_largest_contour_encloses_most_and_need_not_have_most_pixels():
    # Seven pixels in a line enclose nothing; 2x2 pixels enclose one square.
    assert found_at(drawn("1111111", ".......", "11.....", "11....."), 0)[1] == (0, 2, 2, 4)


def test_of_equally_large_contours_the_one_that_begins_last_is_taken():
    assert found_at(drawn("1.1", "...", ".1."), 0)[1] == (1, 2, 2, 3)
    assert found_at(drawn("11.11", "11.11"), 0)[1] == (3, 0, 5, 2)


def test_pixels_that_touch_at_a_corner_are_one_contour():
    assert found_at(drawn("1..", ".1.", "..1"), 0) == ([(0, 0, 3, 3)], (0, 0, 3, 3))


def test_each_cut_keeps_what_is_above_it():
    steps = drawn("123")
    assert found_at(steps, 0)[1] == (0, 0, 3, 1)
    assert found_at(steps, 1)[1] == (1, 0, 3, 1)
    assert found_at(steps, 2)[1] == (2, 0, 3, 1)
    for cut in (3, CUTS - 1):
        assert found_at(steps, cut) == ([], None)
    assert found_at(np.full((2, 3), 255, np.uint8), CUTS - 1)[1] == (0, 0, 3, 2)


def test_a_map_of_zeros_or_without_pixels_has_no_contour():
    for shape in ((3, 4), (0, 0), (0, 5), (4, 0)):
        found = contour_boxes(np.zeros(shape, np.uint8))
        assert found.boxes.shape == (0, 4)
        assert (found.largest == -1).all()
        assert (found.start == found.stop).all()


@pytest.mark.parametrize("grey", [np.zeros((2, 2)), np.zeros((2, 2, 1), np.uint8)])
def test_other_maps_than_8_bit_planes_are_refused(grey):
    with pytest.raises(ValueError, match="uint8"):
        contour_boxes(grey)


@pytest.mark.parametrize("seed", range(150))
def test_small_maps_of_few_values_have_opencvs_contours(seed):
    random = np.random.default_rng(seed)
    shape = random.integers(1, 20, 2)
    grey = random.integers(0, random.integers(2, 6), shape).astype(np.uint8)
    for cut in range(6):
        assert found_at(grey, cut) == opencv_at(grey, cut)


@pytest.mark.parametrize("shape", [(100, 100), (224, 63), (50, 64), (60, 130)])
@pytest.mark.parametrize("density", [0.1, 0.4, 0.6, 0.9])
def test_noise_with_thousands_of_contours_has_opencvs(shape, density):
    random = np.random.default_rng(int(100 * density))
    grey = ((random.random(shape) < density) * random.integers(1, 256, shape)).astype(np.uint8)
    for cut in (0, 1, 100, 200, 254):
        assert found_at(grey, cut) == opencv_at(grey, cut)
