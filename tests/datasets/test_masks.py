"""Masks: by hand, and on the real files of COCO, OpenImages and CUB where they are there."""

import io
import json
import pickle
from contextlib import suppress
from pathlib import Path

import layout_writers as writers
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.mask_files import decode_mask, resized
from wsol_bench.datasets.masks import Masks
from wsol_bench.datasets.run_lengths import decode_runs, fill_polygon, parse_counts
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size


def png(values: object, mode: str = "L") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.array(values, dtype=np.uint8), mode).save(buffer, "PNG")
    return buffer.getvalue()


def test_ignored_pixels_are_those_outside_the_ground_truth() -> None:
    masks = Masks.of(np.array([[True, False, False]]), np.array([[True, True, False]]))

    assert masks.ignore.tolist() == [[False, True, False]]
    assert not Masks.of(np.array([[True, False]])).ignore.any()


def test_run_lengths_go_down_the_columns_and_start_with_zeros() -> None:
    # Two rows, three columns, column by column: 0 1 | 1 1 | 0 0.
    mask = decode_runs([1, 3, 2], Size(2, 3))

    assert mask.tolist() == [[False, True, False], [True, True, False]]


@pytest.mark.parametrize("counts", [[1, 2], [7], [-1, 7], [[6]]])
def test_run_lengths_of_another_number_of_pixels_are_refused(counts) -> None:
    with pytest.raises(ValueError, match="add up to 6 pixels"):
        decode_runs(counts, Size(2, 3))


def compressed(counts: list[int]) -> str:
    """The format's own writer, from its description."""
    text = ""
    for at, count in enumerate(counts):
        value = count - counts[at - 2] if at > 2 else count
        more = True
        while more:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text += chr(48 + (bits | 32 if more else bits))
    return text


def test_the_compressed_form_is_read_by_hand() -> None:
    # 6, 1, 40, 4, 5, 4, 5, 4, 21: from the documentation of pycocotools' mask API.
    assert parse_counts("61X13mN000`0") == [6, 1, 40, 4, 5, 4, 5, 4, 21]


@given(counts=st.lists(st.integers(0, 500_000), max_size=12))
def test_the_compressed_form_is_read_back(counts) -> None:
    assert parse_counts(compressed(counts)) == counts


@given(text=st.text(max_size=20))
def test_any_text_is_counts_or_refused(text) -> None:
    with suppress(ValueError):
        assert all(isinstance(each, int) for each in parse_counts(text))


def test_a_polygon_covers_the_pixels_whose_centre_is_inside() -> None:
    mask = np.zeros((4, 5), dtype=bool)

    fill_polygon(mask, np.array([[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]))

    assert np.argwhere(mask).tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]


@pytest.mark.parametrize(
    ("corners", "rows"),
    [
        (
            [(0.5, 0.5), (5.2, 1.1), (2.3, 5.4)],
            ["000000", "011110", "011100", "001100", "001000", "000000"],
        ),
        (
            [(-2, 1), (3.3, -1.5), (7, 4.6), (1.2, 6.9)],
            ["111110", "111110", "111111", "111111", "111111", "011110"],
        ),
    ],
)
def test_a_polygon_has_the_pixels_that_cocos_own_tools_draw(corners, rows) -> None:
    mask = np.zeros((6, 6), dtype=bool)

    fill_polygon(mask, np.array(corners, dtype=float))

    # Recorded from pycocotools 2.0.
    assert ["".join("01"[bit] for bit in row) for row in mask.astype(int)] == rows


def test_masks_are_resized_by_the_nearest_centre() -> None:
    mask = np.array([[True, False], [False, True]])

    assert resized(mask, None) is mask
    assert resized(mask, Size(4, 2)).tolist() == [[True, False]] * 2 + [[False, True]] * 2
    assert resized(mask, Size(1, 1)).tolist() == [[True]]


@pytest.mark.parametrize("data", [b"", b"no image", png([[0, 255] * 500] * 999)[:-99]])
def test_a_mask_that_is_no_image_is_named(data) -> None:
    with pytest.raises(DataError, match=r"the mask a\.png cannot be decoded"):
        decode_mask(data, "a.png")


def test_cub_has_the_pixels_that_half_of_the_annotators_marked(tmp_path) -> None:
    root = writers.write_cub(tmp_path / "data")
    assert not open_dataset(root).has_masks
    values = [[0, 51, 102], [153, 204, 255]]
    for sample in writers.SAMPLES:
        path = root / f"segmentations/{sample.wnid}/{sample.image_id}.png"
        writers.write(path, png(values))

    dataset = pickle.loads(pickle.dumps(open_dataset(root)))
    masks = dataset.masks(dataset.examples[0])

    assert masks.ground_truth.tolist() == [[False] * 3, [True] * 3]
    assert not masks.ignore.any()


