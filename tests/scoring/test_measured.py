"""Figures with bootstrap intervals: against the ordinary bootstrap, and worked by hand."""

import numpy as np
import pytest

from wsol_bench.scoring.bootstrap import percentile_interval, sign_p, weights_of
from wsol_bench.scoring.intervals import Interval, Rate
from wsol_bench.scoring.measured import Measured, class_mean, mean, share
from wsol_bench.scoring.replicated_sums import REPLICATES


def ids(n: int) -> np.ndarray:
    return np.array([f"image {at}" for at in range(n)], dtype=np.str_)


def test_a_share_is_its_rate_with_wilsons_interval() -> None:
    values, counted = np.array([1, 1, 0, 0, 1], bool), np.array([1, 1, 1, 1, 0], bool)
    assert share(values, counted) == Measured.of_rate(Rate(2, 4))


def test_the_interval_of_a_mean_is_the_ordinary_bootstraps() -> None:
    random = np.random.default_rng(0)
    values = random.gamma(2.0, 10.0, 400)
    found = mean(values, ids(400))
    drawn = values[random.integers(0, 400, (20_000, 400))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert found.value == pytest.approx(values.mean())
    # The mean's standard error is 0.7; an end from some 500 replicates is known to a tenth of it.
    assert found.low == pytest.approx(low, abs=0.3)
    assert found.high == pytest.approx(high, abs=0.3)


def test_images_that_are_not_counted_change_nothing() -> None:
    values, counted = np.arange(20.0), np.arange(20) % 4 > 0
    spoiled = np.where(counted, values, 1e9)
    assert mean(spoiled, ids(20), counted) == mean(values[counted], ids(20)[counted])


def test_a_mean_over_classes_weighs_classes_alike() -> None:
    values, labels = np.array([100.0, 0.0, 0.0, 0.0, 50.0]), np.array([3, 7, 7, 7, 7])
    found = class_mean(values, labels, ids(5))
    assert found.value == pytest.approx((100 + 12.5) / 2)
    assert found.n == 5
    assert found.low < found.value < found.high
    hits = class_mean(np.array([True, False, False]), np.array([0, 1, 1]), ids(3))
    assert hits.value == pytest.approx(50.0)


def test_no_images_give_no_mean() -> None:
    for found in (mean(np.empty(0), ids(0)), class_mean(np.empty(0), np.empty(0, int), ids(0))):
        assert (found.value, found.interval, found.n) == (None, None, 0)


def test_an_images_weights_depend_on_its_id_alone() -> None:
    whole = weights_of(ids(6))
    assert whole.shape == (6, REPLICATES)
    np.testing.assert_array_equal(weights_of(ids(6)[[4, 1]]), whole[[4, 1]])
    assert not np.array_equal(whole[0], whole[1])


def test_percentiles_leave_out_replicates_without_a_figure() -> None:
    assert percentile_interval(np.array([np.nan, 5.0, 5.0])) == Interval(5.0, 5.0)
    with pytest.raises(ValueError, match="at least one replicate"):
        percentile_interval(np.array([np.nan]))


@pytest.mark.parametrize(
    ("below", "at", "above", "p"),
    [(0, 0, 99, 2 / 100), (1, 0, 98, 4 / 100), (0, 99, 0, 1.0), (50, 0, 49, 1.0)],
)
def test_the_p_of_replicates_worked_by_hand(below: int, at: int, above: int, p: float) -> None:
    differences = np.array([-1.0] * below + [0.0] * at + [1.0] * above)
    assert sign_p(differences) == pytest.approx(p)
    assert sign_p(-differences) == pytest.approx(p)
