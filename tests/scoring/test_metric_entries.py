"""The table's entries for maps, points and masks, on rows made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from wsol_bench.errors import NotApplicable
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS
from wsol_bench.scoring.catalog import METRICS, metrics_in
from wsol_bench.scoring.row_data import RowData

PROTOCOL = PROTOCOLS[DEFAULT_PROTOCOL]
ADDED = (
    "max_box_acc_as_coded",
    "max_box_acc_v2_as_coded",
    "tscam_loc_as_coded",
    "mean_best_iou",
    "pxap",
    "peak_iou",
    "mask_iou",
    "best_mask_iou",
    "pointing_game",
    "energy_pointing_game",
)

LEFT, RIGHT = np.zeros((2, 224, 224), np.float32)
LEFT[60:160, 20:100] = RIGHT[60:160, 120:200] = 1


def row_of(*, masks: bool = True, unreadable: bool = False) -> RowData:
    """Three images with the object on the left; the last map points to the right."""
    truth = LEFT > 0
    sizes = np.full((3, 2), 224)
    if unreadable:
        sizes[2] = 0
    return RowData(
        labels=np.array([0, 0, 1]),
        classes=np.array([[0], [0], [1]]),
        ious=np.array([1.0, 0.5, 0.0]),
        blacklisted=np.zeros(3, bool),
        image_ids=np.array(["a", "b", "c"]),
        boxes=np.array([[20.0, 60, 100, 160]] * 2 + [[120.0, 60, 200, 160]]),
        true_boxes=np.array([[20.0, 60, 100, 160]] * 3),
        box_counts=np.ones(3, np.int64),
        sizes=sizes,
        open_maps=lambda: iter([LEFT, LEFT + RIGHT / 2, RIGHT]),
        open_masks=(lambda: iter([(truth, np.zeros_like(truth))] * 3)) if masks else None,
    )


def figure(name: str, row: RowData) -> float:
    (metric,) = metrics_in(name)
    found = metric.measure(row, PROTOCOL)
    assert found is not None
    assert found.low <= found.value <= found.high
    return found.value


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        # The third map is wrong. Scored a pixel too wide the right boxes still have 0.97.
        ("max_box_acc_as_coded:ends=half-open", 100 * 2 / 3),
        ("max_box_acc_v2_as_coded:ends=half-open", 100 * 2 / 3),
        ("tscam_loc_as_coded:threshold=0.6:ends=half-open", 100 * 2 / 3),
        ("mean_best_iou", 50.0),
        ("mask_iou", 100 * (1 + 1 / 2 + 0) / 3),
        ("mask_iou:threshold=0.7", 100 * 2 / 3),
        ("best_mask_iou", 100 * 2 / 3),
        ("pointing_game", 50.0),  # both of class 0, none of class 1
        ("energy_pointing_game", 100 * (1 + 2 / 3 + 0) / 3),
        # At 1: 2 of 3 right, recall 2/3. At 0: 3 of 3 x 224 x 224 / 8,000 pixels.
        ("pxap", 100 * (2 / 3 * 2 / 3 + 1 / 3 * 24_000 / (3 * 224 * 224))),
        ("peak_iou", 50.0),  # 16,000 of 24,000 + 8,000
    ],
)
def test_a_row_has_the_figure_worked_out_by_hand(name, percent):
    assert figure(name, row_of()) == pytest.approx(percent)


def test_an_image_that_cannot_be_read_counts_as_wrong():
    row = row_of(unreadable=True)
    assert figure("max_box_acc_as_coded", row) == pytest.approx(100 * 2 / 3)
    assert figure("pointing_game", row) == pytest.approx(50)
    assert figure("energy_pointing_game", row) == pytest.approx(100 * (1 + 2 / 3) / 3)
    # All its pixels are at 0: 8,000 more are right there, of three whole images.
    assert figure("best_mask_iou", row) == pytest.approx(100 * 2 / 3)


def test_the_blacklist_is_left_out():
    row = replace(row_of(), blacklisted=np.array([False, False, True]))
    for name in ("max_box_acc_as_coded", "best_mask_iou", "pointing_game", "pxap", "peak_iou"):
        assert figure(name, row) == pytest.approx(100)
    assert figure("mean_best_iou", row) == pytest.approx(75)


def test_a_row_without_maps_is_scored_by_its_boxes_where_boxes_are_enough():
    row = replace(row_of(), open_maps=None)
    assert figure("max_box_acc_as_coded:ends=half-open", row) == pytest.approx(100 * 2 / 3)
    assert figure("pointing_game", row) == 50.0  # the centres of the boxes
    for name in ("pxap", "mask_iou", "energy_pointing_game"):
        assert metrics_in(name)[0].measure(row, PROTOCOL) is None


def test_a_dataset_without_masks_has_no_mask_figure_and_points_at_boxes():
    row = row_of(masks=False)
    for name in ("pxap", "peak_iou", "mask_iou", "best_mask_iou"):
        assert metrics_in(name)[0].measure(row, PROTOCOL) is None
        with pytest.raises(NotApplicable):
            METRICS[name].compute(row, PROTOCOL)
    assert figure("pointing_game", row) == pytest.approx(50)


def test_the_far_corners_of_the_metadata_matter():
    row = row_of()
    tight = replace(row, true_boxes=np.array([[20.0, 60, 36, 92]] * 3))
    outcomes = [figure(f"max_box_acc_as_coded:ends={e}", tight) for e in ("inclusive", "half-open")]
    assert outcomes == [0.0, 0.0]
    # 17 x 33 with both ends inside and 34 x 33 give exactly one half; 16 x 32 give less.
    drawn = np.zeros((224, 224), np.float32)
    drawn[60:92, 20:53] = 1
    exact = replace(tight, open_maps=lambda: iter([drawn] * 3), answers={})
    assert figure("max_box_acc_as_coded:ends=half-open", exact) == 100
    assert figure("max_box_acc_as_coded", exact) == 0


def test_the_far_corners_are_those_of_the_datasets_files_unless_an_option_states_them():
    tight = replace(row_of(), true_boxes=np.array([[20.0, 60, 36, 92]] * 3))
    drawn = np.zeros((224, 224), np.float32)
    drawn[60:92, 20:53] = 1
    exact = replace(tight, open_maps=lambda: iter([drawn] * 3))
    for corners, percent in (("inclusive", 0.0), ("half-open", 100.0)):
        row = replace(exact, corners=corners, answers={})
        assert figure("max_box_acc_as_coded", row) == percent
        assert figure(f"max_box_acc_as_coded:ends={corners}", exact) == percent


def test_a_dataset_with_masks_alone_has_no_accuracy_of_boxes():
    row = replace(row_of(), true_boxes=np.empty((0, 4)), box_counts=np.zeros(3, np.int64))
    for name in ("max_box_acc_as_coded", "max_box_acc", "gt_known_loc", "energy_pointing_game"):
        assert metrics_in(name)[0].measure(row, PROTOCOL) is None
        assert metrics_in(name)[0].reason(row, PROTOCOL) == "the dataset has no boxes"
    assert figure("pointing_game", row) == 50.0  # by the masks


def test_no_images_have_no_figures():
    nothing = RowData(
        np.zeros(0, int),
        np.zeros((0, 1), int),
        np.zeros(0),
        np.zeros(0, bool),
        open_maps=lambda: iter([]),
        open_masks=lambda: iter([]),
    )
    for name in ADDED:
        found = metrics_in(name)[0].measure(nothing, PROTOCOL)
        assert found is not None
        assert found.n == 0
        assert found.value is None or np.isnan(found.value)


def test_the_histograms_of_a_row_are_computed_once():
    calls = []

    def maps():
        calls.append(1)
        return iter([LEFT, LEFT, RIGHT])

    row = replace(row_of(), open_maps=maps)
    for name in ("pxap", "peak_iou", "mask_iou", "best_mask_iou"):
        figure(name, row)
    assert len(calls) == 1
