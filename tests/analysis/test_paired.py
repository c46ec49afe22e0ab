"""Paired differences against scipy and statsmodels, and the joining of rows by image."""

import re
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from wsol_bench.analysis.differences import (
    holm,
    mcnemar_p,
    paired_difference,
    replicated_difference,
)
from wsol_bench.analysis.paired import PairedComparison, PairedRow, compare_all
from wsol_bench.analysis.row_images import RowImages
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.protocols.catalog import ERRORS, PROTOCOLS
from wsol_bench.records.record import Record
from wsol_bench.records.table import outcomes_of, to_table
from wsol_bench.report.tables.pairs import comparison_table, print_comparisons
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import Interval
from wsol_bench.scoring.measured import mean, share, with_spread
from wsol_bench.scoring.metric import measure_all

PROTOCOL = next(iter(PROTOCOLS.values()))
SAME_P = 1e-9
"""Relative: both sides evaluate the binomial by continued fractions, over 10,000 terms."""


def record(image_id: str, method: str, iou: float, label: int = 0, **changes) -> Record:
    values = {
        "image_id": image_id,
        "index": int(image_id[1:]),
        "method": method,
        "label": label,
        "height": 10,
        "width": 10,
        "classes": np.array([0, 1]),
        "scores": np.array([2, 1], np.float32),
        "box": np.array([0.0, 0, 10, 10]),
        "true_boxes": np.array([[0.0, 0, 10, 10]]),
        "iou": iou,
        "map_state": MapState.OK,
    }
    return Record(**{**values, **changes})


def random_table(n: int, methods: tuple[str, ...], seed: int = 0):
    random = np.random.default_rng(seed)
    hard, labels = random.random(n), random.integers(0, 3, n)
    return to_table(
        record(
            f"i{at}",
            method,
            float(np.clip(hard[at] + random.normal(0, 0.2), 0, 1)),
            int(labels[at]),
            blacklisted=at % 17 == 0,
        )
        for at in range(n)
        for method in methods
    )


def row_of(name: str, table, method: str, protocol) -> PairedRow:
    """A row measured from its records alone."""

    def images() -> RowImages:
        return RowImages.of(lambda: [table.filter(pc.equal(table["method"], method))])

    return PairedRow(name, images, lambda each: each.measure(outcomes_of(table, method), protocol))


def compare_rows(first: PairedRow, second: PairedRow, metric: str) -> PairedComparison:
    (found,) = compare_all([first, second], metric)
    return found


def compare_methods(table, methods, metric: str, protocol) -> tuple[PairedComparison, ...]:
    return compare_all([row_of(name, table, name, protocol) for name in methods], metric)


@settings(deadline=None)  # likewise
@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemars_p_is_scipys_and_statsmodels_exact_p(only_first, only_second):
    mcnemar = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    found = mcnemar_p(only_first, only_second)
    if only_first + only_second:
        test = binomtest(only_first, only_first + only_second, 0.5)
        assert found == pytest.approx(test.pvalue, rel=SAME_P)
    table = [[7, only_first], [only_second, 11]]
    if only_first != only_second:  # there statsmodels doubles to more than 1 in old releases
        assert found == pytest.approx(mcnemar(table, exact=True).pvalue, rel=SAME_P)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (4, 4, 1.0), (0, 5, 2 / 32), (1, 5, 14 / 64), (5, 1, 14 / 64)],
)
def test_mcnemars_p_worked_by_hand(only_first, only_second, p):
    assert mcnemar_p(only_first, only_second) == pytest.approx(p, rel=1e-14)


def test_the_p_of_fifty_thousand_images_that_all_agree_is_nearly_none():
    assert 0.0 <= mcnemar_p(0, 50_000) < 1e-300
    assert mcnemar_p(24_000, 26_000) == pytest.approx(
        binomtest(24_000, 50_000, 0.5).pvalue, rel=SAME_P
    )


@settings(deadline=None)  # the first call imports statsmodels
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holms_correction_is_statsmodels(ps):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    expected = multipletests(ps, method="holm")[1] if ps else []
    assert holm(ps) == pytest.approx(list(expected), rel=1e-12)


def test_holms_correction_worked_by_hand():
    # Sorted 0.01 0.03 0.04 times 3 2 1 is 0.03 0.06 0.04; the last may not fall below 0.06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_difference_counts_the_images_that_tell_the_rows_apart():
    first = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    second = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0], bool)
    found = paired_difference(first, second)
    assert (found.n, found.only_first, found.only_second) == (10, 3, 1)
    assert found.percent == 20.0
    assert found.p == 10 / 16
    assert found.interval.low < 20.0 < found.interval.high


