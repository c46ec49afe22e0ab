"""The folder that a render leaves: ILSVRC's layout, whole or absent."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from wsol_bench.datasets.demo import CLASSES, VERSION, render, write
from wsol_bench.errors import DataError, UsageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "set"
    write(path, count=6, seed=9, workers=1)
    return path


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_images_and_annotations_are_numbered_from_one_in_ilsvrc_folders(folder: Path) -> None:
    names = set(_files(folder))
    for number in range(1, 7):
        assert f"ILSVRC/Data/CLS-LOC/val/DEMO_val_{number:08d}.JPEG" in names
        assert f"ILSVRC/Annotations/CLS-LOC/val/DEMO_val_{number:08d}.xml" in names
    assert len(names) == 2 * 6 + 2


def test_boxes_are_written_inclusive_so_that_adding_one_gives_them_back(folder: Path) -> None:
    for index in range(6):
        rendering = render(9, "val", index)
        name = f"DEMO_val_{index + 1:08d}"
        path = folder / "ILSVRC/Annotations/CLS-LOC/val" / f"{name}.xml"
        root = ElementTree.parse(path).getroot()
        height, width, _ = rendering.pixels.shape
        assert root.findtext("filename") == name
        assert root.findtext("size/width") == str(width)
        assert root.findtext("size/height") == str(height)
        wnids = {item.findtext("name") for item in root.iter("object")}
        assert wnids == {CLASSES[rendering.label].wnid}
        inclusive = [
            [int(item.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
            for item in root.iter("object")
        ]
        assert np.array_equal(np.add(inclusive, [0, 0, 1, 1]), rendering.boxes)


def test_the_jpeg_shows_the_rendered_pixels(folder: Path) -> None:
    pixels = render(9, "val", 0).pixels
    with Image.open(folder / "ILSVRC/Data/CLS-LOC/val/DEMO_val_00000001.JPEG") as image:
        assert image.mode == "RGB"
        difference = np.abs(np.asarray(image).astype(int) - pixels)
    # JPEG of quality 80 or more costs a few grey levels, most of them noise.
    assert difference.mean() < 8


def test_the_mapping_lists_every_class_in_order(folder: Path) -> None:
    lines = (folder / "LOC_synset_mapping.txt").read_text().splitlines()
    assert lines == [f"{one.wnid} {one.name}" for one in CLASSES]
    assert lines == sorted(lines)


def test_the_folder_says_what_it_was_rendered_from(folder: Path) -> None:
    origin = json.loads((folder / "demo.json").read_text())
    assert origin == {"version": VERSION, "seed": 9, "split": "val", "count": 6}


def test_several_processes_write_the_same_bytes_as_one(folder: Path, tmp_path: Path) -> None:
    calls = []
    write(tmp_path / "set", count=6, seed=9, workers=2, on_image=lambda: calls.append(1))
    assert _files(tmp_path / "set") == _files(folder)
    assert len(calls) == 6


def test_an_interrupted_render_leaves_nothing(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "set", count=3, seed=1, workers=1, on_image=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="new or empty folder"):
        write(tmp_path, count=1, seed=1, workers=1)
    assert _files(tmp_path) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("wrong", [{"count": 0}, {"seed": -1}, {"split": "../val"}, {"split": ""}])
def test_a_count_seed_or_split_without_sense_is_refused(
    tmp_path: Path, wrong: dict[str, int | str]
) -> None:
    with pytest.raises(UsageError, match="expected"):
        write(tmp_path / "set", **{"count": 1, "seed": 1, "workers": 1, **wrong})
    assert list(tmp_path.iterdir()) == []
