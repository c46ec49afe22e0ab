"""A map laid over its image."""

import numpy as np
import pytest

from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.upsampling import enlarge
from wsol_bench.geometry import Size, Window
from wsol_bench.protocols.catalog import PROTOCOLS, BoxRule
from wsol_bench.protocols.views import VIEWS
from wsol_bench.report.figures.overlay import laid_over, on_image

RULE = BoxRule(threshold=0.15)


def some_map(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(7, 7)).astype(np.float32)


def test_a_map_of_the_whole_image_is_the_enlarged_one_over_its_maximum() -> None:
    values, size = some_map(), Size(31, 47)
    enlarged = enlarge(values, *size)
    expected = np.clip(enlarged / enlarged.max(), 0, 1)
    found = on_image(values, size, RULE, Window.whole(size))
    assert found.shape == size
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["gradcam-iccv17", "cam-cvpr16"])
def test_what_passes_the_threshold_fills_the_box_that_the_rule_draws(name: str) -> None:
    rule, size = PROTOCOLS[name].box_rule, Size(61, 83)  # no value is the threshold itself
    values = np.zeros((8, 8), np.float32)
    values[2:4, 3:6] = 1
    (x0, y0, x1, y1), _ = extract_box(values, size, rule)
    kept = on_image(values, size, rule, Window.whole(size)) > rule.threshold
    rows, columns = np.flatnonzero(kept.any(axis=1)), np.flatnonzero(kept.any(axis=0))
    assert (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) == (x0, y0, x1, y1)


@pytest.mark.parametrize("size", [Size(100, 200), Size(200, 100)])
def test_outside_the_window_of_a_centre_crop_there_is_no_map(size: Size) -> None:
    window = VIEWS["center-crop"].window(size, 224)
    shares = on_image(np.ones((7, 7), np.float32), size, RULE, window)
    ys, xs = np.mgrid[: size.height, : size.width] + 0.5
    inside = (window.x0 <= xs) & (xs < window.x1) & (window.y0 <= ys) & (ys < window.y1)
    assert shares[inside].mean() > 0.97  # a pixel of the window's rim may round away
    assert shares[~inside].mean() < 0.03


def test_a_window_that_leaves_the_image_is_cut_off() -> None:
    shares = on_image(np.ones((4, 4), np.float32), Size(10, 10), RULE, Window(-5, -5, 5, 5))
    assert shares[:5, :5].min() == 1
    assert shares[5:].max() == shares[:, 5:].max() == 0


@pytest.mark.parametrize("values", [np.zeros((3, 3)), -np.ones((3, 3))], ids=["zero", "negative"])
def test_a_map_without_a_positive_value_leaves_the_image_as_it_is(values: np.ndarray) -> None:
    size = Size(9, 12)
    picture = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    shares = on_image(values.astype(np.float32), size, RULE, Window.whole(size))
    assert np.array_equal(laid_over(picture, shares), picture)


def test_more_map_is_more_colour_and_the_object_stays_visible() -> None:
    black, white = np.zeros((1, 5, 3), np.uint8), np.full((1, 5, 3), 255, np.uint8)
    shares = np.linspace(0, 1, 5, dtype=np.float32)[None]
    over_black = laid_over(black, shares).astype(int).sum(axis=-1)[0]
    over_white = laid_over(white, shares).astype(int).sum(axis=-1)[0]
    assert (np.diff(over_black) > 0).all()
    assert (over_white - over_black > 200).all()
