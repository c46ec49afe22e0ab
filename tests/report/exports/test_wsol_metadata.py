"""wsolevaluation's metadata is read back as the examples and masks that were written."""

import sys
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.cli.main import main
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.index_hash import index_sha256

sys.path.insert(0, str(Path(__file__).parents[2] / "datasets"))

import layout_writers as writers


def exported(data: Path, folder: Path, *flags: str) -> Path:
    run, out = folder / "run", folder / "metadata"
    command = ["run", "--arch=none", "--methods=center", f"--data={data}", f"--out={run}", "-q"]
    assert main([*command, *flags]) == 0
    assert main(["export", str(run), str(out), "--format=wsol-metadata"]) == 0
    return out


@pytest.mark.parametrize("layout", ["kaggle", "cub", "box-table"])
def test_boxes_are_read_back_with_the_corners_that_they_had(layout, tmp_path, capsys):
    root = tmp_path / "data"
    writers.WRITERS[layout](root)
    first = open_dataset(root)
    again = open_dataset(exported(root, tmp_path), images_needed=False)
    pairs = list(zip(first.examples, again.examples, strict=True))
    for one, other in pairs:
        assert one.image_id == other.image_id
        assert one.label == other.label
        assert one.boxes.tolist() == other.boxes.tolist()
    if layout == "kaggle":
        assert [each.size for each in again.examples] == [each.size for each in first.examples]


def test_masks_are_read_back_with_what_they_ignore(tmp_path, capsys):
    from test_masks import write_openimages

    root = write_openimages(tmp_path / "data")
    first = open_dataset(root, images_needed=False)
    out = exported(root, tmp_path)
    again = open_dataset(out, images_needed=False)
    assert index_sha256(first) == index_sha256(again)
    for one, other in zip(first.examples, again.examples, strict=True):
        for kind in ("ground_truth", "ignore"):
            assert np.array_equal(
                getattr(first.masks(one), kind), getattr(again.masks(other), kind)
            )


def test_an_image_of_several_classes_is_refused_and_stands_once_in_coco(tmp_path, capsys):
    import json

    root = tmp_path / "data"
    writers.write(root / "a.jpg", writers.jpeg_bytes(20, 20))
    writers.write_lines(
        root / "boxes.csv", ["image,class,x,y,w,h", "a.jpg,cat,1,1,4,4", "a.jpg,dog,2,2,4,4"]
    )
    run = tmp_path / "run"
    command = ["run", "--arch=none", "--methods=center", f"--data={root}", f"--out={run}", "-q"]
    assert main(command) == 0
    out = tmp_path / "metadata"
    assert main(["export", str(run), str(out), "--format=wsol-metadata"]) == 2
    assert "a has 2 classes" in capsys.readouterr().err
    coco = tmp_path / "coco.json"
    assert main(["export", str(run), str(coco), "--format=coco-dataset"]) == 0
    written = json.loads(coco.read_text())
    assert [each["file_name"] for each in written["images"]] == ["a.jpg"]
    assert len(written["annotations"]) == 2
    again = open_dataset(coco, images_needed=False)
    assert [again.class_ids[each.label] for each in again.examples] == ["cat", "dog"]
