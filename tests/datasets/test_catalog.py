"""Every layout gives the same examples, and a path without one is told what is expected."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from wsol_bench.datasets.catalog import LAYOUTS, open_dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size

EVERY_LAYOUT = pytest.mark.parametrize("layout", LAYOUTS)
WITHOUT_SIZES = frozenset({"cub", "ts-cam-list"})
WITH_ONE_BOX = frozenset({"cub"})
NAMES = ("tench, Tinca tinca", "goldfish", "great white shark")
IDS_ALONE = frozenset({"cub", "coco"})
"""Layouts whose class ids are the names."""


@pytest.fixture
def folder(builder, layout, tmp_path) -> Path:
    return builder.layouts[layout](tmp_path / "data")


@EVERY_LAYOUT
def test_each_layout_is_recognised_by_itself_alone(folder, layout):
    assert [name for name, entry in LAYOUTS.items() if entry.find(folder)] == [layout]


@EVERY_LAYOUT
@pytest.mark.parametrize("forced", [False, True])
def test_each_layout_gives_the_same_examples(folder, layout, forced):
    dataset = open_dataset(folder, layout if forced else None)

    assert dataset.name == "data"
    assert dataset.class_ids == ("n01440764", "n01443537", "n01484850")
    assert dataset.class_names == (dataset.class_ids if layout in IDS_ALONE else NAMES)
    assert dataset.layout == layout
    assert [example.image_id for example in dataset.examples] == [
        "ILSVRC2012_val_00000002",
        "ILSVRC2012_val_00000005",
        "ILSVRC2012_val_00000293",
    ]
    assert [example.index for example in dataset.examples] == [2, 5, 293]
    assert [example.label for example in dataset.examples] == [1, 0, 2]
    sizes = [Size(24, 32), Size(30, 20), Size(16, 16)]
    assert [example.size for example in dataset.examples] == (
        [None] * 3 if layout in WITHOUT_SIZES else sizes
    )
    # Inclusive corners in the files; half-open here: 1 more at the far ends.
    first = [[1, 2, 21, 18], [0, 0, 32, 24]][layout in WITH_ONE_BOX :]
    np.testing.assert_array_equal(dataset.examples[0].boxes, first)
    np.testing.assert_array_equal(dataset.examples[1].boxes, [[3, 3, 10, 10]])
    np.testing.assert_array_equal(dataset.examples[2].boxes, [[0, 5, 16, 10]])
    assert all(example.boxes.dtype == np.float64 for example in dataset.examples)
    assert (dataset.missing, dataset.unannotated_ids, dataset.skipped) == (0, (), ())


@EVERY_LAYOUT
def test_each_layout_opens_images_by_id_after_pickling_and_from_many_threads(folder):
    dataset = pickle.loads(pickle.dumps(open_dataset(folder)))
    ids = [example.image_id for example in dataset.examples] * 20

    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(dataset.open, ids))

    sizes = {example.image_id: example.size for example in dataset.examples}
    for image_id, image in zip(ids, images, strict=True):
        assert image.mode == "RGB"
        assert sizes[image_id] in (None, Size(image.height, image.width))
        assert image.tobytes() == dataset.open(image_id).tobytes()


@EVERY_LAYOUT
def test_an_unknown_id_is_an_error_that_names_it(folder):
    with pytest.raises(DataError, match="no image 'nowhere'"):
        open_dataset(folder).open("nowhere")


def test_the_index_hash_does_not_depend_on_the_layout(builder, tmp_path):
    folders = [
        write(tmp_path / name)
        for name, write in builder.layouts.items()
        if name not in WITH_ONE_BOX
    ]
    with_table = builder.kaggle(tmp_path / "table")
    for xml in (with_table / builder.xml_folder).iterdir():
        xml.unlink()
    builder.write(with_table / "LOC_val_solution.csv", builder.table(builder.samples))

    digests = {index_sha256(open_dataset(folder)) for folder in [*folders, with_table]}

    assert len(digests) == 1


@pytest.mark.parametrize("layout", ["class-folders"])
def test_class_folders_may_be_given_as_the_val_folder_itself(folder):
    assert index_sha256(open_dataset(folder / "val")) == index_sha256(open_dataset(folder))


@pytest.mark.parametrize("layout", ["flat"])
def test_a_flat_folder_may_be_given_with_the_xml_folder_beside_it(folder):
    images = folder / "ILSVRC2012_img_val"

    assert index_sha256(open_dataset(images)) == index_sha256(open_dataset(folder))


@pytest.mark.parametrize("layout", ["tar"])
def test_a_tar_may_be_given_by_its_path(folder):
    dataset = open_dataset(folder / "ILSVRC2012_img_val.tar")

    assert dataset.name == "ILSVRC2012_img_val.tar"
    assert index_sha256(dataset) == index_sha256(open_dataset(folder))


@pytest.mark.parametrize(
    "place",
    ["Annotations/CLS-LOC/val", "ILSVRC2012_bbox_val_v3", "bbox_val", "annotations", "val", "."],
)
@pytest.mark.parametrize("layout", ["class-folders", "flat", "tar"])
def test_the_xml_folder_is_found_at_the_usual_places(folder, layout, place):
    # Arrange: move the official folder's files to another place.
    expected = index_sha256(open_dataset(folder))
    (folder / place).mkdir(parents=True, exist_ok=True)
    for xml in (folder / "ILSVRC2012_bbox_val_v3/val").iterdir():
        xml.rename(folder / place / xml.name)

    assert index_sha256(open_dataset(folder, layout)) == expected


def test_xml_files_may_lie_among_the_images(builder, tmp_path):
    for sample in builder.samples:
        builder.write(tmp_path / f"{sample.image_id}.JPEG", builder.jpeg(8, 8))
        builder.write(tmp_path / f"{sample.image_id}.xml", builder.xml(sample))

    assert len(open_dataset(tmp_path, "flat").examples) == 3


def test_the_demo_has_classes_of_its_own(builder, tmp_path):
    lines = [f"n9{number:07d} shape {number}\n" for number in range(1, 25)]
    samples = (builder.sample("DEMO_val_00000007", "n90000024", ((0, 0, 3, 3),), 8, 8),)
    builder.kaggle(tmp_path, samples)
    builder.write(tmp_path / "LOC_synset_mapping.txt", "".join(lines))

    dataset = open_dataset(tmp_path)

    assert len(dataset.class_ids) == 24
    assert (dataset.examples[0].index, dataset.examples[0].label) == (7, 23)


def test_without_a_class_list_the_official_one_holds(builder, tmp_path):
    builder.kaggle(tmp_path)
    (tmp_path / "LOC_synset_mapping.txt").unlink()

    dataset = open_dataset(tmp_path)

    assert len(dataset.class_ids) == 1000
    assert [example.label for example in dataset.examples] == [1, 0, 2]


def test_an_unknown_layout_is_named_with_the_nearest_and_all():
    with pytest.raises(UsageError, match=r"'kagle'.*mean kaggle.*class-folders, coco, cub, .* tar"):
        open_dataset(Path(), "kagle")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit, tmp_path):
    with pytest.raises(UsageError, match="leaves no image"):
        open_dataset(tmp_path, limit=limit)


def test_a_path_that_does_not_exist_is_told_every_layout(tmp_path):
    with pytest.raises(
        DataError, match=r"cannot open the dataset .*absent: No such file"
    ) as caught:
        open_dataset(tmp_path / "absent")

    assert all(entry.description in str(caught.value) for entry in LAYOUTS.values())


def test_an_empty_folder_is_told_every_layout(tmp_path):
    with pytest.raises(DataError, match="is empty") as caught:
        open_dataset(tmp_path)

    assert all(entry.description in str(caught.value) for entry in LAYOUTS.values())


def test_a_folder_of_something_else_is_told_every_layout(builder, tmp_path):
    builder.write(tmp_path / "notes.txt", "nothing here")

    with pytest.raises(DataError, match="does not have any known layout") as caught:
        open_dataset(tmp_path)

    assert all(entry.description in str(caught.value) for entry in LAYOUTS.values())


@pytest.mark.parametrize("layout", ["kaggle"])
def test_a_forced_layout_that_does_not_fit_is_refused(folder):
    with pytest.raises(DataError, match="does not have the layout 'tar'"):
        open_dataset(folder, "tar")


def test_a_loop_of_links_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    with pytest.raises(DataError, match=r"cannot open the dataset .*loop: Too many levels"):
        open_dataset(tmp_path / "loop")


@pytest.mark.parametrize("layout", ["class-folders", "flat", "tar"])
def test_images_without_boxes_anywhere_are_told_the_places(folder):
    for xml in (folder / "ILSVRC2012_bbox_val_v3/val").iterdir():
        xml.unlink()

    with pytest.raises(DataError, match=r"no boxes .*ILSVRC2012_bbox_val_v3/val.*LOC_val_solution"):
        open_dataset(folder)
