"""PxAP and peak IoU by hand and against plain loops over pixels."""

import numpy as np
import pytest
from PIL import Image

from wsol_bench.datasets.masks import Masks
from wsol_bench.errors import RunError
from wsol_bench.scoring.measured import figure_of
from wsol_bench.scoring.pixel_histograms import (
    BINS,
    EDGES,
    pixel_histograms,
)
from wsol_bench.scoring.pxap import peak_iou, pxap
from wsol_bench.scoring.replicated_sums import merged, summed
from wsol_bench.scoring.scoremap import scoremap, square_mask


def masks_of(truth: list[list[int]], ignore: list[list[int]] | None = None) -> Masks:
    inside = np.array(truth, bool)
    return Masks(inside, np.zeros_like(inside) if ignore is None else np.array(ignore, bool))


def figures(*images: tuple[np.ndarray, Masks]) -> tuple[float, float]:
    columns = np.stack([pixel_histograms(values, masks) for values, masks in images])
    state = summed(columns, [str(i) for i in range(len(images))])
    found = figure_of(state, pxap).value, figure_of(state, peak_iou).value
    return tuple(np.nan if value is None else value for value in found)


def plainly(images: list[tuple[np.ndarray, Masks]]) -> tuple[float, float]:
    """The definition: every threshold, every image, every pixel."""
    area, peak, before = 0.0, 0.0, 0.0
    scored = [(scoremap(values, len(m.ground_truth)), m) for values, m in images]
    whole = sum(int(m.ground_truth.sum()) for _, m in images)
    for edge in [*(i * 0.001 for i in range(1000)), 1.0][::-1]:
        tp = fp = 0
        for scores, m in scored:
            for row, truths, ignored in zip(scores, m.ground_truth, m.ignore, strict=True):
                for score, truth, ignore in zip(row, truths, ignored, strict=True):
                    tp += bool(score >= edge and truth)
                    fp += bool(score >= edge and not truth and not ignore)
        if tp + fp:
            area += tp / (tp + fp) * (tp / whole - before)
        before = tp / whole
        peak = max(peak, tp / (whole + fp))
    return 100 * area, 100 * peak


FOUR = np.array([[1.0, 0.75], [0.5, 0.0]])


def test_four_pixels_by_hand():
    # From the top: right, wrong, right, wrong. P = 1, 1/2, 2/3; R = 1/2, 1/2, 1.
    area, peak = figures((FOUR, masks_of([[1, 0], [1, 0]])))
    assert area == pytest.approx(100 * (1 / 2 * 1 + 1 / 2 * 2 / 3), abs=1e-12)
    assert peak == pytest.approx(100 * 2 / 3)  # at 0.5: two right, one wrong


def test_a_map_that_separates_has_100_and_the_opposite_one_the_least():
    masks = masks_of([[1, 1], [0, 0]])
    assert figures((FOUR, masks)) == (100.0, 100.0)
    area, peak = figures((1 - FOUR, masks))  # right are the third and the fourth
    assert area == pytest.approx(100 * (1 / 2 * 1 / 3 + 1 / 2 * 1 / 2))
    assert peak == pytest.approx(50)


def test_ignored_pixels_are_not_counted():
    masks = masks_of([[1, 0], [1, 0]], [[0, 1], [0, 0]])  # the wrong pixel at 0.75
    assert figures((FOUR, masks)) == (100.0, 100.0)


def test_where_everything_but_the_object_is_ignored_precision_is_1():
    masks = masks_of([[0, 0], [1, 0]], [[1, 1], [0, 1]])
    assert figures((FOUR, masks)) == (100.0, 100.0)


def test_an_image_of_ignored_pixels_alone_adds_nothing():
    nothing = masks_of([[0, 0], [0, 0]], [[1, 1], [1, 1]])
    assert not pixel_histograms(FOUR, nothing).any()
    assert all(np.isnan(figures((FOUR, nothing))))
    masks = masks_of([[1, 0], [1, 0]])
    assert figures((FOUR, masks), (FOUR, nothing)) == figures((FOUR, masks))


def test_an_empty_mask_counts_all_pixels_as_outside():
    empty = masks_of([[0, 0], [0, 0]])
    assert pixel_histograms(FOUR, empty)[BINS:].sum() == 4
    # Pooled with a map that separates: P = 1/2 at both true pixels (1, 1 and then 0.75, 0.75).
    area, _ = figures((FOUR, masks_of([[1, 1], [0, 0]])), (FOUR, empty))
    assert area == pytest.approx(50)


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_constant_maps_and_nan_are_in_the_lowest_bin(value):
    histograms = pixel_histograms(np.full((2, 2), value), masks_of([[1, 0], [0, 0]]))
    assert (histograms[0], histograms[BINS]) == (1, 3)
    area, peak = figures((np.full((2, 2), value), masks_of([[1, 0], [0, 0]])))
    assert (area, peak) == (25.0, 25.0)


