"""MaxBoxAcc and MaxBoxAccV2 against their definition, worked out threshold by threshold."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.boxes.sweep import ComponentBoxes
from wsol_bench.boxes.upsampling import UPSAMPLINGS
from wsol_bench.errors import RunError, UsageError
from wsol_bench.geometry import Size, box_iou
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS, Protocol
from wsol_bench.scoring.bootstrap import weights_of
from wsol_bench.scoring.replicated_sums import REPLICATES
from wsol_bench.scoring.swept_boxes import judge, right_boxes, right_components, thresholds_of
from wsol_bench.scoring.threshold_choice import Choice, ThresholdCurve, Verdicts

SWEPT = [protocol for protocol in PROTOCOLS.values() if protocol.sweep]
V1, V2 = PROTOCOLS["maxboxacc"], PROTOCOLS["maxboxacc-v2"]
every_swept = pytest.mark.parametrize("protocol", SWEPT, ids=lambda protocol: protocol.name)


def plainly(values, size, truths, protocol: Protocol) -> np.ndarray:
    """The definition: enlarge, label at each threshold, IoU of each box with each truth."""
    sweep, rule = protocol.sweep, protocol.box_rule
    square = UPSAMPLINGS[rule.upsampling](values, sweep.side, sweep.side).astype(np.float64)
    extent = square.max() - square.min()
    edges = np.ones((3, 3)) if rule.connectivity == 8 else None
    sides = np.array([size.width, size.height, size.width, size.height])
    scaled = truths * sweep.side / sides
    right = []
    for share in np.arange(sweep.thresholds) / sweep.thresholds:
        labels, _ = scipy.ndimage.label(square >= square.min() + share * extent, edges)
        boxes = [(x.start, y.start, x.stop, y.stop) for y, x in scipy.ndimage.find_objects(labels)]
        if not sweep.any_component:
            boxes = [boxes[int(np.argmax(np.bincount(labels.ravel())[1:]))]]
        best = max(box_iou(np.array(box), scaled).max() for box in boxes)
        right.append([best >= iou for iou in sweep.ious])
    return np.array(right)


def small(protocol: Protocol, side: int, thresholds: int, **rule: object) -> Protocol:
    """The protocol with fewer thresholds on a smaller square."""
    sweep = replace(protocol.sweep, side=side, thresholds=thresholds)
    return replace(protocol, sweep=sweep, box_rule=replace(protocol.box_rule, **rule))


def a_case(seed: int) -> tuple[np.ndarray, Size, np.ndarray]:
    """A map and some true boxes, one of them near where the map is high."""
    random = np.random.default_rng(seed)
    size = Size(int(random.integers(100, 500)), int(random.integers(100, 500)))
    values = random.random((7, 7), np.float32) ** 2
    y, x = (np.argwhere(values == values.max())[0] + 0.5) / 7
    reach = random.uniform(0.05, 0.3)
    near = np.clip([x - reach, y - reach, x + reach, y + reach], 0, 1)
    corners = np.sort(random.random((2, 2, 2)), axis=1).reshape(2, 4)  # x0 y0 x1 y1
    truths = np.concatenate([[near], corners]) * (size[::-1] * 2)
    return values, size, truths[: random.integers(1, 4)]


@every_swept
def test_every_threshold_is_judged_as_the_definition_says(protocol):
    right = 0
    for seed in range(12):
        case = a_case(seed)
        ours = judge(*case, small(protocol, side=96, thresholds=200))
        expected = plainly(*case, small(protocol, side=96, thresholds=200))
        np.testing.assert_array_equal(ours, expected)
        right += expected.sum()
    assert 0 < right < 12 * 200 * len(protocol.sweep.ious)  # neither answer is always the one


@every_swept
def test_the_protocols_own_square_and_thresholds_are_judged_as_the_definition_says(protocol):
    case = a_case(100)
    np.testing.assert_array_equal(judge(*case, protocol), plainly(*case, protocol))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32), connectivity=st.sampled_from([4, 8]))
def test_maps_of_few_values_are_judged_as_the_definition_says(seed, connectivity):
    random = np.random.default_rng(seed)
    values = random.integers(0, 4, (12, 12)).astype(np.float32)
    values[0, :2] = 0, 3
    truths = np.sort(random.integers(0, 13, (2, 2, 2)), axis=1).reshape(2, 4).astype(float)
    for protocol in SWEPT:
        rule = {"upsampling": "nearest", "connectivity": connectivity}
        in_small = small(protocol, side=12, thresholds=12, **rule)
        case = values, Size(12, 12), truths
        np.testing.assert_array_equal(judge(*case, in_small), plainly(*case, in_small))


BLOBS = np.array(
    [
        [8, 8, 0, 0, 0, 0],
        [8, 8, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 6, 6, 6],
        [0, 0, 0, 6, 6, 6],
        [0, 0, 2, 6, 6, 6],
    ],
    np.float32,
)
"""In eighths of the range: all at 0; at 1 and 2 two blobs, the lower one with an extra
column; from 3 to 6 without it; at 7 the upper one alone."""


def judged_blobs(protocol: Protocol, truth: list[float]) -> list[list[bool]]:
    by_hand = small(protocol, side=6, thresholds=8, upsampling="nearest")
    return judge(BLOBS, Size(12, 6), np.array([truth]), by_hand).T.tolist()


T, F = True, False


def test_the_largest_component_alone_counts_by_hand():
    # Twice as high as wide: the upper blob is 0,0,2,4 in pixels. It is largest only
    # once the lower one has gone, above 6, at share 7/8.
    assert judged_blobs(V1, [0, 0, 2, 4]) == [[F, F, F, F, F, F, F, T]]
    # The lower blob is 3,6,6,12; with its extra column at 2/8 and below, 3 of 4 columns.
    assert judged_blobs(V1, [3, 6, 6, 12]) == [[F, T, T, T, T, T, T, F]]


def test_any_component_counts_under_v2_by_hand():
    assert judged_blobs(V2, [0, 0, 2, 4]) == [[F, T, T, T, T, T, T, T]] * 3
    # All of it has an IoU of 9/36, under 0.3.
    assert judged_blobs(V2, [3, 6, 6, 12]) == [[F, T, T, T, T, T, T, F]] * 3
    # A third more to the left: 9/18 of the blob, 12/18 with the extra column.
    assert judged_blobs(V2, [0, 6, 6, 12]) == [
        [T, T, T, T, T, T, T, F],
        [T, T, T, T, T, T, T, F],
        [F, F, F, F, F, F, F, F],
    ]


def test_an_iou_of_exactly_the_least_is_right():
    boxes = np.array([[0, 0, 1, 1], [0, 0, 2, 1], [0, 0, 0, 0]], np.int32)
    truth = np.array([[0.0, 0.0, 1.0, 2.0]])
    assert right_boxes(boxes, truth, (0.5,)).tolist() == [[True], [False], [False]]
    tenths = np.array([[0.0, 0.0, 10.0, 1.0]])
    boxes = np.array([[0, 0, n, 1] for n in (3, 5, 7)], np.int32)
    assert right_boxes(boxes, tenths, (0.3, 0.5, 0.7)).sum(axis=1).tolist() == [1, 2, 3]


@pytest.mark.parametrize("dtype", [np.int32, np.float64])
@settings(deadline=None)
@given(
    boxes=st.lists(st.tuples(*[st.integers(0, 8)] * 4), min_size=1, max_size=6),
    truths=st.lists(st.tuples(*[st.floats(0, 8)] * 4), max_size=3),
)
def test_a_box_is_right_when_geometrys_iou_reaches_the_least(dtype, boxes, truths):
    upright = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes]
    others = np.array(truths, dtype=np.float64).reshape(-1, 4)
    ious = (0.1, 0.3, 0.5, 0.7)
    ours = right_boxes(np.array(upright, dtype), others, ious)
    best = [box_iou(np.array(box), others).max(initial=0.0) for box in upright]
    assert ours.tolist() == [[value >= iou for iou in ious] for value in best]


def test_a_threshold_is_right_while_at_least_one_right_component_stands():
    found = ComponentBoxes(
        boxes=np.array([[0, 0, 2, 2], [0, 0, 2, 2], [5, 5, 6, 6]], np.int32),
        start=np.array([1, 2, 0], np.int32),
        stop=np.array([3, 5, 6], np.int32),
    )
    right = right_components(found, np.array([[0.0, 0.0, 2.0, 2.0]]), (0.5,), 6)
    assert right[:, 0].tolist() == [False, True, True, True, True, False]


@every_swept
@pytest.mark.parametrize("value", [0.0, -2.0, 3.0])
def test_a_constant_maps_box_is_the_whole_image_at_every_threshold(protocol, value):
    values = np.full((7, 7), value, np.float32)
    assert judge(values, Size(50, 80), np.array([[0.0, 0.0, 80.0, 50.0]]), protocol).all()
    assert not judge(values, Size(50, 80), np.array([[0.0, 0.0, 8.0, 5.0]]), protocol).any()


@every_swept
def test_without_true_boxes_nothing_is_right(protocol):
    assert not judge(BLOBS, Size(50, 80), np.empty((0, 4)), protocol).any()


@every_swept
def test_judging_is_blind_to_a_maps_unit_and_offset(protocol):
    values, size, truths = a_case(3)
    same = judge(values, size, truths, protocol)
    np.testing.assert_array_equal(judge(values * 8, size, truths, protocol), same)
    in_small = small(protocol, 60, 50, upsampling="nearest")  # sums of bilinear shares round
    exact = np.round(values * 64)
    np.testing.assert_array_equal(
        judge(exact - 1024, size, truths, in_small), judge(exact, size, truths, in_small)
    )


@every_swept
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_map_with_a_value_that_is_no_number_is_refused(protocol, value):
    values = BLOBS.copy()
    values[1, 1] = value
    with pytest.raises(RunError, match="NaN"):
        judge(values, Size(6, 6), np.array([[0.0, 0.0, 2.0, 2.0]]), protocol)


def test_a_protocol_with_one_threshold_is_refused():
    with pytest.raises(UsageError, match="no sweep"):
        judge(BLOBS, Size(6, 6), np.ones((1, 4)), PROTOCOLS[DEFAULT_PROTOCOL])


def test_thresholds_are_thousandths_from_0_to_under_1():
    for protocol in SWEPT:
        expected = [i / 1000 for i in range(1000)]
        assert thresholds_of(protocol.sweep).tolist() == expected


def curve(right: list[list[int]], n: int = 10) -> ThresholdCurve:
    counts = np.array(right)
    return ThresholdCurve(np.array([0.0, 0.1, 0.2]), (0.3, 0.7), counts, n)


def test_each_least_iou_has_its_own_best_threshold_the_lowest_of_equals():
    figure = curve([[5, 1], [9, 4], [9, 6]]).oracle()
    assert figure.choice is Choice.ORACLE
    assert figure.thresholds == (0.1, 0.2)
    assert [rate.wrong for rate in figure.rates] == [1, 4]
    assert figure.percent_right == pytest.approx((90 + 60) / 2)


def test_a_fixed_threshold_is_the_same_for_every_least_iou():
    figure = curve([[5, 1], [9, 4], [9, 6]]).at(0.1)
    assert figure.choice is Choice.FIXED
    assert figure.thresholds == (0.1, 0.1)
    assert figure.percent_right == pytest.approx((90 + 40) / 2)


def test_a_tuned_figure_takes_the_other_splits_thresholds_and_this_ones_counts():
    scored = curve([[5, 1], [9, 4], [9, 6]])
    figure = scored.tuned(curve([[2, 8], [1, 3], [1, 3]], n=8))
    assert figure.choice is Choice.TUNED
    assert figure.thresholds == (0.0, 0.0)
    assert [(rate.wrong, rate.n) for rate in figure.rates] == [(5, 10), (9, 10)]


def test_an_oracle_is_at_least_any_other_figure():
    random = np.random.default_rng(0)
    for _ in range(20):
        scored, other = (curve(random.integers(0, 11, (3, 2)).tolist()) for _ in range(2))
        best = scored.oracle().percent_right
        assert scored.tuned(other).percent_right <= best
        assert all(scored.at(t).percent_right <= best for t in (0.0, 0.1, 0.2))


def test_a_threshold_that_a_curve_has_not_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"nearest is 0\.2"):
        curve([[0, 0]] * 3).at(0.17)


def test_a_curve_is_not_tuned_on_itself_nor_on_one_of_another_kind():
    scored = curve([[0, 0]] * 3)
    with pytest.raises(UsageError, match="another split"):
        scored.tuned(scored)
    with pytest.raises(UsageError, match="same thresholds"):
        scored.tuned(replace(scored, ious=(0.3, 0.5)))
    with pytest.raises(UsageError, match="same thresholds"):
        scored.tuned(replace(scored, thresholds=np.array([0.0, 0.1, 0.3])))


def test_verdicts_come_back_from_their_bits_and_count_into_a_curve():
    judged = np.random.default_rng(0).random((600, 7, 3)) < 0.3  # more images than one block
    counted = np.arange(600) % 5 > 0
    verdicts = Verdicts.collect(iter(judged), np.arange(7) / 7, (0.3, 0.5, 0.7))
    assert verdicts.bits.shape == (600, 3)  # 21 bits each
    found = verdicts.curve(counted)
    np.testing.assert_array_equal(found.right, judged[counted].sum(axis=0))
    assert found.n == 480
    places = np.array([4, 0, 6])
    np.testing.assert_array_equal(verdicts.at(places), judged[:, places, [0, 1, 2]])


def test_no_verdicts_give_a_curve_over_no_images():
    none = Verdicts.collect(iter([]), np.arange(7) / 7, (0.5,))
    assert none.curve(np.empty(0, bool)).n == 0
    assert none.at(np.array([2])).shape == (0, 1)


def test_each_replicate_chooses_its_own_best_threshold():
    judged = np.random.default_rng(1).random((40, 5, 2)) < 0.5
    ids = np.array([f"i{at}" for at in range(40)])
    counted = np.arange(40) % 3 > 0
    verdicts = Verdicts.collect(iter(judged), np.arange(5) / 5, (0.3, 0.7))
    found = verdicts.replicated_best(ids, counted)
    weights = weights_of(ids).astype(float)[counted]  # (n, R)
    for replicate in (0, 17, REPLICATES - 1):
        right = np.einsum("n,ntd->td", weights[:, replicate], judged[counted])
        best = 100 * right.max(axis=0) / weights[:, replicate].sum()
        assert found[replicate] == pytest.approx(best.mean(), rel=1e-6)
