"""The pointing game by hand and against plain loops over pixels."""

import numpy as np
import pytest

from wsol_bench.errors import DataError, RunError
from wsol_bench.scoring.bootstrap import weights_of
from wsol_bench.scoring.measured import class_mean
from wsol_bench.scoring.pointing_game import (
    TOLERANCE,
    Point,
    peak,
    squared_distance,
    within,
)


def pixel_at(x: int, y: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[y, x] = True
    return mask


def is_hit(
    point: Point | None, mask: np.ndarray, tolerance: float = TOLERANCE, *, closed: bool = False
) -> bool:
    return bool(within(np.array(squared_distance(point, mask)), tolerance, closed=closed))


def test_the_peak_is_the_first_maximum_in_raster_order():
    assert peak(np.array([[0.0, 2.0], [2.0, 1.0]])) == Point(1.0, 0.0)
    assert peak(np.array([[-3.0, -2.0]])) == Point(1.0, 0.0)


def test_a_map_of_ties_has_no_peak_and_is_never_a_hit():
    for value in (0.0, 4.0):
        assert peak(np.full((3, 3), value)) is None
    assert not is_hit(None, np.ones((3, 3), bool))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_with_nan_or_infinite_values_is_an_error(value):
    with pytest.raises(RunError, match="NaN or infinite"):
        peak(np.array([[0.0, value]]))


def test_the_tolerance_is_a_distance_that_is_not_reached():
    mask = pixel_at(40, 30)
    assert is_hit(Point(54, 30), mask)  # 14 away
    assert not is_hit(Point(55, 30), mask)  # 15 away
    assert is_hit(Point(55, 30), mask, closed=True)
    assert not is_hit(Point(49, 42), mask)  # 9 and 12: 15 away
    assert is_hit(Point(49, 42), mask, closed=True)
    assert not is_hit(Point(56, 30), mask, closed=True)
    assert is_hit(Point(43, 30), mask, tolerance=3.5)
    assert not is_hit(Point(44, 30), mask, tolerance=3.5)


def test_an_empty_mask_is_refused():
    for point in (Point(1, 1), None):
        with pytest.raises(DataError, match="empty"):
            is_hit(point, np.zeros((5, 5), bool))


def test_the_centre_of_an_image_may_lie_between_pixels():
    mask = pixel_at(0, 0, (21, 20))  # the centre (10, 10.5) is 14.5 away
    assert is_hit(Point(20 / 2, 21 / 2), mask)
    assert not is_hit(Point(20 / 2, 23 / 2), pixel_at(0, 0, (23, 20)))  # 15.24 away


@pytest.mark.parametrize("closed", [False, True])
def test_hits_are_those_of_plain_loops(closed):
    random = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        height, width = random.integers(1, 40, 2)
        mask = random.random((height, width)) < random.choice([0.002, 0.02])
        mask[random.integers(height), random.integers(width)] = True
        x, y = random.integers(0, 2 * width) / 2, random.integers(0, 2 * height) / 2
        tolerance = float(random.choice([1, 2.5, 5, 15]))
        expected = False
        for row in range(height):
            for column in range(width):
                squared = (column - x) ** 2 + (row - y) ** 2
                near = squared <= tolerance**2 if closed else squared < tolerance**2
                expected |= bool(mask[row, column] and near)
        assert is_hit(Point(x, y), mask, tolerance=tolerance, closed=closed) == expected
        seen.add(expected)
    assert seen == {False, True}


def test_the_accuracy_is_a_mean_over_classes_with_examples():
    # Class 0: 1 of 2; class 1: 3 of 3; class 2: none; class 3: 0 of 1.
    hits = np.array([1, 0, 1, 1, 1, 0], bool)
    classes = np.array([0, 0, 1, 1, 1, 3])
    found = class_mean(hits, classes, np.array(list("abcdef")))
    assert found.value == pytest.approx(100 * (0.5 + 1 + 0) / 3)


def test_a_subset_is_the_figure_of_its_examples():
    hits, classes = np.array([1, 0, 1, 1], bool), np.array([0, 0, 1, 1])
    difficult = np.array([0, 1, 1, 0], bool)
    found = class_mean(hits, classes, np.array(list("abcd")), difficult)
    assert found.value == pytest.approx(50)


def test_no_examples_have_no_accuracy():
    nothing = class_mean(np.zeros(0, bool), np.zeros(0, int), np.zeros(0, np.str_))
    assert nothing.value is None


def test_resampled_accuracies_are_those_of_plain_loops():
    random = np.random.default_rng(2)
    hits, classes = random.random(30) < 0.6, random.integers(0, 4, 30)
    ids = np.array([f"image {i // 2}" for i in range(30)])  # two examples an image
    weights = weights_of(ids)
    assert np.array_equal(weights[::2], weights[1::2])  # drawn together
    ours = class_mean(hits, classes, ids).replicates
    for r in range(5):
        shares = []
        for c in range(4):
            drawn = [(w[r], h) for w, h, k in zip(weights, hits, classes, strict=True) if k == c]
            examples = sum(int(times) for times, _ in drawn)
            if examples:
                shares.append(sum(int(times) * bool(hit) for times, hit in drawn) / examples)
        assert ours[r] == pytest.approx(100 * sum(shares) / len(shares), abs=1e-9)
