"""The gate: when it looks, what it lets pass, and what it says to suspect."""

import numpy as np
import pytest
from scipy.stats import binomtest

from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import RunError
from wsol_bench.records.record import Record
from wsol_bench.records.table import to_table
from wsol_bench.runs.gate import IMAGES, Gate

SURE, UNSURE = (9.0, 1.0), (0.3, 0.2)


def record(number: int, *, right: bool, scores=SURE, method: str = "cam") -> Record:
    """One image whose best class is 1 and whose label is 1, or not."""
    return Record(
        image_id=f"image{number}",
        index=number + 1,
        method=method,
        label=1 if right else 0,
        height=4,
        width=4,
        classes=np.array([1, 2]),
        scores=np.array(scores, np.float32),
        box=np.zeros(4),
        true_boxes=np.zeros((1, 4)),
        class_boxes=np.zeros((0, 4)),
        iou=0.0,
        map_state=MapState.OK,
    )


def records(n: int, wrong: int, **options) -> list[Record]:
    return [record(i, right=i >= wrong, **options) for i in range(n)]


def gate(expected: float, images: int) -> Gate:
    return Gate(expected, "the published figure", images)


def test_it_looks_after_a_thousand_images():
    assert IMAGES == 1000
    watching = gate(expected=0, images=IMAGES)
    made = records(1000, wrong=1000)
    for start in range(0, 990, 90):
        watching.watch(to_table(made[start : start + 90]))
    watching.watch(to_table(made[990:999]))  # 999 are wrong, and it waits
    with pytest.raises(RunError):
        watching.watch(to_table(made[999:]))


def test_it_looks_at_all_images_where_they_are_fewer():
    watching = gate(expected=0, images=40)
    watching.watch(to_table(records(39, wrong=39)))
    with pytest.raises(RunError, match="on the first 40 images"):
        watching.watch(to_table([record(39, right=False)]))


def test_it_compares_once_and_ignores_all_later_images():
    first, later = records(50, wrong=0), [record(50 + i, right=False) for i in range(500)]
    watching = gate(expected=0, images=50)
    watching.watch(to_table(first))
    assert watching.has_looked
    watching.watch(to_table(later))  # not compared any more
    with pytest.raises(RunError, match=r"90\.9 % on the first 550 images"):
        gate(expected=0, images=550).watch(to_table(first + later))  # though they would fail


def test_images_beyond_its_number_in_the_last_batch_do_not_count():
    made = [record(i, right=i < 10) for i in range(50)]  # 10 right, then 40 wrong, in one batch
    watching = gate(expected=0, images=10)
    watching.watch(to_table(made))
    assert watching.has_looked
    with pytest.raises(RunError, match=r"0\.0 % on the first 10 images"):  # measured on 10, not 50
        gate(expected=90, images=10).watch(to_table(made))


def test_an_image_counts_once_however_many_methods_it_has():
    watching = gate(expected=0, images=60)
    for name in ("cam", "grad_cam", "center"):  # 177 records of 59 images
        watching.watch(to_table(records(59, wrong=59, method=name)))
    with pytest.raises(RunError, match="on the first 60 images"):
        watching.watch(to_table([record(59, right=False)]))


@pytest.mark.parametrize(("wrong", "n"), [(0, 40), (300, 1000), (40, 40)])
def test_a_figure_up_to_three_points_outside_the_99_per_cent_interval_passes(wrong, n):
    interval = binomtest(wrong, n).proportion_ci(0.99, method="wilson")
    low, high = 100 * interval.low - 3, 100 * interval.high + 3
    step = 1e-6  # far above the rounding of either side's interval
    for inside in (low + step, 100 * wrong / n, high - step):
        gate(inside, n).watch(to_table(records(n, wrong)))
    for outside in (low - step, high + step):
        with pytest.raises(RunError):
            gate(outside, n).watch(to_table(records(n, wrong)))


@pytest.mark.parametrize(
    ("expected", "wrong", "scores", "suspect"),
    [
        (90.0, 10, SURE, "weights"),  # better than published
        (90.0, 10, UNSURE, "weights"),
        (30.0, 60, SURE, "preprocessing"),
        (30.0, 60, UNSURE, "preprocessing"),
        (30.0, 94, SURE, "preprocessing"),
        (30.0, 100, SURE, "label order"),
        (30.0, 96, SURE, "label order"),
        (30.0, 100, UNSURE, "weights"),
    ],
)
def test_it_says_what_to_suspect(expected, wrong, scores, suspect):
    with pytest.raises(RunError) as stopped:
        gate(expected, 100).watch(to_table(records(100, wrong, scores=scores)))
    suspicion = str(stopped.value).partition("suspect the ")[2]
    assert suspicion.startswith(suspect)


def test_the_message_names_what_was_measured_and_what_was_published():
    with pytest.raises(RunError) as stopped:
        gate(30.2, 100).watch(to_table(records(100, wrong=60)))
    # 60 of 100: Wilson's 99 % interval is 47.2 to 71.5.
    interval = binomtest(60, 100).proportion_ci(0.99, method="wilson")
    for part in (
        "--gate",
        "60.0 %",
        "first 100 images",
        f"{100 * interval.low:.1f} to {100 * interval.high:.1f}",
        "the published figure is 30.2 %",
    ):
        assert part in str(stopped.value)


def test_a_network_of_one_class_has_no_second_score():
    with pytest.raises(RunError):
        gate(0, 20).watch(to_table(records(20, wrong=20, scores=(9.0,))))