def test_tied_values_enter_together():
    tied = np.array([[1.0, 1.0], [1.0, 0.0]])
    area, peak = figures((tied, masks_of([[1, 0], [0, 0]])))
    assert (area, peak) == (pytest.approx(100 / 3), pytest.approx(100 / 3))


def test_infinite_values_are_an_error():
    with pytest.raises(RunError, match="infinite"):
        pixel_histograms(np.array([[0.0, np.inf]]), masks_of([[1, 0], [0, 0]]))


def test_bins_are_those_of_numpys_histogram():
    assert len(EDGES) == BINS == 1001
    random = np.random.default_rng(0)
    values = np.concatenate([EDGES, np.nextafter(EDGES, -1)[1:], random.random(10_000)])
    values = values[: 100 * 120].reshape(100, 120)
    values[0, 0], values[0, 1] = 0.0, 1.0
    square = np.concatenate([values, np.zeros((20, 120))])  # 120 x 120, still 0..1
    ours = pixel_histograms(square, Masks(square > 2, square > 2))[BINS:]
    expected = np.histogram(square, bins=[*EDGES, 2.0])[0]
    assert ours.tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_plain_loops(seed):
    random = np.random.default_rng(seed)
    images = []
    for _ in range(3):
        values = np.round(random.random((5, 5)), 1) if seed else random.random((3, 3))
        truth = random.random((12, 12)) < 0.3
        images.append((values, Masks(truth, (random.random((12, 12)) < 0.2) & ~truth)))
    assert figures(*images) == pytest.approx(plainly(images), abs=1e-9)


def test_instances_are_joined_and_win_over_the_ignore_mask():
    left, right = np.zeros((4, 4), bool), np.zeros((8, 8), bool)
    left[:, 0], right[:, 6:] = True, True
    joined = square_mask(left, 4) | square_mask(right, 4)
    masks = Masks.of(joined, square_mask(np.ones((2, 2), bool), 4))
    assert masks.ground_truth.tolist() == [[True, False, False, True]] * 4
    assert masks.ignore.tolist() == [[False, True, True, False]] * 4
    empty = Masks.of(np.zeros((4, 4), bool))
    assert not empty.ground_truth.any()
    assert not empty.ignore.any()


def test_shards_merge_to_the_whole():
    random = np.random.default_rng(7)
    ids = [f"{i}.jpg" for i in range(12)]
    masks = [Masks(random.random((12, 12)) < 0.3, np.zeros((12, 12), bool)) for _ in ids]
    maps = [random.random((4, 4)) for _ in ids]
    columns = np.stack([pixel_histograms(v, m) for v, m in zip(maps, masks, strict=True)])
    whole = summed(columns, ids)
    parts = merged([summed(columns[5:], ids[5:]), summed(columns[:5], ids[:5])])
    assert figure_of(parts, pxap) == figure_of(whole, pxap)
    assert figure_of(parts, peak_iou) == figure_of(whole, peak_iou)
    found = figure_of(whole, pxap)
    assert found.low < found.value < found.high


@pytest.mark.ilsvrc
def test_the_openimages_masks_give_the_figures_of_a_second_implementation(openimages_masks):
    """Whole images at 224, masks through OpenCV, thresholds one by one over sorted pixels."""
    cv2 = pytest.importorskip("cv2")
    images, inside, outside = [], [], []
    random = np.random.default_rng(0)
    for ignore_file in sorted(openimages_masks.glob("*/*_ignore.png")):
        stem = ignore_file.name.removesuffix("_ignore.png")
        files = sorted(set(ignore_file.parent.glob(f"{stem}_*.png")) - {ignore_file})
        loaded = [np.asarray(Image.open(file).convert("L")) > 0.5 for file in files]
        ignored = np.asarray(Image.open(ignore_file).convert("L")) > 0.5
        values = random.random((7, 7), np.float32)
        joined = np.any([square_mask(mask) for mask in loaded], axis=0)
        images.append((values, Masks.of(joined, square_mask(ignored))))
        small = [
            cv2.resize(np.float32(mask), (224, 224), interpolation=cv2.INTER_NEAREST) > 0.5
            for mask in [*loaded, ignored]
        ]
        truth = np.any(small[:-1], axis=0)
        square = cv2.resize(values.astype(float), (224, 224), interpolation=cv2.INTER_CUBIC)
        square = (square - square.min()) / (square - square.min()).max()
        inside.append(square[truth])
        outside.append(square[~truth & ~small[-1]])
    assert len(images) == 5
    hit, missed = np.sort(np.concatenate(inside)), np.sort(np.concatenate(outside))
    area, peak, before = 0.0, 0.0, 0.0
    for edge in [1.0, *np.arange(0, 1, 0.001)[::-1]]:
        tp = len(hit) - np.searchsorted(hit, edge)
        fp = len(missed) - np.searchsorted(missed, edge)
        if tp + fp:
            area += tp / (tp + fp) * (tp / len(hit) - before)
            before = tp / len(hit)
            peak = max(peak, tp / (len(hit) + fp))
    assert figures(*images) == pytest.approx((100 * area, 100 * peak), abs=1e-9)