def test_masks_that_are_not_there_are_named(tmp_path) -> None:
    root = writers.write_cub(tmp_path / "data")
    with pytest.raises(DataError, match="has no masks"):
        open_dataset(root).masks(open_dataset(root).examples[0])
    (root / "segmentations").mkdir()
    with pytest.raises(DataError, match=r"ILSVRC2012_val_00000002\.png"):
        open_dataset(root).masks(open_dataset(root).examples[0])


def write_openimages(root: Path) -> Path:
    """Two images of wsolevaluation's masks; the first has two objects and an ignored region."""
    folder = root / "metadata/val"
    writers.write_lines(folder / "image_ids.txt", ["val/x/a.jpg", "val/y/b.jpg"])
    writers.write_lines(folder / "class_labels.txt", ["val/x/a.jpg,0", "val/y/b.jpg,1"])
    rows = ["val/x/a.jpg,m/a1.png,m/ai.png", "val/x/a.jpg,m/a2.png,", "val/y/b.jpg,m/b.png,"]
    writers.write_lines(folder / "localization.txt", rows)
    for name in ("val/x/a.jpg", "val/y/b.jpg"):
        writers.write(root / name, writers.jpeg_bytes(6, 4))
    writers.write(root / "m/a1.png", png([[255, 0, 0]]))
    writers.write(root / "m/a2.png", png([[0, 255, 0]]))
    writers.write(root / "m/ai.png", png([[0, 255, 255]]))
    writers.write(root / "m/b.png", png([[0, 0, 0]]))
    return root


def test_instances_are_joined_and_ignored_pixels_kept_apart(tmp_path) -> None:
    dataset = open_dataset(write_openimages(tmp_path))

    first, second = (dataset.masks(example) for example in dataset.examples)

    assert (dataset.split, dataset.class_ids) == ("val", ("x", "y"))
    assert first.ground_truth.tolist() == [[True, True, False]]
    assert first.ignore.tolist() == [[False, False, True]]
    assert not second.ground_truth.any()
    assert not second.ignore.any()
    assert dataset.masks(dataset.examples[0], Size(2, 6)).ground_truth.shape == (2, 6)
    assert [example.boxes.shape for example in dataset.examples] == [(0, 4), (0, 4)]


def test_objects_of_different_sizes_are_refused(tmp_path) -> None:
    root = write_openimages(tmp_path)
    writers.write(root / "m/a2.png", png([[0], [255]]))
    dataset = open_dataset(root)

    with pytest.raises(DataError, match="different sizes, 3x1 and 1x2"):
        dataset.masks(dataset.examples[0])


@pytest.mark.parametrize("mode", ["1", "P", "L", "I;16"])
def test_every_value_but_0_is_the_object_whatever_the_kind_of_png(tmp_path, mode) -> None:
    root = write_openimages(tmp_path)
    image = Image.new(mode, (3, 1))
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 255, 255])
    image.putpixel((1, 0), 1)
    image.save(root / "m/b.png")

    dataset = open_dataset(root)

    assert dataset.masks(dataset.examples[1]).ground_truth.tolist() == [[False, True, False]]


def test_voc_has_masks_by_class_and_ignores_borders(tmp_path) -> None:
    root = writers.write_voc(tmp_path)
    sample = writers.SAMPLES[0]
    writers.write_lines(root / "ImageSets/Segmentation/val.txt", [sample.image_id])
    image = Image.fromarray(np.array([[0, 2, 255, 1]], dtype=np.uint8), "P")
    image.putpalette([0, 0, 0] * 256)
    (root / "SegmentationClass").mkdir()
    image.save(root / f"SegmentationClass/{sample.image_id}.png")

    dataset = open_dataset(root, split="segmentation-val")

    assert not open_dataset(root).has_masks
    masks = dataset.masks(dataset.examples[0])  # goldfish is class index 1, palette index 2
    assert masks.ground_truth.tolist() == [[False, True, False, False]]
    assert masks.ignore.tolist() == [[False, False, True, False]]


def test_coco_joins_polygons_run_lengths_and_crowds(tmp_path) -> None:
    root = writers.write_coco(tmp_path)
    content = writers.coco_content()
    first, second, third, _ = content["annotations"]
    first["segmentation"] = [[0, 0, 2, 0, 2, 1, 0, 1], [4, 0, 6, 0, 6, 1, 4, 1]]
    pixels = 24 * 32
    second |= {"segmentation": {"size": [24, 32], "counts": [23, 1, pixels - 24]}, "iscrowd": 1}
    third["segmentation"] = []
    path = root / "annotations/instances_val2017.json"
    path.write_text(json.dumps(content))

    dataset = pickle.loads(pickle.dumps(open_dataset(root)))
    masks = [dataset.masks(example).ground_truth for example in dataset.examples]

    assert np.argwhere(masks[0]).tolist() == [[0, 0], [0, 1], [0, 4], [0, 5], [23, 0]]
    assert dataset.examples[0].boxes.tolist() == [[1, 2, 21, 18]]  # without the crowd's
    assert np.argwhere(masks[1]).min(axis=0).tolist() == [3, 3]  # without a segmentation: its box
    assert masks[1].sum() == 7 * 7
