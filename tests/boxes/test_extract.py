"""Maps to boxes: components against a flood fill, enlarging against torch, hand-worked maps."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from wsol_bench.boxes.components import COMPONENTS, largest_component
from wsol_bench.boxes.extract import extract_box, extract_boxes, map_state
from wsol_bench.boxes.map_state import MapState
from wsol_bench.boxes.upsampling import enlarge
from wsol_bench.errors import RunError
from wsol_bench.geometry import Size, Window
from wsol_bench.protocols.catalog import PROTOCOLS, BoxRule
from wsol_bench.protocols.resample import KERNELS

RULE = PROTOCOLS["gradcam-iccv17"].box_rule
CONNECTIVITIES = (4, 8)
# The first call of compiled code compiles it, or loads what was compiled before.
unhurried = settings(deadline=None)
masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9))


def flood_fill(mask: np.ndarray, connectivity: int) -> list[list[tuple[int, int]]]:
    """The components as lists of (row, column), in raster order of their first pixels."""
    steps = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    if connectivity == 8:
        steps += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    left = {tuple(place) for place in np.argwhere(mask).tolist()}
    found = []
    for first in sorted(left):
        if first not in left:
            continue
        left.remove(first)
        waiting, component = [first], []
        while waiting:
            row, column = waiting.pop()
            component.append((row, column))
            near = {(row + down, column + right) for down, right in steps} & left
            left -= near
            waiting += near
        found.append(component)
    return found


def box_of(component: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    rows, columns = zip(*component, strict=True)
    return min(columns), min(rows), max(columns) + 1, max(rows) + 1


def filled_box(mask: np.ndarray, connectivity: int) -> tuple[int, int, int, int]:
    components = flood_fill(mask, connectivity)
    return box_of(max(components, key=len)) if components else (0, 0, 0, 0)  # max: first of equals


def component_box(mask: np.ndarray, connectivity: int) -> tuple[int, int, int, int]:
    return largest_component(mask.astype(np.float32), 0.5, connectivity == 8)


def drawn(*rows: str) -> np.ndarray:
    return np.array([[cell == "#" for cell in row] for row in rows])


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@unhurried
@given(mask=masks)
def test_the_largest_component_is_that_of_a_plain_flood_fill(connectivity, mask):
    assert component_box(mask, connectivity) == filled_box(mask, connectivity)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.8])
def test_the_largest_component_is_that_of_a_plain_flood_fill_on_large_masks(connectivity, share):
    # Long winding components join runs many times over, which small masks do not.
    random = np.random.default_rng(0)
    for height, width in ((60, 41), (1, 200), (200, 1), (37, 64)):
        mask = random.random((height, width)) < share
        assert component_box(mask, connectivity) == filled_box(mask, connectivity)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@unhurried
@given(mask=masks.filter(np.any))
def test_the_largest_component_is_one_of_scipys_largest(connectivity, mask):
    structure = scipy.ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
    labels, _ = scipy.ndimage.label(mask, structure)
    sizes = np.bincount(labels.ravel())[1:]
    slices = scipy.ndimage.find_objects(labels)
    largest = [
        (columns.start, rows.start, columns.stop, rows.stop)
        for size, (rows, columns) in zip(sizes, slices, strict=True)
        if size == sizes.max()
    ]
    assert component_box(mask, connectivity) in largest


@pytest.mark.parametrize(
    ("mask", "four", "eight"),
    [
        (drawn("..."), (0, 0, 0, 0), (0, 0, 0, 0)),
        (drawn("###", "###"), (0, 0, 3, 2), (0, 0, 3, 2)),
        # Two pixels that touch at a corner: one component only under 8.
        (drawn("#.", ".#"), (0, 0, 1, 1), (0, 0, 2, 2)),
        (drawn(".#", "#."), (1, 0, 2, 1), (0, 0, 2, 2)),
        # A tie goes to the component whose first pixel is higher, then further left.
        (drawn("#.#", "#.#"), (0, 0, 1, 2), (0, 0, 1, 2)),
        (drawn("...#", "##.#", "...."), (3, 0, 4, 2), (3, 0, 4, 2)),
        # Its leftmost pixels come late, its first pixel first.
        (drawn("..##", "....", "####"), (0, 2, 4, 3), (0, 2, 4, 3)),
        # The largest by pixels has the smaller box.
        (drawn("#####...", ".....###", ".....###"), (5, 1, 8, 3), (0, 0, 8, 3)),
        # A ring and what it encloses.
        (drawn("#####", "#...#", "#.#.#", "#...#", "#####"), (0, 0, 5, 5), (0, 0, 5, 5)),
        # Two arms that meet only in the last row.
        (drawn("#..#", "#..#", "####"), (0, 0, 4, 3), (0, 0, 4, 3)),
        # Three arms: the last row joins what were three components.
        (drawn("#.#.#", "#.#.#", "#####"), (0, 0, 5, 3), (0, 0, 5, 3)),
        # Nothing wraps round from the end of a row to the start of the next.
        (drawn("..##", "#...", "...."), (2, 0, 4, 1), (2, 0, 4, 1)),
    ],
)
def test_components_worked_by_hand(mask, four, eight):
    assert component_box(mask, 4) == four
    assert component_box(mask, 8) == eight


def test_a_pixel_equal_to_the_threshold_is_kept():
    values = np.array([[0.125, 0.25, 0.5, 0.25, 0.125]], np.float32)
    assert largest_component(values, 0.25, True) == (1, 0, 4, 1)


# Enlarging

shapes = st.tuples(st.integers(1, 9), st.integers(1, 9))
numbers = st.floats(-(2.0**100), 2.0**100, width=32)
targets = st.tuples(st.integers(1, 40), st.integers(1, 40))


def torch_enlarged(values: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    tensor = torch.from_numpy(values)[None, None]
    return F.interpolate(tensor, target, mode="bilinear", align_corners=False)[0, 0].numpy()


@unhurried
@given(shapes, targets, st.integers(0, 2**32 - 1))
def test_enlarging_equals_torchs_bilinear_interpolation_in_double_precision(shape, target, seed):
    values = np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
    found = enlarge(values, *target)
    assert found.shape == target
    assert found.dtype == np.float32
    # Two interpolations, each of values in -1..1, a weight and two operations
    # rounded to float32: at most 2 * 4 roundings of 2 * 2^-24.
    assert np.abs(found - torch_enlarged(values.astype(np.float64), target)).max() <= 1e-6


@pytest.mark.parametrize("shape", [(14, 14), (7, 7), (13, 13), (224, 224), (1, 1), (1, 5)])
@pytest.mark.parametrize("target", [(375, 500), (500, 333), (17, 31), (1, 1), (100, 100)])
def test_enlarging_equals_torchs_bilinear_interpolation_at_sizes_of_real_maps(shape, target):
    values = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    # torch works out positions in float32: one near 224 is off by up to some 2^-17,
    # and between neighbours that differ by 1 the value then is, on both axes.
    assert np.abs(enlarge(values, *target) - torch_enlarged(values, target)).max() <= 6e-5


def test_enlarging_worked_by_hand():
    # Centres of the 4 targets lie at -0.25, 0.25, 0.75 and 1.25 source pixels.
    assert enlarge(np.array([[0, 1]], np.float32), 1, 4).tolist() == [[0, 0.25, 0.75, 1]]
    assert enlarge(np.array([[0], [1]], np.float32), 4, 1).tolist() == [[0], [0.25], [0.75], [1]]
    # Shrinking picks and does not average: the centre of the one target is at 1.5.
    assert enlarge(np.array([[9, 0, 1, 9]], np.float32), 1, 1).tolist() == [[0.5]]


@unhurried
@given(arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=numbers))
def test_enlarging_to_its_own_size_changes_nothing(values):
    assert np.array_equal(enlarge(values, *values.shape), values)


def test_a_map_of_one_cell_is_spread_over_the_image():
    assert np.array_equal(enlarge(np.array([[0.3]], np.float32), 5, 3), np.full((5, 3), 0.3, "f4"))


# Maps to boxes


def box_and_state(values: list[list[float]], size: Size, rule: BoxRule = RULE) -> tuple:
    box, state = extract_box(np.array(values, np.float32), size, rule)
    assert box.shape == (4,)
    assert box.dtype == np.float64
    return tuple(box.tolist()), state


@pytest.mark.parametrize(
    ("values", "size", "box"),
    [
        ([[0, 0, 0], [0, 1, 0]], Size(2, 3), (1, 1, 2, 2)),
        # Along each axis the share of the first cell is 1, 3/4, 1/4, 0; a pixel is
        # the product, and 3/4 * 1/4 passes 0.15 where 1/4 * 1/4 does not.
        ([[1, 0], [0, 0]], Size(4, 4), (0, 0, 3, 3)),
        # Twice as wide as high: 1, 1, 7/8, 5/8, 3/8, 1/8, 0, 0 along x; 7/8 * 1/4,
        # 5/8 * 1/4 > 0.15 > 3/8 * 1/4 still lie in the box of the rows above.
        ([[1, 0], [0, 0]], Size(height=4, width=8), (0, 0, 5, 3)),
        ([[0, 0], [0, 1]], Size(height=4, width=8), (3, 1, 8, 4)),
        # Negative evidence is below any share of the maximum.
        ([[-9, 1, -9]], Size(1, 3), (1, 0, 2, 1)),
        # The largest by pixels, not the one that holds the maximum.
        ([[9, 0, 2, 2]], Size(1, 4), (2, 0, 4, 1)),
    ],
)
def test_boxes_of_maps_worked_by_hand(values, size, box):
    assert box_and_state(values, size) == (box, MapState.OK)


@pytest.mark.parametrize("largest", [1, 20, 40, 100, 180, 200, 340, 1000, 2000])
def test_a_pixel_at_exactly_the_threshold_is_in_the_box(largest):
    # 0.15 of these is a whole number; a product rounded to float32 is above it
    # for some, 100 among them.
    at = 0.15 * largest
    below = np.nextafter(np.float32(at), np.float32(0))
    assert box_and_state([[largest, at, 0]], Size(1, 3)) == ((0, 0, 2, 1), MapState.OK)
    assert box_and_state([[largest, below, 0]], Size(1, 3)) == ((0, 0, 1, 1), MapState.OK)


def round_all(mask: np.ndarray, values: np.ndarray, connectivity: int) -> tuple:
    return box_of(np.argwhere(mask).tolist())


def round_the_largest(mask: np.ndarray, values: np.ndarray, connectivity: int) -> tuple:
    return filled_box(mask, connectivity)


def round_the_peak(mask: np.ndarray, values: np.ndarray, connectivity: int) -> tuple:
    peak = np.unravel_index(values.argmax(), values.shape)
    return box_of(next(one for one in flood_fill(mask, connectivity) if peak in one))


ROUND = {"all": round_all, "largest": round_the_largest, "peak": round_the_peak}


def test_every_choice_of_component_has_a_plain_derivation():
    assert set(ROUND) == set(COMPONENTS)


@pytest.mark.parametrize("connectivity", CONNECTIVITIES)
@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("reference", ["max", "mean"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_rules_box_is_that_of_the_pixels_it_keeps(strict, reference, component, connectivity):
    rule = BoxRule(0.5, reference, strict, "bilinear", connectivity, component)
    for seed in range(20):
        # Whole numbers, so that many lie at the threshold itself.
        values = np.random.default_rng(seed).integers(-4, 9, (8, 8)).astype(np.float32)
        least = 0.5 * {"max": values.max(), "mean": values.mean(dtype=float)}[reference]
        mask = values > least if strict else values >= least
        box, state = extract_box(values, Size(8, 8), rule)  # the map's own size: no rounding
        assert state is MapState.OK
        assert tuple(box) == ROUND[component](mask, values, connectivity)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_a_protocols_box_is_that_of_its_rule(protocol):
    rule = protocol.box_rule
    for seed in range(20):
        values = np.random.default_rng(seed).normal(0.2, 1, (9, 12)).astype(np.float32)
        least = {"max": float(values.max()), "mean": values.mean(dtype=float)}[rule.reference]
        least *= rule.threshold
        mask = values > least if rule.strict else values >= least
        box, state = extract_box(values, Size(9, 12), rule)
        assert state is MapState.OK
        assert tuple(box) == ROUND[rule.component](mask, values, rule.connectivity)


@unhurried
@given(
    arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=16)),
    st.sampled_from([2.0**-20, 0.5, 2.0**20]),
)
def test_a_map_times_a_power_of_two_has_the_same_box(values, factor):
    size = Size(11, 7)
    box, state = extract_box(values, size, RULE)
    scaled_box, scaled_state = extract_box(values * np.float32(factor), size, RULE)
    assert scaled_state is state
    assert scaled_box.tolist() == box.tolist()


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([[0, 0], [0, 0]], MapState.ZERO),
        ([[-0.0, 0], [0, 0]], MapState.ZERO),
        ([[3, 3], [3, 3]], MapState.CONSTANT),
        ([[-3, -3], [-3, -3]], MapState.CONSTANT),
        ([[7]], MapState.CONSTANT),
        ([[-1, -2], [-1, -3]], MapState.EMPTY),
        ([[0, -2], [0, -3]], MapState.EMPTY),
    ],
)
def test_a_degenerate_map_has_the_whole_image_as_its_box(values, state):
    assert map_state(np.array(values, np.float32)) is state
    assert box_and_state(values, Size(5, 6)) == ((0, 0, 6, 5), state)


def test_a_map_that_loses_its_only_positive_values_when_it_shrinks_is_empty():
    # A 2x2 image samples between the cells: (1 - 3 - 3 - 3) / 4 is the largest.
    values = np.full((4, 4), -3, np.float32)
    values[0, 0] = 1
    assert box_and_state(values.tolist(), Size(2, 2)) == ((0, 0, 2, 2), MapState.EMPTY)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 2)])
def test_a_map_with_a_value_that_is_no_number_is_an_error_of_the_run(bad, place):
    values = np.ones((3, 3), np.float32)
    values[place] = bad
    with pytest.raises(RunError, match="NaN or infinite"):
        extract_box(values, Size(5, 5), RULE)


@pytest.mark.parametrize("component", ["largest", "peak", "all"])
@pytest.mark.parametrize("upsampling", ["bilinear", "bicubic"])
def test_a_finite_map_that_overflows_when_it_is_upsampled_is_an_error_of_the_run(
    upsampling, component
):
    values = np.full((7, 7), 3.3e38, np.float32)
    values[::2] = -3.3e38
    rule = replace(RULE, upsampling=upsampling, component=component)
    with pytest.raises(RunError, match="too large"):
        extract_box(values, Size(37, 50), rule)


def test_a_peak_that_does_not_pass_the_threshold_has_no_component():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert COMPONENTS["peak"](values, 5.5, True) == (0, 0, 0, 0)
    values[1, 2] = np.nan  # numpy's argmax takes it for the maximum
    assert COMPONENTS["peak"](values, 2.0, True) == (0, 0, 0, 0)


def test_how_a_map_lies_in_memory_does_not_change_its_box():
    values = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    expected, _ = extract_box(values, Size(33, 21), RULE)
    strided = np.zeros((12, 10), np.float32)
    strided[::2, ::2] = values
    for same in (np.asfortranarray(values), strided[::2, ::2], values.astype(np.float64)):
        assert extract_box(same, Size(33, 21), RULE)[0].tolist() == expected.tolist()


def test_two_threads_draw_the_same_boxes_as_one():
    # Of one size, and in opposite orders: whatever the threads shared would be mixed up.
    maps, size = np.random.default_rng(0).normal(size=(60, 14, 14)), Size(300, 400)
    expected = [extract_box(values, size, RULE)[0].tolist() for values in maps]
    found: list[list[list[float]]] = [[], []]

    def draw(order: int, into: list[list[float]]) -> None:
        for values in maps[::order]:
            into.append(extract_box(values, size, RULE)[0].tolist())

    threads = [
        threading.Thread(target=draw, args=pair) for pair in zip((1, -1), found, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected, expected[::-1]]


@pytest.mark.parametrize("work", ["enlarge", "largest_component"])
def test_another_thread_runs_while_a_box_is_drawn(work):
    # A checkerboard has the most runs, so a call takes a good while: had it held the
    # interpreter lock, this thread would wake once, at the end, and not in between.
    large = np.indices((3000, 3000)).sum(axis=0).astype(np.float32) % 2
    calls = {
        "enlarge": lambda: enlarge(large[:14, :14].copy(), 7000, 7000),
        "largest_component": lambda: largest_component(large, 0.5, False),
    }
    calls[work]()  # compiled before it is timed
    span: list[float] = []

    def draw() -> None:
        span.append(time.perf_counter())
        calls[work]()
        span.append(time.perf_counter())

    thread = threading.Thread(target=draw)
    thread.start()
    woken = []
    while thread.is_alive():
        woken.append(time.perf_counter())
        time.sleep(0.001)
    thread.join()
    start, end = span
    # Not counted: a tenth at both ends, where the lock is held to call and return.
    edge = 0.1 * (end - start)
    assert sum(start + edge < each < end - edge for each in woken) >= 3


def test_boxes_of_several_rules_are_those_of_each_rule_alone() -> None:
    random = np.random.default_rng(0)
    rules = [
        BoxRule(threshold, reference, strict, upsampling, connectivity, component)
        for threshold, reference in ((0.15, "max"), (0.6, "max"), (1.0, "mean"), (40.0, "mean"))
        for strict in (False, True)
        for upsampling in KERNELS
        for connectivity in CONNECTIVITIES
        for component in COMPONENTS
    ]
    maps = [random.standard_normal((4, 5)).astype(np.float32), -np.ones((3, 3), np.float32)]
    window = Window(2.0, 1.0, 22.0, 18.0)
    for values in maps:
        together = extract_boxes(values, Size(20, 26), rules, window)
        for rule, (box, state) in zip(rules, together, strict=True):
            alone, alone_state = extract_box(values, Size(20, 26), rule, window)
            assert (box.tolist(), state) == (alone.tolist(), alone_state), rule
    assert len({tuple(box) for box, _ in extract_boxes(maps[0], Size(20, 26), rules)}) > 8