def test_the_multinomial_bootstrap_is_the_bootstrap_over_images():
    random = np.random.default_rng(3)
    first, second = random.random(400) < 0.5, random.random(400) < 0.4
    found = paired_difference(first, second, seed=1).interval
    per_image = first.astype(int) - second.astype(int)
    drawn = per_image[random.integers(0, 400, (20_000, 400))].mean(axis=1) * 100
    low, high = np.quantile(drawn, [0.025, 0.975])
    # Percentiles of 10,000 and of 20,000 resamples: each end has a standard error of under
    # 0.03 standard errors of the difference (3.5 points), so 0.4 is four of them together.
    assert found.low == pytest.approx(low, abs=0.4)
    assert found.high == pytest.approx(high, abs=0.4)


def test_the_interval_covers_the_true_difference_as_often_as_it_says():
    random = np.random.default_rng(0)
    n, trials, covered = 500, 1000, 0
    shares = [0.12, 0.08, 0.8]  # wrong under the first only, the second only, neither or both
    for seed in range(trials):
        kind = random.choice(3, n, p=shares)
        found = paired_difference(kind == 0, kind == 1, resamples=2000, seed=seed)
        covered += 100 * (shares[0] - shares[1]) in found.interval
    # 95 % of 1,000 with a standard error of 7; the percentile interval itself is about
    # half a per cent short at this n, and values come in steps of 0.2 points.
    assert 0.93 * trials <= covered <= 0.975 * trials


def test_the_same_seed_gives_the_same_interval_and_another_a_near_one():
    first, second = np.arange(300) % 3 == 0, np.arange(300) % 4 == 0
    found = paired_difference(first, second, seed=5)
    assert found == paired_difference(first, second, seed=5)
    other = paired_difference(first, second, seed=6)
    assert (other.percent, other.p) == (found.percent, found.p)
    assert other.interval.low == pytest.approx(found.interval.low, abs=1.0)


def test_equal_rows_differ_by_nothing_and_no_images_by_anything():
    wrong = np.array([True, False, True])
    assert paired_difference(wrong, wrong).interval == Interval(0.0, 0.0)
    assert paired_difference(wrong, wrong).p == 1.0
    none = paired_difference(np.empty(0, bool), np.empty(0, bool))
    assert np.isnan(none.percent)
    assert (none.n, none.interval, none.p) == (0, Interval(-100.0, 100.0), 1.0)


def test_flags_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\) and \(4,\)"):
        paired_difference(np.zeros(3, bool), np.zeros(4, bool))


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_values_per_image_add_up_to_the_errors(protocol):
    found = measure_all(metrics_in(ERRORS), outcomes_of(random_table(300, ("a",)), "a"), protocol)
    for figure in found.values():
        counted = figure.per_image.values[figure.per_image.counted]
        assert (100 * counted.mean(), counted.size) == (pytest.approx(figure.value), figure.n)


def test_replicates_of_a_share_give_the_interval_of_the_counts():
    random = np.random.default_rng(0)
    first, second = random.random(400) < 0.5, random.random(400) < 0.4
    ids = np.array([f"i{at}" for at in range(400)])
    means = [mean(100.0 * values, ids) for values in (first, second)]
    replicated, counted = replicated_difference(*means), paired_difference(first, second)
    assert replicated.percent == pytest.approx(counted.percent)
    assert replicated.n == counted.n
    assert replicated.only_first is None
    # 1,000 replicates: an end has a standard error of about 0.1 of the difference's (3.5 points).
    assert replicated.interval.low == pytest.approx(counted.interval.low, abs=1.5)
    assert replicated.interval.high == pytest.approx(counted.interval.high, abs=1.5)
    assert (replicated.p < 0.05) == (counted.p < 0.05)


def test_a_row_differs_from_itself_by_nothing_under_the_bootstrap():
    values = np.random.default_rng(0).random(50)
    figure = mean(values, np.array([f"i{at}" for at in range(50)]))
    found = replicated_difference(figure, figure)
    assert (found.percent, found.interval, found.p) == (0.0, Interval(0.0, 0.0), 1.0)


def test_figures_over_no_images_differ_by_anything():
    none = mean(np.empty(0), np.empty(0, np.str_))
    found = replicated_difference(none, none)
    assert (found.n, found.p) == (0, 1.0)
    assert np.isnan(found.percent)


def test_a_figure_without_replicates_is_no_side_of_a_bootstrap():
    figure = share(np.array([True, False]))
    with pytest.raises(ValueError, match="replicates of both"):
        replicated_difference(figure, figure)


@pytest.mark.parametrize("metric", ERRORS)
def test_the_difference_of_two_methods_is_the_difference_of_their_errors(metric):
    table = random_table(300, ("a", "b"))
    (found,) = compare_methods(table, ("a", "b"), metric, PROTOCOL)
    one, other = (
        measure_all(metrics_in([metric]), outcomes_of(table, name), PROTOCOL)[metric]
        for name in "ab"
    )
    assert found.difference.n == one.n
    assert found.difference.percent == pytest.approx(one.value - other.value, abs=1e-9)
    assert found.p_holm == found.difference.p


