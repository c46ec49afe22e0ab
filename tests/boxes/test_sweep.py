"""The sweep against labelling afresh at each threshold, box for box."""

import threading

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from wsol_bench.boxes.components import largest_component
from wsol_bench.boxes.sweep import component_boxes, largest_boxes
from wsol_bench.boxes.upsampling import enlarge
from wsol_bench.errors import RunError, UsageError

CONNECTIVITIES = (4, 8)
EDGES = {4: scipy.ndimage.generate_binary_structure(2, 1), 8: np.ones((3, 3))}
# The first call of compiled code compiles it, or loads what was compiled before.
unhurried = settings(deadline=None, max_examples=200)
# Few different values, so that plateaus and ties in area are the rule.
quarters = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
plateaus = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=quarters)
finite = st.floats(-(2.0**100), 2.0**100, width=32)
numbers = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=finite)


def labelled(mask: np.ndarray, connectivity: int) -> list[tuple[int, tuple[int, int, int, int]]]:
    """Pixels and box of each component; labels rise in raster order of their first pixels."""
    labels, _ = scipy.ndimage.label(mask, EDGES[connectivity])
    areas = np.bincount(labels.ravel())[1:]
    places = scipy.ndimage.find_objects(labels)
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in places]
    return list(zip(areas.tolist(), boxes, strict=True))


def masks(values: np.ndarray, thresholds: np.ndarray, strict: bool) -> list[np.ndarray]:
    exact = values.astype(np.float64)
    return [exact > t if strict else exact >= t for t in thresholds]


def plain_largest(values, thresholds, connectivity, strict=False) -> np.ndarray:
    rows = []
    for mask in masks(values, thresholds, strict):
        found = labelled(mask, connectivity)
        rows.append(max(found, key=lambda part: part[0])[1] if found else (0, 0, 0, 0))
    return np.array(rows).reshape(-1, 4)  # max: the first of equals


def plain_all(values, thresholds, connectivity, strict=False) -> list[list[tuple[int, ...]]]:
    return [
        sorted(box for _, box in labelled(mask, connectivity))
        for mask in masks(values, thresholds, strict)
    ]


def boxes_at_each(values, thresholds, connectivity, strict=False) -> list[list[tuple[int, ...]]]:
    found = component_boxes(values, thresholds, connectivity=connectivity, strict=strict)
    at_each: list[list[tuple[int, ...]]] = [[] for _ in thresholds]
    for box, start, stop in zip(found.boxes.tolist(), found.start, found.stop, strict=True):
        assert 0 <= start < stop <= len(at_each)
        for i in range(start, stop):
            at_each[i].append(tuple(box))
    return [sorted(boxes) for boxes in at_each]


def steps_of(values: np.ndarray, count: int) -> np.ndarray:
    least, largest = float(values.min()), float(values.max())
    return least + np.arange(count) / count * (largest - least)


def smooth(seed: int, cells: int, height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).random((cells, cells), np.float32)
    return enlarge(coarse, height, width)


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width), np.float32)


def spiral(side: int) -> np.ndarray:
    """One winding ridge, higher and higher towards the middle: one long late chain."""
    values = np.zeros((side, side), np.float32)
    y, x, down, right = 0, 0, 0, 1
    for step in range(side * side):
        values[y, x] = step + 1
        ahead = (y + 2 * down, x + 2 * right)
        inside = 0 <= y + down < side and 0 <= x + right < side
        if not inside or (0 <= ahead[0] < side and 0 <= ahead[1] < side and values[ahead]):
            down, right = right, -down
        y, x = y + down, x + right
        if not (0 <= y < side and 0 <= x < side) or values[y, x]:
            break
    return values


