"""The forms of `export` that people browse: CSV, COCO's dataset, FiftyOne's folder."""

import csv
import json
import shutil
import tarfile
from pathlib import Path
from typing import get_args, get_type_hints

import pandas as pd
import pytest

from wsol_bench.cli.export import export
from wsol_bench.cli.main import main
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.report.exports.export import FORMS

WNIDS = ("n01440764", "n01443537", "n01484850")


def rows_of(run: Path) -> list[dict]:
    (network,) = open_networks(run)
    return [row for method in network.methods for row in network.of(method).to_pylist()]


def test_the_commands_formats_are_those_of_the_table() -> None:
    assert set(get_args(get_type_hints(export)["format"])) == set(FORMS)


def test_a_csv_holds_every_record_exactly(mapped_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "records.csv"
    assert main(["export", str(mapped_run), str(out), "--format=csv"]) == 0
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    records = rows_of(mapped_run)
    assert len(lines) == len(records) == 9 * 3
    for line, record in zip(lines, records, strict=True):
        assert (line["image_id"], line["method"]) == (record["image_id"], record["method"])
        for name in ("x0", "y0", "x1", "y1", "iou"):
            assert float(line[name]) == record[name]
        assert line["wnid"].startswith("n0")
        assert line["class"] == f"class {line['wnid']}"
        assert int(line["predicted"]) == record["classes"][0]
        assert int(line["rank"]) == record["classes"].index(record["label"]) + 1
        numbers = line["true_boxes"].replace(";", " ").split()
        assert [float(number) for number in numbers] == record["true_boxes"]
        right = record["iou"] >= 0.5 and record["classes"][0] == record["label"]
        assert (line["failure"] == "right") == right


def test_a_csv_of_one_method_has_its_records_alone(mapped_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "records.csv"
    assert main(["export", str(mapped_run), str(out), "--format=csv", "--methods=center"]) == 0
    assert set(pd.read_csv(out)["method"]) == {"center"}


def test_coco_results_that_would_tell_the_label_are_refused(
    mapped_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    command = ["export", str(mapped_run), str(results), "--format=coco", "--methods=grad_cam"]
    assert main(command) == 2
    assert "Run again with --boxes top5" in capsys.readouterr().err
    assert not results.exists()


def test_a_coco_dataset_has_the_true_boxes_and_the_ids_of_the_results(
    five_box_run: Path, tmp_path: Path
) -> None:
    mapped_run = five_box_run
    dataset, results = tmp_path / "dataset.json", tmp_path / "results.json"
    assert main(["export", str(mapped_run), str(dataset), "--format=coco-dataset"]) == 0
    command = ["export", str(mapped_run), str(results), "--format=coco", "--methods=grad_cam"]
    assert main(command) == 0
    truth = json.loads(dataset.read_text())
    images = {image["id"]: image for image in truth["images"]}
    assert len(images) == len(truth["annotations"]) == 9
    assert images[4]["file_name"] == "ILSVRC2012_val_00000004.JPEG"
    assert (images[4]["width"], images[4]["height"]) == (80, 74)
    ids = devkit_ids(WNIDS).ids
    assert tuple(category["id"] for category in truth["categories"]) == ids
    names = {category["id"]: category["name"] for category in truth["categories"]}
    for annotation, record in zip(truth["annotations"], rows_of(mapped_run)[:9], strict=True):
        assert annotation["image_id"] == record["index"]
        assert annotation["bbox"] == [5, 6, 36, 39]
        assert annotation["area"] == 36 * 39
        assert annotation["category_id"] == ids[record["label"]]
        assert names[annotation["category_id"]].startswith("class n0")
    found = json.loads(results.read_text())
    assert {each["image_id"] for each in found} <= set(images)
    assert {each["category_id"] for each in found} <= set(names)


def test_coco_ids_of_foreign_classes_count_from_one_and_the_devkit_has_none(
    mapped_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(mapped_run, tmp_path / "run"))
    folder = RunFolder(run)
    foreign = tuple(each.replace("n0", "n9") for each in folder.manifest().class_ids)
    folder.update(class_ids=foreign)
    out = tmp_path / "dataset.json"
    assert main(["export", str(run), str(out), "--format=coco-dataset"]) == 0
    assert [each["id"] for each in json.loads(out.read_text())["categories"]] == [1, 2, 3]
    assert main(["export", str(run), str(out), "--methods=center"]) == 3
    assert "--class-map" in capsys.readouterr().err


@pytest.fixture
def folder(mapped_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    out = tmp_path / "fiftyone"
    assert main(["export", str(mapped_run), str(out), "--format=fiftyone"]) == 0
    assert "load_in_fiftyone.py" in capsys.readouterr().err
    return out


def test_a_fiftyone_folder_has_the_documented_layout(folder: Path, mapped_run: Path) -> None:
    paths = json.loads((folder / "data.json").read_text())
    ids = {name.removesuffix(".jpg") for name in paths}
    assert all(Path(path).is_absolute() and Path(path).is_file() for path in paths.values())
    assert all(Path(path).stem + ".jpg" == name for name, path in paths.items())
    fields = {path.stem for path in (folder / "labels").iterdir()}
    assert fields == {"true_boxes", "predicted", "grad_cam", "c_mwp", "center"}
    for field in fields:
        content = json.loads((folder / "labels" / f"{field}.json").read_text())
        assert set(content) == {"labels"}
        assert set(content["labels"]) == ids
        for label in content["labels"].values():
            if field == "predicted":
                assert label.startswith("class n0")
                continue
            for box in label:
                assert set(box) == {"label", "bounding_box", "attributes"}
                x, y, width, height = box["bounding_box"]
                assert min(x, y) >= 0 < min(width, height)
                assert max(x + width, y + height) <= 1 + 1e-9


def test_a_fiftyone_box_is_the_records_as_shares_of_the_sides(
    folder: Path, mapped_run: Path
) -> None:
    for record in rows_of(mapped_run):
        labels = json.loads((folder / f"labels/{record['method']}.json").read_text())["labels"]
        (box,) = labels[record["image_id"]]
        x, y, width, height = box["bounding_box"]
        w, h = record["width"], record["height"]
        corners = [x * w, y * h, (x + width) * w, (y + height) * h]
        assert corners == pytest.approx([record[name] for name in ("x0", "y0", "x1", "y1")])
        assert box["attributes"]["iou"] == record["iou"]
        assert box["attributes"]["map_state"] == "ok"


def test_the_fiftyone_script_compiles_and_names_every_field(folder: Path) -> None:
    text = (folder / "load_in_fiftyone.py").read_text()
    compile(text, "load_in_fiftyone.py", "exec")
    fields = ("true_boxes", "predicted", "grad_cam", "c_mwp", "center")
    assert f"FIELDS = { ({name: f'{name}.json' for name in fields})!r}" in text


def test_images_in_a_tar_are_written_out_for_fiftyone(
    mapped_run: Path, small_dataset: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "packed"
    (packed / "val").mkdir(parents=True)
    for path in (small_dataset / "ILSVRC/Annotations/CLS-LOC/val").iterdir():
        (packed / "val" / path.name).write_bytes(path.read_bytes())
    names = small_dataset / "LOC_synset_mapping.txt"
    (packed / names.name).write_bytes(names.read_bytes())
    images = sorted((small_dataset / "ILSVRC/Data/CLS-LOC/val").iterdir())
    with tarfile.open(packed / "ILSVRC2012_img_val.tar", "w") as tar:
        for path in images:
            tar.add(path, path.name)
    out = tmp_path / "out"
    command = ["export", str(mapped_run), str(out), "--format=fiftyone", f"--data={packed}"]
    assert main(command) == 0
    paths = json.loads((out / "data.json").read_text())
    for path in images:
        written = out / paths[f"{path.stem}.jpg"]
        assert written.read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--format=coco"], 2, "--methods"),
        (["--format=devkit", "--methods=grad_cam,center"], 2, "--methods"),
        (["--format=csv", "--methods=grad_cma"], 2, "grad_cam"),
        (["--format=xml"], 2, "fiftyone"),
    ],
)
def test_bad_usage_gets_one_message_and_the_right_code(
    flags: list[str],
    code: int,
    said: str,
    mapped_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", str(mapped_run), str(tmp_path / "out"), *flags]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_fiftyone_folder_is_never_written_over(
    folder: Path, mapped_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(mapped_run), str(folder), "--format=fiftyone"]) == 3
    assert "not empty" in capsys.readouterr().err
