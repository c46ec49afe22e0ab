"""Sums that merge over shards, and their Poisson bootstrap."""

from itertools import pairwise

import numpy as np
import pytest

from wsol_bench.scoring.intervals import wilson_interval
from wsol_bench.scoring.measured import figure_of
from wsol_bench.scoring.replicated_sums import (
    REPLICATES,
    merged,
    poisson_weights,
    ratio,
    summed,
)

IDS = [f"val/{i}.JPEG" for i in range(40)]
VALUES = np.random.default_rng(0).integers(0, 100, (40, 3))


def mean(sums: np.ndarray, n: np.ndarray) -> np.ndarray:
    return ratio(sums[..., 0], n)


def test_sums_and_resampled_sums_are_those_of_plain_loops():
    state = summed(VALUES, IDS)
    weights = poisson_weights(IDS).tolist()
    for r in range(7):
        assert state.replicate_n[r] == sum(row[r] for row in weights)
        for k in range(3):
            expected = sum(w[r] * v[k] for w, v in zip(weights, VALUES.tolist(), strict=True))
            assert state.replicates[r, k] == expected
    assert state.total.tolist() == VALUES.sum(axis=0).tolist()
    assert state.n == 40


@pytest.mark.parametrize("cuts", [[1], [0, 13], [39], [5, 5, 20, 33]])
def test_any_division_into_shards_merges_to_the_same_state(cuts):
    edges = [0, *cuts, 40]
    parts = [summed(VALUES[a:b], IDS[a:b]) for a, b in pairwise(edges)]
    whole, joined = summed(VALUES, IDS), merged(parts[::-1])
    assert joined.n == whole.n
    assert np.array_equal(joined.total, whole.total)
    assert np.array_equal(joined.replicates, whole.replicates)
    assert np.array_equal(joined.replicate_n, whole.replicate_n)


def test_weights_depend_on_the_id_alone():
    both = poisson_weights(["a", "b"])
    assert np.array_equal(both[1], poisson_weights(["b"])[0])
    assert not np.array_equal(both[0], both[1])
    # Recorded: another version of anything must not change published intervals.
    assert poisson_weights(["val/ILSVRC2012_val_00000001.JPEG"])[0, :12].tolist() == RECORDED


RECORDED = [1, 0, 1, 1, 3, 0, 1, 0, 0, 0, 2, 0]


def test_weights_are_poisson_with_mean_1():
    weights = poisson_weights([str(i) for i in range(400)]).ravel()  # 200,000 draws
    for times, share in enumerate([0.36788, 0.36788, 0.18394, 0.06131, 0.01533]):
        error = np.sqrt(share * (1 - share) / weights.size)
        assert abs(np.mean(weights == times) - share) < 4 * error
    assert abs(weights.mean() - 1) < 4 / np.sqrt(weights.size)


def test_the_interval_of_a_share_is_about_wilsons():
    right = (np.arange(1000) < 540)[:, None]
    ours = figure_of(summed(right, [str(i) for i in range(1000)]), mean)
    wilson = wilson_interval(540, 1000, 0.95)
    assert ours.value == pytest.approx(54.0)
    assert ours.n == 1000
    # An end's standard error over 500 replicates is 0.12 of the share's, which is 1.6 points.
    assert abs(ours.low - wilson.low) < 4 * 0.12 * 1.6
    assert abs(ours.high - wilson.high) < 4 * 0.12 * 1.6


def test_states_of_unlike_kinds_do_not_merge():
    with pytest.raises(ValueError, match="same k"):
        merged([summed(VALUES, IDS), summed(VALUES[:, :2], IDS)])
    with pytest.raises(ValueError, match="at least one"):
        merged([])


def test_vectors_and_ids_have_to_be_of_the_same_images():
    with pytest.raises(ValueError, match="39 images"):
        summed(VALUES, IDS[1:])
    with pytest.raises(ValueError, match="40 images"):
        summed(VALUES[:, 0], IDS)


def test_no_images_have_no_figure():
    nothing = figure_of(summed(np.zeros((0, 1)), []), mean)
    assert (nothing.value, nothing.interval, nothing.n) == (None, None, 0)


def test_a_ratio_over_nothing_is_nan():
    assert ratio(np.array([1.0, 3.0]), np.array([0.0, 2.0])).tolist()[1] == 1.5
    assert np.isnan(ratio(np.array([1.0, 0.0]), np.array([0.0, 0.0]))).all()
    assert summed(VALUES, IDS).replicates.shape[0] == REPLICATES
