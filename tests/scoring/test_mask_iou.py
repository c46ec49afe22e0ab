"""Mask IoU by hand and against plain loops over pixels."""

import numpy as np
import pytest

from wsol_bench.datasets.masks import Masks
from wsol_bench.errors import UsageError
from wsol_bench.scoring.mask_iou import best_mask_iou, mask_iou_at
from wsol_bench.scoring.measured import figure_of
from wsol_bench.scoring.pixel_histograms import (
    BINS,
    EDGES,
    ious_of,
    pixel_histograms,
)
from wsol_bench.scoring.replicated_sums import merged, summed
from wsol_bench.scoring.scoremap import scoremap

FOUR = np.array([[1.0, 0.75], [0.5, 0.0]])


def mask_ious(values: np.ndarray, masks: Masks) -> np.ndarray:
    return ious_of(pixel_histograms(values, masks).astype(np.float64))


def masks_of(truth: list[list[int]], ignore: list[list[int]] | None = None) -> Masks:
    inside = np.array(truth, bool)
    return Masks(inside, np.zeros_like(inside) if ignore is None else np.array(ignore, bool))


def test_four_pixels_by_hand():
    ious = mask_ious(FOUR, masks_of([[1, 0], [1, 0]]))
    assert [ious[i] for i in (0, 1, 500, 501, 750, 751, 1000)] == [
        2 / 4,
        2 / 3,
        2 / 3,
        1 / 3,
        1 / 3,
        1 / 2,
        1 / 2,
    ]


def test_ignored_pixels_are_neither_right_nor_wrong():
    ious = mask_ious(FOUR, masks_of([[1, 0], [1, 0]], [[0, 1], [0, 1]]))
    assert [ious[i] for i in (0, 500, 501)] == [1.0, 1.0, 0.5]


def test_an_image_without_an_object_has_0():
    assert not mask_ious(FOUR, masks_of([[0, 0], [0, 0]])).any()
    assert not mask_ious(FOUR, masks_of([[0, 0], [0, 0]], [[1, 1], [1, 1]])).any()


@pytest.mark.parametrize("value", [0.0, 2.0, np.nan])
def test_a_constant_map_keeps_everything_at_0_and_nothing_above(value):
    ious = mask_ious(np.full((2, 2), value), masks_of([[1, 0], [0, 0]]))
    assert ious[0] == 0.25
    assert not ious[1:].any()


def test_the_fixed_and_the_best_threshold_are_means_over_images():
    masks = [masks_of([[1, 0], [1, 0]]), masks_of([[1, 0], [0, 0]])]
    state = summed(np.stack([mask_ious(FOUR, m) for m in masks]), ["a", "b"])
    assert figure_of(state, mask_iou_at(0.5)).value == pytest.approx(100 * (2 / 3 + 1 / 3) / 2)
    # Above 0.75 the first has 1/2 and the second 1.
    assert figure_of(state, best_mask_iou).value == pytest.approx(75)


@pytest.mark.parametrize("threshold", [0.0005, -0.1, 1.01, float("nan")])
def test_a_threshold_between_the_bins_is_refused(threshold):
    with pytest.raises(UsageError, match="nearest"):
        mask_iou_at(threshold)


def test_ious_are_those_of_plain_loops():
    random = np.random.default_rng(0)
    for _ in range(3):
        values = np.round(random.random((5, 5)), 2)
        truth = random.random((12, 12)) < 0.3
        masks = Masks(truth, (random.random((12, 12)) < 0.2) & ~truth)
        scores, ours = scoremap(values, 12), mask_ious(values, masks)
        for index in range(0, BINS, 25):
            shared = union = 0
            for y in range(12):
                for x in range(12):
                    kept = scores[y, x] >= EDGES[index]
                    shared += bool(kept and masks.ground_truth[y, x])
                    union += bool((kept and not masks.ignore[y, x]) or masks.ground_truth[y, x])
            assert ours[index] == pytest.approx(shared / union, abs=1e-9)


def test_shards_merge_to_the_whole():
    random = np.random.default_rng(1)
    ids = [str(i) for i in range(9)]
    blank = np.zeros((12, 12), bool)
    columns = np.stack(
        [mask_ious(random.random((4, 4)), Masks(random.random((12, 12)) < 0.3, blank)) for _ in ids]
    )
    whole = figure_of(summed(columns, ids), best_mask_iou)
    parts = figure_of(
        merged([summed(columns[:2], ids[:2]), summed(columns[2:], ids[2:])]), best_mask_iou
    )
    assert parts.value == pytest.approx(whole.value, abs=1e-9)
    assert parts.low == pytest.approx(whole.low, abs=1e-9)
    assert whole.low < whole.value < whole.high
