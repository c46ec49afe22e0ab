"""Records to errors: cases of the devkit worked by hand, and its loop over five boxes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wsol_bench.geometry import box_iou
from wsol_bench.protocols.catalog import ERRORS, PROTOCOLS, Protocol
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.ilsvrc import (
    TRUTHS,
    label_iou,
    label_ious,
    rank_classes,
    right_classes,
)
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import measure_all
from wsol_bench.scoring.row_data import RowData

every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


def outcomes(*images: tuple[int, list[int], float, bool]) -> RowData:
    """(label, best classes, IoU, blacklisted) of each image."""
    labels, classes, ious, blacklisted = zip(*images, strict=True)
    return RowData(
        np.array(labels), np.array(classes), np.array(ious, float), np.array(blacklisted)
    )


def errors_of(row: RowData, protocol: Protocol) -> dict[str, Measured]:
    return measure_all(metrics_in(ERRORS), row, protocol)


def rate(wrong: int, n: int) -> Measured:
    return Measured.of_rate(Rate(wrong, n))


def wrong_of(row: RowData, protocol: Protocol) -> tuple[int, ...]:
    return tuple(round(each.value * each.n / 100) for each in errors_of(row, protocol).values())


FIRST, FOURTH, NOWHERE = [7, 1, 2, 3, 4], [1, 2, 3, 7, 4], [1, 2, 3, 4, 5]
JUST_BELOW = np.nextafter(0.5, 0)


@every_protocol
@pytest.mark.parametrize(
    ("classes", "iou", "expected"),
    [
        # top1_cls, top5_cls, top1_loc, top5_loc, gt_known_loc
        (FIRST, 0.9, (0, 0, 0, 0, 0)),
        (FIRST, 0.5, (0, 0, 0, 0, 0)),  # exactly one half is right
        (FIRST, JUST_BELOW, (0, 0, 1, 1, 1)),
        (FOURTH, 0.9, (1, 0, 1, 0, 0)),
        (FOURTH, 0.1, (1, 0, 1, 1, 1)),
        (NOWHERE, 0.9, (1, 1, 1, 1, 0)),  # only a known label lets the box count
        (NOWHERE, 0.0, (1, 1, 1, 1, 1)),
    ],
)
def test_errors_of_one_image_worked_by_hand(protocol, classes, iou, expected):
    assert wrong_of(outcomes((7, classes, iou, False)), protocol) == expected


@every_protocol
def test_a_blacklisted_image_counts_in_classification_and_not_in_localization(protocol):
    errors = errors_of(outcomes((7, NOWHERE, 0.1, True), (7, FIRST, 0.9, False)), protocol)
    assert errors["top1_cls"] == errors["top5_cls"] == rate(1, 2)
    assert errors["top1_loc"] == errors["top5_loc"] == errors["gt_known_loc"] == rate(0, 1)


@every_protocol
def test_where_every_image_is_blacklisted_localization_is_over_none(protocol):
    errors = errors_of(outcomes((7, FIRST, 0.9, True)), protocol)
    assert errors["top1_cls"] == rate(0, 1)
    assert errors["top1_loc"] == errors["top5_loc"] == errors["gt_known_loc"] == rate(0, 0)


@every_protocol
def test_no_images_give_rates_over_none(protocol):
    none = RowData(np.empty(0, int), np.empty((0, 5), int), np.empty(0), np.empty(0, bool))
    assert list(errors_of(none, protocol).values()) == [Measured(None, None, None, 0)] * 5


@pytest.mark.parametrize(
    ("box", "truths", "iou"),
    [
        # A box to the border: inclusive 0..99 in the file is 0..100 half-open.
        ([0, 0, 100, 80], [[0, 0, 100, 80]], 1.0),
        ([0, 0, 100, 80], [[50, 0, 100, 80]], 0.5),
        # Any true box of the label will do, wherever it stands in the list.
        ([0, 0, 10, 10], [[50, 50, 60, 60], [0, 0, 10, 20]], 0.5),
        ([0, 0, 10, 10], [[0, 0, 10, 20], [50, 50, 60, 60]], 0.5),
        # The overlap with two true boxes together does not count.
        ([0, 0, 9, 10], [[0, 0, 3, 10], [3, 0, 6, 10], [6, 0, 9, 10]], 1 / 3),
    ],
)
@every_protocol
def test_a_box_is_right_when_it_overlaps_any_true_box_by_half(protocol, box, truths, iou):
    best = box_iou(np.array(box, float), np.array(truths, float)).max()
    assert best == iou
    errors = errors_of(outcomes((7, FIRST, best, False)), protocol)
    assert errors["gt_known_loc"] == errors["top1_loc"] == rate(int(iou < 0.5), 1)


def devkit(guesses: list[list[tuple[int, list[int]]]], truths: list, topk: int) -> int:
    """eval_localization_flat.m: how many images have none of their k guesses right.

    Args:
        guesses: for each image (class, box) by falling score, boxes 0-based inclusive.
        truths: for each image (label, true boxes), inclusive.
        topk: how many guesses count.
    """
    wrong = 0
    for guessed, (label, boxes) in zip(guesses, truths, strict=True):
        errors = []
        for guess, b in guessed[:topk]:
            overlap = 0.0
            for t in boxes:
                iw = min(b[2], t[2]) - max(b[0], t[0]) + 1
                ih = min(b[3], t[3]) - max(b[1], t[1]) + 1
                if iw > 0 and ih > 0:
                    areas = (b[2] - b[0] + 1) * (b[3] - b[1] + 1)
                    areas += (t[2] - t[0] + 1) * (t[3] - t[1] + 1)
                    overlap = max(overlap, iw * ih / (areas - iw * ih))
            errors.append(max(float(guess != label), float(overlap < 0.5)))
        wrong += int(min(errors))
    return wrong


@every_protocol
def test_scoring_the_labels_box_alone_equals_the_devkit_on_five_boxes(protocol):
    random = np.random.default_rng(0)

    def boxes(count: int) -> np.ndarray:
        corners = random.integers(0, 6, (count, 2))
        return np.concatenate([corners, corners + random.integers(3, 9, (count, 2))], axis=1)

    guesses, truths, images = [], [], []
    for _ in range(400):
        classes, label = random.permutation(8), int(random.integers(8))
        of_class, true = boxes(8), boxes(int(random.integers(1, 4)))
        guesses.append([(int(c), of_class[c].tolist()) for c in classes])
        truths.append((label, true.tolist()))
        opened = [inclusive + np.array([0, 0, 1, 1]) for inclusive in (of_class[label], true)]
        iou = box_iou(opened[0], opened[1]).max()
        images.append((label, classes[:5].tolist(), iou, False))
    errors = errors_of(outcomes(*images), protocol)
    assert errors["top1_loc"] == rate(devkit(guesses, truths, 1), 400)
    assert errors["top5_loc"] == rate(devkit(guesses, truths, 5), 400)
    known, five, one = (errors[name].value for name in ("gt_known_loc", "top5_loc", "top1_loc"))
    assert 0 < known < five < one < 100


@given(arrays(np.float32, (3, 7), elements=st.sampled_from([-1.0, -0.0, 0.0, 1.0, 2.0])))
def test_classes_are_ranked_by_score_and_ties_by_the_lower_index(scores):
    expected = [sorted(range(7), key=lambda c, row=row: (-row[c], c))[:5] for row in scores]
    assert rank_classes(scores, 5).tolist() == expected


@pytest.mark.parametrize(
    ("label", "first", "best"),
    [(0, True, True), (1, False, True), (4, False, True), (5, False, False)],
)
def test_among_equal_scores_the_lower_classes_are_the_five_best(label, first, best):
    ranked = rank_classes(np.zeros((1, 9), np.float32), 5)
    found = right_classes(RowData(np.array([label]), ranked, np.ones(1), np.zeros(1, bool)), 5)
    assert [hits.tolist() for hits in found] == [[first], [best]]


def test_fewer_classes_than_asked_are_all_ranked():
    assert rank_classes(np.array([[1, 3, 2]], np.float32), 5).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("inclusive", [False, True])
def test_the_ious_of_several_boxes_are_those_of_each_to_the_bit(
    truth: str, inclusive: bool
) -> None:
    random = np.random.default_rng(3)
    corners = random.uniform(0, 50, (60, 2))
    boxes = np.concatenate([corners, corners + random.uniform(-3, 40, (60, 2))], axis=1)
    protocol = replace(PROTOCOLS["gradcam-iccv17"], truth=truth, inclusive=inclusive)
    for truths in (boxes[:0], boxes[:1], boxes[1:6]):
        alone = [label_iou(box, truths, protocol) for box in boxes]
        assert label_ious(boxes, truths, protocol).tolist() == alone
    assert 0 < sum(alone) < len(alone)
