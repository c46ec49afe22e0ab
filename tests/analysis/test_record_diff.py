"""Records of two runs compared with each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.analysis.record_diff import differences_of, explanations
from wsol_bench.boxes.map_state import MapState
from wsol_bench.cli.main import main
from wsol_bench.protocols.catalog import ERRORS, PROTOCOLS
from wsol_bench.records.manifest import DataSource, Identity, Manifest, ManifestRow
from wsol_bench.records.record import Record
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import to_table


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


def manifest_of(arch: str, *rows: str, **facts: object) -> Manifest:
    identity = Identity(
        arch=arch,
        weights="w",
        weights_sha256="1",
        preprocessing={"size": 50},
        dataset="x",
        dataset_sha256="2",
        images=1,
        classes=3,
        is_ilsvrc=False,
        protocol=PROTOCOLS["gradcam-iccv17"],
    )
    return Manifest(
        identity=identity,
        rows=tuple(ManifestRow(name=each, title=each, file="", method=each) for each in rows),
        data=DataSource(path="x"),
        **facts,
    )


MANIFEST = manifest_of(
    "vgg16",
    versions={"torch": "2.15.0"},
    settings={"batch_size": 32},
    machines=({"cpu": "one", "deterministic": True},),
)


def test_runs_under_the_same_circumstances_have_no_explanation():
    assert explanations(MANIFEST, MANIFEST) == []


def test_every_circumstance_that_differs_is_named_with_both_values():
    other = replace(
        MANIFEST,
        identity=replace(MANIFEST.identity, precision="bf16"),
        versions={"torch": "2.14.1"},
        settings={"batch_size": 8},
        machines=({"cpu": "one", "deterministic": True}, {"cpu": "two", "gpu": "three"}),
    )
    assert explanations(MANIFEST, other) == [
        "precision: fp32; bf16",
        "torch: 2.15.0; 2.14.1",
        "batch_size: 32; 8",
        "cpu: one; one and two",
        "gpu: not recorded; three",
    ]


def test_a_manifest_of_an_unfinished_run_explains_what_it_can():
    old = replace(MANIFEST, versions={}, settings={}, machines=())
    assert "cpu: not recorded; one" in explanations(old, MANIFEST)


def run_of_two_networks(path: Path, cam: float) -> Path:
    """A run whose CAM net has a folder of its own; its box of image "a" ends at `cam`."""
    same = {"title": "x", "weights": "w", "n_loc": 1, **dict.fromkeys(ERRORS, 0.0)}
    rows = [
        {"arch": arch, "method": method, **same}
        for arch, method in (("vgg16", "grad_cam"), ("vgg16_cam", "cam"))
    ]
    names = {"arch": "vgg16", "dataset": "x", "protocol": "p", "weights": "w", "n": 1}
    result = {"schema": 1, **names, "rows": rows}
    for arch, method in (("vgg16", "grad_cam"), ("vgg16_cam", "cam")):
        run = RunFolder(path if method == "grad_cam" else path / arch)
        run.begin(manifest_of(arch, method))
        run.update(result=result)
        box = (0, 0, 10, cam if method == "cam" else 10)
        run.files().write(0, to_table([record("a", method, box=box)]), {})
    return path


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_compare_looks_at_the_records_of_every_network_wherever_they_lie(
    scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = (run_of_two_networks(tmp_path / name, cam) for name, cam in (("a", 10), ("b", 17)))
    assert main(["compare", f"{scheme}{old}", f"{scheme}{new}"]) == 0
    printed = capsys.readouterr().out
    assert "vgg16 grad_cam: the records of all 1 images are the same." in printed
    assert "vgg16_cam cam: 1 of 1 boxes differ, by 7 pixels at most" in printed


def test_the_figures_of_a_run_at_a_uri_are_not_rewritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = f"file://{run_of_two_networks(tmp_path / 'a', 10)}"
    assert main(["compare", run, run, "--update"]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main(["compare", run, f"file://{tmp_path}/none"]) == 3
    assert "is no run's folder" in capsys.readouterr().err