MAPS = {
    "smooth 14 cells": smooth(0, 14, 96, 80),
    "smooth 5 cells": smooth(1, 5, 64, 90),
    "white noise": noise(2, 60, 41),
    "noise of few values": np.round(noise(3, 60, 41) * 6) / 6,
    "chequerboard": (np.indices((20, 21)).sum(axis=0) % 2).astype(np.float32),
    "spiral": spiral(31),
    "one row": noise(4, 1, 50),
    "one column": noise(5, 50, 1),
    "one pixel": np.ones((1, 1), np.float32),
    "negative": smooth(6, 6, 40, 40) - 5,
    "wide range": np.exp(40 * smooth(7, 6, 40, 40) - 20).astype(np.float32),
}
every_map = pytest.mark.parametrize("values", MAPS.values(), ids=MAPS)
every_connectivity = pytest.mark.parametrize("connectivity", CONNECTIVITIES)


@every_map
@every_connectivity
@pytest.mark.parametrize("strict", [False, True])
def test_every_box_is_that_of_labelling_afresh(values, connectivity, strict):
    steps = steps_of(values, 100)
    ours = largest_boxes(values, steps, connectivity=connectivity, strict=strict)
    np.testing.assert_array_equal(ours, plain_largest(values, steps, connectivity, strict))
    everything = boxes_at_each(values, steps, connectivity, strict)
    assert everything == plain_all(values, steps, connectivity, strict)


@every_connectivity
@unhurried
@given(values=plateaus)
def test_plateaus_and_ties_give_the_boxes_of_labelling_afresh(connectivity, values):
    steps = np.array([0.0, 0.1, 0.25, 0.5, 0.5, 0.7, 1.0, 2.0])
    ours = largest_boxes(values, steps, connectivity=connectivity)
    np.testing.assert_array_equal(ours, plain_largest(values, steps, connectivity))
    assert boxes_at_each(values, steps, connectivity) == plain_all(values, steps, connectivity)


@every_connectivity
@unhurried
@given(values=numbers, steps=st.lists(finite, max_size=12), strict=st.booleans())
def test_any_values_and_thresholds_give_the_boxes_of_labelling_afresh(
    connectivity, values, steps, strict
):
    # Thresholds from among the values, so that equality decides.
    rising = np.sort(np.concatenate([np.array(steps), values.ravel()[:8].astype(np.float64)]))
    ours = largest_boxes(values, rising, connectivity=connectivity, strict=strict)
    np.testing.assert_array_equal(ours, plain_largest(values, rising, connectivity, strict))
    everything = boxes_at_each(values, rising, connectivity, strict)
    assert everything == plain_all(values, rising, connectivity, strict)


@every_connectivity
def test_every_box_is_that_of_the_single_threshold_code(connectivity):
    values = smooth(8, 9, 120, 100)
    steps = steps_of(values, 1000)
    ours = largest_boxes(values, steps, connectivity=connectivity)
    single = [largest_component(values, float(t), connectivity == 8) for t in steps]
    np.testing.assert_array_equal(ours, single)


def test_a_tie_goes_to_the_component_whose_first_pixel_comes_first_at_that_threshold():
    # From the top: the right one leads; the left one draws level and comes first in
    # raster order; the lower right grows past both; all are one.
    values = np.array(
        [
            [0, 0, 0, 0, 9],
            [7, 0, 0, 0, 9],
            [7, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 5, 5, 5],
        ],
        np.float32,
    )
    ours = largest_boxes(values, np.array([0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.5]))
    assert ours.tolist() == [
        [0, 0, 5, 5],
        [2, 4, 5, 5],
        [4, 0, 5, 2],
        [4, 0, 5, 2],
        [4, 0, 5, 2],
        [4, 0, 5, 2],
        [0, 0, 0, 0],
    ]
    mirrored = largest_boxes(values[:, ::-1], np.array([6.0, 8.0]))
    assert mirrored.tolist() == [[0, 0, 1, 2], [0, 0, 1, 2]]
    overtaken = largest_boxes(values[::-1], np.array([6.0, 8.0]))
    assert overtaken.tolist() == [[0, 2, 1, 4], [4, 3, 5, 5]]


def test_a_corner_joins_only_under_8_connectivity():
    values = np.array([[1, 0], [0, 1]], np.float32)
    assert largest_boxes(values, np.array([0.5]), connectivity=8).tolist() == [[0, 0, 2, 2]]
    assert largest_boxes(values, np.array([0.5]), connectivity=4).tolist() == [[0, 0, 1, 1]]


