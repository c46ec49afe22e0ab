"""Maps and masks on the square, to the bit as OpenCV brings them there."""

import numpy as np
import pytest

from wsol_bench.errors import RunError
from wsol_bench.scoring.scoremap import SIDE, resize_cubic, scoremap, square_mask


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (2, 3), (7, 7), (13, 13), (14, 14), (28, 28), (37, 112), (224, 100), (300, 500)],
)
def test_cubic_resizing_equals_opencvs_in_every_bit(shape):
    cv2 = pytest.importorskip("cv2")
    values = np.random.default_rng(0).normal(size=shape)
    ours = resize_cubic(values, SIDE, SIDE)
    assert np.array_equal(ours, cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    wide = cv2.resize(values, (50, 31), interpolation=cv2.INTER_CUBIC)
    assert np.array_equal(resize_cubic(values, 31, 50), wide)


def test_a_map_of_the_squares_size_is_only_scaled():
    values = np.array([[1.0, 3.0], [2.0, 5.0]])
    assert scoremap(values, 2).tolist() == [[0.0, 0.5], [0.25, 1.0]]
    assert values.tolist() == [[1.0, 3.0], [2.0, 5.0]]  # the caller's map stays as it is


def test_single_precision_maps_are_resized_in_double_precision():
    values = np.random.default_rng(1).random((7, 7), np.float32)
    assert np.array_equal(scoremap(values), scoremap(values.astype(np.float64)))


@pytest.mark.parametrize("value", [0.0, 3.0, -1.0, np.nan])
def test_constant_maps_and_nan_become_zero(value):
    values = np.full((7, 7), value)
    assert not scoremap(values).any()
    if np.isnan(value):
        values[1:] = 1
        assert not scoremap(values).any()


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_an_error(value):
    values = np.zeros((7, 7))
    values[2, 2] = value
    with pytest.raises(RunError, match="infinite"):
        scoremap(values)


def test_masks_are_brought_to_the_square_as_opencv_does():
    cv2 = pytest.importorskip("cv2")
    random = np.random.default_rng(2)
    for height, width in [(1, 1), (3, 500), (224, 224), (375, 500), (768, 1024), (1023, 681)]:
        mask = random.random((height, width)) < 0.5
        expected = cv2.resize(
            mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST
        )
        assert np.array_equal(square_mask(mask), expected > 0.5)


def test_a_mask_takes_the_pixel_at_the_scaled_corner():
    assert square_mask(np.array([[True, False, False, True]]), 2).tolist() == [[True, False]] * 2
