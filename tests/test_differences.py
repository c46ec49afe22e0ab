"""Records of two runs held against each other."""

import numpy as np
import pytest

from wsol_bench.differences import differences_of, explanations
from wsol_bench.record_table import to_table
from wsol_bench.records import MapState, Record


def record(name: str, method: str = "cam", box=(0, 0, 10, 10), iou=0.6, classes=(1, 2)) -> Record:
    return Record(
        image_id=name,
        index=1,
        method=method,
        label=1,
        height=50,
        width=50,
        classes=np.array(classes),
        scores=np.zeros(2, np.float32),
        box=np.array(box, float),
        true_boxes=np.array([[0, 0, 10, 10]], float),
        iou=iou,
        map_state=MapState.OK,
    )


def test_equal_records_have_no_difference():
    table = to_table([record("a"), record("b"), record("a", "mwp")])
    found = list(differences_of(table, table, 0.5))
    assert [each.method for each in found] == ["cam", "mwp"]
    assert all(each.none for each in found)


def test_what_differs_is_named_image_by_image():
    old = [record("a"), record("b"), record("c"), record("d")]
    new = [
        record("d", classes=(2, 1)),
        record("c", box=(0, 0, 10, 17), iou=0.4),
        record("b", box=(1, 0, 10, 10), iou=0.55),
        record("e"),
    ]
    (found,) = differences_of(to_table(old), to_table(new), 0.5)
    assert not found.none
    assert found.images == 3
    assert found.only_one == 2
    assert found.classes == ("d",)
    assert (found.boxes, found.pixels) == (2, 7.0)
    assert found.flipped == ("c",)
    assert found.furthest == ("c", "b")


def test_a_method_that_one_run_lacks_is_left_out():
    old, new = to_table([record("a"), record("a", "mwp")]), to_table([record("a", "mwp")])
    assert [each.method for each in differences_of(old, new, 0.5)] == ["mwp"]


@pytest.mark.parametrize(("iou", "flipped"), [(0.5, ("a",)), (0.3, ())])
def test_the_threshold_decides_what_is_right(iou, flipped):
    old, new = to_table([record("a", iou=0.6)]), to_table([record("a", iou=0.4, box=(0, 0, 9, 9))])
    (found,) = differences_of(old, new, iou)
    assert found.flipped == flipped


MANIFEST = {
    "identity": {"arch": "vgg16", "weights_sha256": "1"},
    "versions": {"torch": "2.15.0"},
    "settings": {"batch_size": 32},
    "machines": [{"cpu": "one", "deterministic": True}],
}


def test_runs_under_the_same_circumstances_have_no_explanation():
    assert explanations(MANIFEST, MANIFEST) == []


def test_every_circumstance_that_differs_is_named_with_both_values():
    other = {
        **MANIFEST,
        "versions": {"torch": "2.14.1"},
        "settings": {"batch_size": 8},
        "machines": [{"cpu": "one", "deterministic": True}, {"cpu": "two", "gpu": "three"}],
    }
    assert explanations(MANIFEST, other) == [
        "torch: 2.15.0; 2.14.1",
        "batch_size: 32; 8",
        "cpu: one; one and two",
        "gpu: not noted; three",
    ]


def test_a_manifest_of_an_older_version_explains_what_it_can():
    old = {"identity": MANIFEST["identity"], "status": "running"}
    assert "cpu: not noted; one" in explanations(old, MANIFEST)
