"""Wilson's interval, against scipy's and against its closed forms."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm

from wsol_bench.scoring.intervals import Interval, Rate, wilson_interval

counts = st.integers(1, 50_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
# In per cent. Both sides round some ten operations on numbers up to 100, and their
# quantiles of the normal distribution differ in the last digits.
CLOSE = 1e-10


@settings(deadline=None)  # the first call imports much of scipy
@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_the_interval_is_scipys_wilson_interval(count, confidence):
    found = wilson_interval(*count, confidence)
    expected = binomtest(*count).proportion_ci(confidence, method="wilson")
    assert found.low == pytest.approx(100 * expected.low, abs=CLOSE)
    assert found.high == pytest.approx(100 * expected.high, abs=CLOSE)
    assert 0 <= found.low <= 100 * count[0] / count[1] <= found.high <= 100


@pytest.mark.parametrize("n", [1, 10, 500, 50_000])
def test_none_wrong_leaves_a_bound_of_z_squared_over_n_plus_z_squared(n):
    z = norm.ppf(0.975)
    assert Rate(0, n).interval() == Interval(0.0, pytest.approx(100 * z * z / (n + z * z)))
    assert Rate(n, n).interval() == Interval(pytest.approx(100 * n / (n + z * z)), 100.0)


def test_a_rate_of_159_of_500_is_31_8_per_cent_between_27_9_and_36_0():
    rate = Rate(159, 500)
    assert rate.percent == pytest.approx(31.8, abs=CLOSE)
    interval = rate.interval()  # 95 % unless another confidence is asked
    assert (round(interval.low, 1), round(interval.high, 1)) == (27.9, 36.0)
    assert rate.interval(0.99).low < interval.low
    assert rate.interval(0.99).high > interval.high


def test_a_rate_over_no_images_is_unknown_and_its_interval_everything():
    assert math.isnan(Rate(0, 0).percent)
    assert Rate(0, 0).interval() == Interval(0.0, 100.0)


@pytest.mark.parametrize(
    ("percent", "inside"), [(19.9, False), (20, True), (30, True), (30.1, False)]
)
def test_an_interval_holds_its_ends(percent, inside):
    assert (percent in Interval(20.0, 30.0)) is inside