def test_a_threshold_is_compared_in_full_precision():
    # 0.1 as a float32 is above 0.1, and the next float32 below it is not.
    above = np.float32(0.1)
    values = np.array([[above, np.nextafter(above, np.float32(0))]])
    assert largest_boxes(values, np.array([0.1])).tolist() == [[0, 0, 1, 1]]
    exact = np.array([float(above)])
    assert largest_boxes(values, exact).tolist() == [[0, 0, 1, 1]]
    assert largest_boxes(values, exact, strict=True).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("value", [0.0, -3.0, 0.7])
def test_a_constant_map_is_one_component_up_to_its_value(value):
    values = np.full((6, 9), value, np.float32)
    steps = np.array([values[0, 0] - 1.0, float(values[0, 0]), values[0, 0] + 1.0])
    assert largest_boxes(values, steps).tolist() == [[0, 0, 9, 6], [0, 0, 9, 6], [0, 0, 0, 0]]
    found = component_boxes(values, steps)
    assert (found.boxes.tolist(), found.start.tolist(), found.stop.tolist()) == (
        [[0, 0, 9, 6]],
        [0],
        [2],
    )


def test_a_component_that_keeps_its_box_has_one_entry():
    values = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.float32)
    found = component_boxes(values, np.linspace(0, 1, 50))
    assert found.boxes.tolist() == [[0, 0, 3, 3]]


def test_no_thresholds_and_no_pixels_give_no_boxes():
    assert largest_boxes(noise(0, 5, 5), np.array([])).shape == (0, 4)
    assert component_boxes(noise(0, 5, 5), np.array([])).boxes.shape == (0, 4)
    assert largest_boxes(np.empty((0, 3), np.float32), np.array([0.0])).tolist() == [[0, 0, 0, 0]]


def test_thresholds_close_together_and_far_apart_are_told_apart():
    values = noise(9, 30, 30)
    close = 0.5 + np.arange(200) * 1e-12
    steps = np.sort(np.concatenate([close, np.logspace(-9, 3, 100), [-1e300, 1e300]]))
    np.testing.assert_array_equal(largest_boxes(values, steps), plain_largest(values, steps, 8))


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_floats_are_compared_as_they_are(dtype):
    values = np.random.default_rng(10).random((20, 20)).astype(dtype)
    steps = np.sort(values.ravel()[:50].astype(np.float64))
    assert boxes_at_each(values, steps, 8) == plain_all(values, steps, 8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_map_with_a_value_that_is_no_number_is_refused(value):
    values = noise(0, 4, 4)
    values[2, 3] = value
    with pytest.raises(RunError, match="NaN"):
        largest_boxes(values, np.array([0.5]))


@pytest.mark.parametrize("steps", [[0.5, 0.4], [0.1, np.nan], [0.1, np.inf]])
def test_thresholds_that_do_not_rise_or_are_not_finite_are_refused(steps):
    with pytest.raises(UsageError, match="rise"):
        component_boxes(noise(0, 4, 4), np.array(steps))


def test_more_thresholds_than_a_level_can_count_are_refused():
    most = 2**16 - 2
    assert len(largest_boxes(noise(0, 4, 4), np.linspace(0, 1, most))) == most
    with pytest.raises(UsageError, match="65,535"):
        largest_boxes(noise(0, 4, 4), np.linspace(0, 1, most + 1))


def test_an_unknown_connectivity_is_refused():
    with pytest.raises(UsageError, match="4 or 8"):
        largest_boxes(noise(0, 4, 4), np.array([0.5]), connectivity=6)


def test_threads_get_the_boxes_of_one_alone():
    values = [smooth(seed, 8, 60, 60) for seed in range(8)]
    alone = [largest_boxes(each, steps_of(each, 300)) for each in values]
    found: dict[int, np.ndarray] = {}

    def sweep(i: int) -> None:
        found[i] = largest_boxes(values[i], steps_of(values[i], 300))

    threads = [threading.Thread(target=sweep, args=(i,)) for i in range(len(values))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, boxes in enumerate(alone):
        np.testing.assert_array_equal(found[i], boxes)