def test_all_pairs_are_compared_in_order_and_corrected_together():
    table = random_table(300, ("a", "b", "c"))
    found = compare_methods(table, ("a", "b", "c"), "gt_known_loc", PROTOCOL)
    assert [(each.first, each.second) for each in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [each.p_holm for each in found] == holm([each.difference.p for each in found])


def test_rows_are_joined_by_image_whatever_their_order():
    table = random_table(100, ("a", "b"))
    shuffled = table.take(np.random.default_rng(1).permutation(len(table)))
    first = row_of("one", table, "a", PROTOCOL)
    straight = compare_rows(first, row_of("two", table, "b", PROTOCOL), "top1_loc")
    assert straight == compare_rows(first, row_of("two", shuffled, "b", PROTOCOL), "top1_loc")
    assert straight.difference.only_first > 0


def test_each_row_is_scored_by_its_own_protocol():
    table = random_table(200, ("a",))
    strict = replace(PROTOCOL, name="strict", iou=0.7)
    rows = [
        row_of("half", table, "a", PROTOCOL),
        row_of("strict", table, "a", strict),
    ]
    (found,) = compare_all(rows, "gt_known_loc")
    assert found.difference.only_first == 0
    assert found.difference.only_second > 0


def test_rows_over_different_images_are_refused_by_the_first_image_that_differs():
    ours = row_of("ours", random_table(12, ("a",)), "a", PROTOCOL)
    theirs = row_of("theirs", random_table(11, ("a",)), "a", PROTOCOL)
    with pytest.raises(DataError, match=r"\(12 and 11\): i11 is in ours and not in theirs"):
        compare_rows(ours, theirs, "top1_loc")
    with pytest.raises(DataError, match=r"\(11 and 12\): i11 is in ours and not in theirs"):
        compare_rows(theirs, ours, "top1_loc")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, r"differ in the label of i1 \(0 and 2\)"),
        ({"blacklisted": True}, r"differ in the blacklisting of i1 \(False and True\)"),
    ],
)
def test_rows_that_differ_in_an_image_are_refused_by_its_name(changes, message):
    ours, theirs = (
        row_of(
            name, to_table([record("i0", "a", 1.0), record("i1", "a", 1.0, **more)]), "a", PROTOCOL
        )
        for name, more in (("ours", {}), ("theirs", changes))
    )
    with pytest.raises(DataError, match=message):
        compare_rows(ours, theirs, "top1_loc")


def test_a_row_that_holds_an_image_twice_is_refused():
    table = to_table([record("i0", "a", 1.0), record("i0", "a", 0.0)])
    row = row_of("ours", table, "a", PROTOCOL)
    with pytest.raises(DataError, match="ours: holds i0 more than once"):
        compare_rows(row, row, "top1_loc")


def test_an_unknown_metric_is_refused_with_the_known_ones():
    row = row_of("ours", random_table(5, ("a",)), "a", PROTOCOL)
    with pytest.raises(UsageError, match=r"unknown metric 'top1'.*top1_cls"):
        compare_rows(row, row, "top1")


def test_the_table_fits_80_columns_and_says_what_it_holds(capsys):
    methods = ("grad_cam", "c_mwp", "a_method_of_a_rather_long_name, vgg16_cam, cam-cvpr16")
    found = compare_methods(random_table(2000, methods), methods, "gt_known_loc", PROTOCOL)
    print_comparisons(found, "GT-known loc error")
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "GT-known loc error, differences over n = 1,882 images" in text
    assert f"{found[0].difference.percent:+.2f}".replace("-", "−") in text
    assert not re.search(r"-\d", text)
    assert "grad_cam" in text


def test_a_table_of_several_metrics_or_of_none_is_refused():
    table = random_table(20, ("a", "b"))
    mixed = [
        *compare_methods(table, ("a", "b"), "top1_loc", PROTOCOL),
        *compare_methods(table, ("a", "b"), "top5_loc", PROTOCOL),
    ]
    for comparisons in (mixed, []):
        with pytest.raises(ValueError, match="of one metric"):
            comparison_table(comparisons, "error")


def test_a_difference_on_every_image_is_not_certain_over_few():
    every = paired_difference(np.ones(4, np.bool_), np.zeros(4, np.bool_))
    bound = 100 * 4 / (4 + 1.959964**2)  # Wilson's for 4 of 4
    assert every.interval == Interval(pytest.approx(bound), 100.0)
    other = paired_difference(np.zeros(4, np.bool_), np.ones(4, np.bool_))
    assert other.interval == Interval(-100.0, pytest.approx(-bound))


def test_a_bootstrapped_difference_on_every_image_is_not_certain_over_few():
    ids = np.array(["a", "b", "c"])
    first, second = (
        with_spread(mean(np.full(3, value), ids), is_share=True) for value in (80.0, 20.0)
    )
    found = replicated_difference(first, second)
    assert found.p == 0.25  # of 8 signs of three differences, all alike in 2
    below = np.hypot(80.0 - first.low, second.high - 20.0)
    above = np.hypot(first.high - 80.0, 20.0 - second.low)
    assert found.interval == Interval(60.0 - below, 60.0 + above)
    assert found.interval.low < 0 < found.percent
