"""The energy pointing game by hand and against plain loops over pixels."""

import numpy as np
import pytest

from wsol_bench.errors import DataError, RunError
from wsol_bench.geometry import Size
from wsol_bench.scoring.energy_pointing_game import energy_share
from wsol_bench.scoring.image_columns import boxes_as_mask
from wsol_bench.scoring.measured import mean

INSIDE = np.array([[True, False], [False, False]])


def test_the_share_of_the_map_inside_by_hand():
    assert energy_share(np.array([[1.0, 2.0], [0.0, 1.0]]), INSIDE) == 0.25
    assert energy_share(np.array([[1.0, 0.0], [0.0, 0.0]]), INSIDE) == 1.0
    assert energy_share(np.full((2, 2), 3.0), INSIDE) == 0.25


def test_negative_values_count_as_0():
    assert energy_share(np.array([[1.0, -5.0], [1.0, -1.0]]), INSIDE) == 0.5
    assert energy_share(np.array([[-1.0, 1.0], [0.0, 0.0]]), INSIDE) == 0.0


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_a_map_without_a_positive_value_has_0(value):
    assert energy_share(np.full((2, 2), value), INSIDE) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_with_nan_or_infinite_values_is_an_error(value):
    with pytest.raises(RunError, match="NaN or infinite"):
        energy_share(np.array([[value, 0.0], [0.0, 0.0]]), INSIDE)


def test_an_object_without_pixels_and_unlike_shapes_are_refused():
    with pytest.raises(DataError, match="no pixel"):
        energy_share(np.ones((2, 2)), np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        energy_share(np.ones((2, 3)), INSIDE)


def test_boxes_become_the_union_of_their_pixels():
    boxes = np.array([[0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 3.0, 2.0]])
    expected = [[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert boxes_as_mask(boxes, Size(3, 4)).astype(int).tolist() == expected
    half = np.array([[0.4, 0.6, 1.6, 9.0]])  # centres 0.5 and 1.5 across, 1.5 and 2.5 down
    assert boxes_as_mask(half, Size(3, 4)).astype(int).tolist() == [
        [0, 0, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
    ]
    for empty in (np.zeros((0, 4)), np.array([[2.0, 2.0, 1.0, 3.0]]), np.array([[-5.0, 0, -1, 3]])):
        assert not boxes_as_mask(empty, Size(3, 4)).any()


def test_shares_are_those_of_plain_loops():
    random = np.random.default_rng(0)
    for _ in range(20):
        size = Size(*(int(side) for side in random.integers(3, 15, 2)))
        values = random.normal(size=size).astype(np.float32)
        boxes = np.sort(random.random((2, 2, 2)), axis=1).reshape(2, 4) * (size[::-1] * 2)
        boxes[0] = [0, 0, 2, 2]
        inside = outside = 0.0
        for y in range(size.height):
            for x in range(size.width):
                value = max(float(values[y, x]), 0.0)
                if any(b[0] <= x + 0.5 < b[2] and b[1] <= y + 0.5 < b[3] for b in boxes):
                    inside += value
                else:
                    outside += value
        ours = energy_share(values, boxes_as_mask(boxes, size))
        assert ours == pytest.approx(inside / (inside + outside), abs=1e-9)


def test_the_figure_is_the_mean_over_examples():
    found = mean(100 * np.array([0.2, 0.6, 0.7]), np.array(list("abc")))
    assert found.value == pytest.approx(50)
    assert found.low <= 50 <= found.high
