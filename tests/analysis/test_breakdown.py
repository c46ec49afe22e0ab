"""Groups of images and kinds of failure: worked by hand, and by plain loops over images."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from wsol_bench.analysis.breakdown import (
    COUNT_NAMES,
    SIZE_NAMES,
    MeasuredImages,
    by_box_count,
    by_box_size,
    by_class,
)
from wsol_bench.analysis.failures import KINDS, FailureKind, count_failures, failure_kinds
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size, box_iou, whole_image_box
from wsol_bench.protocols.catalog import ERRORS, PROTOCOLS
from wsol_bench.records.record import Record
from wsol_bench.records.table import outcomes_of, to_table
from wsol_bench.report.tables.breakdown import MethodBreakdown, kind_table
from wsol_bench.scoring.catalog import measure
from wsol_bench.scoring.measured import Measured, PerImage
from wsol_bench.scoring.metric import Metric

PROTOCOL = next(iter(PROTOCOLS.values()))
SIZE = Size(80, 100)
METHOD = "grad_cam"


def record(at: int, box, truths, label: int = 0, classes=(0, 1), blacklisted=False) -> Record:
    box, truths = np.array(box, float), np.array(truths, float).reshape(-1, 4)
    return Record(
        image_id=f"i{at}",
        index=at + 1,
        method=METHOD,
        label=label,
        height=SIZE.height,
        width=SIZE.width,
        classes=np.array(classes),
        scores=np.zeros(len(classes), np.float32),
        box=box,
        true_boxes=truths,
        iou=float(box_iou(box, truths).max()) if len(truths) else 0.0,
        map_state=MapState.OK,
        blacklisted=blacklisted,
    )


def random_records(n: int, seed: int = 0) -> list[Record]:
    random = np.random.default_rng(seed)

    def boxes(count: int) -> np.ndarray:
        corners = random.integers(0, 60, (count, 2))
        sides = random.integers(1, 41, (count, 2))
        return np.concatenate([corners, corners + sides], axis=1)

    return [
        record(
            at,
            boxes(1)[0],
            boxes(int(random.integers(1, 5))),
            int(random.integers(0, 4)),
            random.permutation(4)[:2],
            bool(random.random() < 0.1),
        )
        for at in range(n)
    ]


NONE = Measured(None, None, None, 0)


def images(table, method: str = METHOD) -> MeasuredImages:
    return MeasuredImages.of(outcomes_of(table, method), PROTOCOL)


def kind_of(box, truths, **changes) -> FailureKind:
    table = to_table([record(0, box, truths, **changes)])
    return KINDS[failure_kinds(table, METHOD, PROTOCOL)[0]]


OBJECT = [20, 20, 60, 60]


@pytest.mark.parametrize(
    ("box", "truths", "kind"),
    [
        (OBJECT, [OBJECT], FailureKind.RIGHT),
        ([20, 20, 60, 40], [OBJECT], FailureKind.RIGHT),  # IoU of exactly one half
        ([20, 20, 60, 39], [OBJECT], FailureKind.TOO_SMALL),
        ([30, 30, 32, 32], [OBJECT], FailureKind.TOO_SMALL),  # an IoU of 0.0025 is no miss
        ([0, 0, 100, 80], [OBJECT], FailureKind.TOO_LARGE),
        ([0, 0, 100, 80], [[40, 40, 44, 44]], FailureKind.TOO_LARGE),  # nor is 0.002
        ([0, 0, 100, 80], [OBJECT, [70, 60, 80, 70]], FailureKind.SEVERAL),
        ([15, 15, 80, 65], [[20, 20, 45, 60], [50, 20, 75, 60]], FailureKind.SEVERAL),
        ([70, 0, 90, 20], [OBJECT], FailureKind.MISS),
        ([55, 55, 95, 75], [OBJECT], FailureKind.MISS),  # 25 of 2375
        ([40, 20, 80, 60], [OBJECT], FailureKind.OTHER),  # shifted by half: IoU 1/3
        ([30, 0, 50, 80], [OBJECT], FailureKind.OTHER),  # of another shape: IoU 1/3
        ([30, 30, 30, 50], [OBJECT], FailureKind.MISS),  # covers no pixel
        # Judged by the true box of best IoU: a part of the large one, beside the small one.
        ([20, 20, 40, 39], [[62, 20, 66, 24], OBJECT], FailureKind.TOO_SMALL),
    ],
)
def test_the_kind_of_one_image_worked_by_hand(box, truths, kind):
    assert kind_of(box, truths) == kind


@pytest.mark.parametrize(
    ("box", "truth", "kind"),
    [
        # 18 rows of the box's 27 lie in the object, then 18 of 28.
        ([20, 11, 60, 38], OBJECT, FailureKind.TOO_SMALL),
        ([20, 10, 60, 38], OBJECT, FailureKind.OTHER),
        # 20 rows of the object's 30 are covered, then 19.
        ([20, 0, 60, 50], [20, 30, 60, 60], FailureKind.TOO_LARGE),
        ([20, 0, 60, 49], [20, 30, 60, 60], FailureKind.OTHER),
    ],
)
def test_mostly_begins_at_two_thirds(box, truth, kind):
    assert kind_of(box, [truth]) == kind


@pytest.mark.parametrize(("classes", "blacklisted"), [((1, 0), False), ((1, 0), True)])
def test_a_wrong_class_comes_before_any_box(classes, blacklisted):
    table = to_table([record(0, [70, 0, 90, 20], [OBJECT], 0, classes, blacklisted)])
    kinds = [
        KINDS[failure_kinds(table, METHOD, PROTOCOL, metric)[0]]
        for metric in ("top1_loc", "top5_loc", "gt_known_loc")
    ]
    assert kinds == [FailureKind.CLASS_WRONG, FailureKind.MISS, FailureKind.MISS]


def slow_kind(one: Record, iou: float) -> FailureKind:
    """The definition, image by image, in whole pixels and fractions."""
    best, covered = (-1, None, None), 0
    mostly = 2 * Fraction(iou) / (1 + Fraction(iou))
    x0, y0, x1, y1 = (int(v) for v in one.box)
    own = {(x, y) for x in range(x0, x1) for y in range(y0, y1)}
    for truth in one.true_boxes.astype(int).tolist():
        true = {(x, y) for x in range(truth[0], truth[2]) for y in range(truth[1], truth[3])}
        both = len(own & true)
        inside, covers = Fraction(both, len(own)), Fraction(both, len(true))
        covered += covers >= mostly
        if Fraction(both, len(own | true)) > best[0]:
            best = (Fraction(both, len(own | true)), inside, covers)
    if best[0] >= iou:
        return FailureKind.RIGHT
    if covered >= 2:
        return FailureKind.SEVERAL
    assert not (best[1] >= mostly and best[2] >= mostly)  # too small and too large exclude
    if best[2] >= mostly:
        return FailureKind.TOO_LARGE
    if best[1] >= mostly:
        return FailureKind.TOO_SMALL
    return FailureKind.MISS if best[0] < Fraction(1, 10) else FailureKind.OTHER


@pytest.mark.parametrize("iou", [0.5, 0.25, 0.75])
def test_kinds_are_those_of_the_definition_image_by_image(iou):
    records = [*random_records(600), record(600, OBJECT, [OBJECT])]
    protocol = replace(PROTOCOL, iou=iou)
    found = failure_kinds(to_table(records), METHOD, protocol, "gt_known_loc")
    assert [KINDS[code] for code in found] == [slow_kind(one, iou) for one in records]
    assert {KINDS[code] for code in found} == set(FailureKind) - {FailureKind.CLASS_WRONG}


@pytest.mark.parametrize("metric", ["top1_loc", "top5_loc", "gt_known_loc"])
def test_kinds_add_up_to_the_metrics_images_and_failures_to_its_wrong_ones(metric):
    table = to_table(random_records(400))
    found = count_failures(table, METHOD, PROTOCOL, metric)
    figure = measure(outcomes_of(table, METHOD), PROTOCOL)[metric]
    assert tuple(found) == KINDS
    assert sum(found.values()) == figure.n
    wrong = sum(found.values()) - found[FailureKind.RIGHT]
    assert 100 * wrong / figure.n == figure.value


def test_a_metric_without_boxes_has_no_kinds():
    with pytest.raises(UsageError, match="metric top1_cls: has no boxes"):
        count_failures(to_table(random_records(3)), METHOD, PROTOCOL, "top1_cls")


def test_no_records_have_no_kinds_and_empty_groups():
    table = to_table(random_records(3))
    assert count_failures(table, "none", PROTOCOL) == dict.fromkeys(KINDS, 0)
    for groups in (by_box_size, by_box_count):
        found = [group.figures["top1_cls"] for group in groups(images(table, "none"))]
        assert found == [NONE] * len(found)


def test_a_record_without_a_true_box_is_refused_by_its_name():
    table = to_table([*random_records(2), record(7, OBJECT, [])])
    with pytest.raises(DataError, match="the record of i7 has no ground-truth box"):
        count_failures(table, METHOD, PROTOCOL)


@pytest.mark.parametrize(
    ("truths", "name"),
    [
        ([[0, 0, 25, 19]], "tiny (< 1/16)"),
        ([[0, 0, 25, 20]], "small (1/16–1/4)"),  # 500 of 8000: the edge is the upper bin's
        ([[0, 0, 50, 39]], "small (1/16–1/4)"),
        ([[0, 0, 50, 40]], "medium (1/4–1/2)"),
        ([[0, 0, 100, 40]], "large (≥ 1/2)"),
        ([[0, 0, 30, 30], [40, 0, 80, 30], [0, 40, 30, 70]], "small (1/16–1/4)"),  # not their sum
        ([[0, 0, 200, 200]], "large (≥ 1/2)"),  # leaves the image
        ([[0, 0, 5, 5], [0, 0, 50, 40], [0, 0, 6, 6]], "medium (1/4–1/2)"),  # the largest counts
    ],
)
def test_an_image_is_in_the_bin_of_its_largest_true_box(truths, name):
    groups = by_box_size(images(to_table([record(0, OBJECT, truths)])))
    assert [group.name for group in groups] == list(SIZE_NAMES)
    assert [group.name for group in groups if group.n] == [name]


@pytest.mark.filterwarnings("error")
def test_an_image_that_could_not_be_read_is_in_a_group_of_its_own():
    unread = replace(record(0, [0, 0, 0, 0], [OBJECT]), height=0, width=0)
    table = to_table([unread, record(1, OBJECT, [[0, 0, 50, 40]])])
    groups = by_box_size(images(table))
    assert [group.name for group in groups] == [*SIZE_NAMES, "unreadable"]
    assert [group.figures["top1_loc"].n for group in groups] == [0, 0, 1, 0, 1]


@given(st.integers(1, 100), st.integers(1, 80))
def test_the_bins_say_where_boxes_that_need_no_network_can_be_right(width, height):
    table = to_table([record(0, OBJECT, [[0, 0, width, height]])])
    share = width * height / (SIZE.width * SIZE.height)
    whole = box_iou(whole_image_box(SIZE), np.array([[0.0, 0, width, height]]))[0] >= 0.5
    (name,) = (group.name for group in by_box_size(images(table)) if group.n)
    assert (name == SIZE_NAMES[3]) == whole
    # No place of the object gives the centred box more than the ratio of their areas.
    assert (name in SIZE_NAMES[:2]) == (share < 0.25)
    assert share >= 0.25 or share / 0.71**2 < 0.5


@pytest.mark.parametrize(("count", "name"), [(1, 0), (2, 1), (3, 2), (4, 2), (20, 2)])
def test_an_image_is_in_the_group_of_its_number_of_true_boxes(count, name):
    groups = by_box_count(images(to_table([record(0, OBJECT, [OBJECT] * count)])))
    assert [group.name for group in groups if group.n] == [COUNT_NAMES[name]]


def test_a_groups_errors_are_those_of_its_records_alone():
    records = random_records(500)
    table = to_table(records)
    names = ["a", "b", "c", "d", "never"]
    for at, group in enumerate(by_class(images(table), names)):
        alone = to_table([one for one in records if one.label == at])
        assert group.name == names[at]
        expected = dict.fromkeys(ERRORS, NONE)
        if len(alone):
            expected = measure(outcomes_of(alone, METHOD), PROTOCOL)
        assert group.n == len(alone)
        assert group.figures == expected


def test_groups_of_one_kind_add_up_to_the_whole():
    table = to_table(random_records(500))
    whole = measure(outcomes_of(table, METHOD), PROTOCOL)
    for groups in (
        by_box_size(images(table)),
        by_box_count(images(table)),
        by_class(images(table), ["a", "b", "c", "d"]),
    ):
        assert sum(group.n for group in groups) == 500
        for metric, figure in whole.items():
            parts = [group.figures[metric] for group in groups]
            assert sum(part.n for part in parts) == figure.n
            total = sum((part.value or 0) * part.n for part in parts) / figure.n
            assert total == pytest.approx(figure.value)


def test_parts_of_a_mean_are_means_over_their_images():
    row = outcomes_of(to_table(random_records(60)), METHOD)
    values = PerImage(row.ious * 100, row.counted)
    groups = by_class(MeasuredImages.with_values(row, {"iou": values}), ["a", "b", "c", "d"])
    for label, group in enumerate(groups):
        part = (row.labels == label) & row.counted
        figure = group.figures["iou"]
        assert (figure.value, figure.n) == (pytest.approx(100 * row.ious[part].mean()), part.sum())
        assert figure.low < figure.value < figure.high


def test_a_metric_without_values_per_image_has_no_parts():
    row = outcomes_of(to_table(random_records(5)), METHOD)
    pooled = Metric("pooled", "pooled", "%", True, frozenset(), (), _pooled, "by hand")
    found = MeasuredImages.of(row, PROTOCOL, [pooled.bind()])
    assert found.values == {}


def _pooled(row, protocol):
    return Measured(50.0, 40.0, 60.0, row.n)


def test_under_a_blacklist_the_outcomes_are_shares_of_the_images_that_count(capsys):
    records = random_records(200)
    table = to_table(records)
    kinds = count_failures(table, METHOD, PROTOCOL)
    localized = sum(not one.blacklisted for one in records)
    assert 0 < localized < 200
    found = MethodBreakdown(METHOD, METHOD, "vgg16", 200, localized, (), (), (), (), (), kinds)
    console = Console(width=80)
    console.print(kind_table(found))
    shares = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()[4:-1]]
    assert sum(shares) == pytest.approx(100, abs=0.35)  # seven shares with one decimal
