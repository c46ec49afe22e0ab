"""Which images a dataset consists of: absent ones, limits, labels, files left out."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsol_bench.datasets.assembly import official_index
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.selection import select
from wsol_bench.errors import DataError, UnreadableImage

IDS = [f"ILSVRC2012_val_{number:08d}" for number in range(1, 7)]


@pytest.fixture
def images(builder, tmp_path) -> Path:
    return builder.kaggle(tmp_path) / builder.image_folder


@pytest.fixture
def xmls(builder, tmp_path) -> Path:
    return tmp_path / builder.xml_folder


@pytest.fixture
def six_with_two_absent(builder, tmp_path) -> Path:
    """Six annotated images; the third and the last have no file."""
    samples = tuple(builder.sample(each, "n01440764", ((0, 0, 3, 3),), 8, 8) for each in IDS)
    builder.kaggle(tmp_path, samples)
    for absent in (IDS[2], IDS[5]):
        (tmp_path / builder.image_folder / f"{absent}.JPEG").unlink()
    return tmp_path


def test_absent_images_are_counted_and_named(six_with_two_absent):
    with pytest.raises(DataError, match=rf"2 of 6 .*{IDS[2]}, {IDS[5]}.*--limit.*--allow-missing"):
        open_dataset(six_with_two_absent)


def test_absent_images_are_passed_over_when_allowed(six_with_two_absent):
    dataset = open_dataset(six_with_two_absent, allow_missing=True)

    assert [example.image_id for example in dataset.examples] == [IDS[0], IDS[1], IDS[3], IDS[4]]
    assert dataset.missing == 2
    assert dataset.missing_ids == (IDS[2], IDS[5])


@pytest.mark.parametrize(("limit", "missing"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (100, 2)])
def test_a_limit_counts_only_the_absent_images_on_its_way(six_with_two_absent, limit, missing):
    dataset = open_dataset(six_with_two_absent, limit=limit, allow_missing=True)

    assert len(dataset.examples) == min(limit, 4)
    assert dataset.missing == missing


def test_a_limit_before_the_first_absent_image_needs_no_permission(six_with_two_absent):
    assert len(open_dataset(six_with_two_absent, limit=2).examples) == 2
    with pytest.raises(DataError, match="1 of 6"):
        open_dataset(six_with_two_absent, limit=3)


@given(
    annotated=st.sets(st.integers(0, 30)),
    present=st.sets(st.integers(0, 30)),
    limit=st.none() | st.integers(1, 31),
)
def test_a_selection_is_the_start_of_what_is_present(annotated, present, limit):
    names = [f"{number:02d}" for number in sorted(annotated)]
    there = {f"{number:02d}" for number in present}

    chosen, missing = select(names, there, limit)

    assert chosen == [name for name in names if name in there][:limit]
    reached = len(chosen) + len(missing)
    assert sorted(chosen + missing) == names[:reached]
    assert not there.intersection(missing)


def test_nothing_present_is_an_error_even_when_allowed(builder, tmp_path):
    builder.kaggle(tmp_path)
    for image in (tmp_path / builder.image_folder).iterdir():
        image.rename(image.with_name(f"other_{image.name}"))

    with pytest.raises(DataError, match="none of the 3 annotated images"):
        open_dataset(tmp_path, allow_missing=True)


def test_images_without_annotation_are_named_and_no_examples(builder, images, tmp_path):
    builder.write(images / "ILSVRC2012_val_00000900.JPEG", builder.jpeg(4, 4))

    dataset = open_dataset(tmp_path)

    assert len(dataset.examples) == 3
    assert dataset.unannotated_ids == ("ILSVRC2012_val_00000900",)


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        ("ILSVRC2012_val_00000293", 293),
        ("DEMO_val_00000001", 1),
        ("photo", 9),
        ("ILSVRC2012_val_293", 9),
        ("ILSVRC2012_val_00000293_copy", 9),
    ],
)
def test_the_index_is_the_official_number_or_the_place(image_id, expected):
    assert official_index(image_id, position=9) == expected


def test_names_of_ones_own_count_by_their_place_among_all_annotated(builder, tmp_path):
    samples = tuple(
        builder.sample(name, "n01440764", ((0, 0, 3, 3),), 8, 8) for name in ("a", "b", "c")
    )
    builder.kaggle(tmp_path, samples)
    (tmp_path / builder.image_folder / "b.JPEG").unlink()

    dataset = open_dataset(tmp_path, allow_missing=True)

    assert [(example.image_id, example.index) for example in dataset.examples] == [
        ("a", 1),
        ("c", 3),
    ]


def test_boxes_of_other_objects_are_left_out(builder, images, xmls, tmp_path):
    sample = builder.samples[0]
    more = builder.object("n01440764", (0, 0, 5, 5))
    builder.write(xmls / f"{sample.image_id}.xml", builder.xml(sample, more))
    builder.write(tmp_path / "LOC_val_solution.csv", builder.table(builder.samples))

    example = open_dataset(tmp_path).examples[0]

    np.testing.assert_array_equal(example.boxes, [[1, 2, 21, 18], [0, 0, 32, 24]])


def test_objects_of_two_classes_need_something_that_says_the_label(builder, images, xmls, tmp_path):
    sample = builder.samples[0]
    more = builder.object("n01440764", (0, 0, 5, 5))
    builder.write(xmls / f"{sample.image_id}.xml", builder.xml(sample, more))

    with pytest.raises(
        DataError, match=rf"{sample.image_id}.xml has objects of n01440764, n01443537"
    ):
        open_dataset(tmp_path)


def test_the_table_and_the_xml_must_agree_in_the_label(builder, images, tmp_path):
    table = builder.table(builder.samples).replace("n01484850", "n01440764")
    builder.write(tmp_path / "LOC_val_solution.csv", table)

    with pytest.raises(DataError, match=r"00293.xml has no box of the label .* line 2, but"):
        open_dataset(tmp_path)


def test_where_there_is_an_xml_its_boxes_are_used(builder, images, tmp_path):
    table = builder.table(builder.samples).replace("3 3 9 9", "4 4 8 8")
    builder.write(tmp_path / "LOC_val_solution.csv", table)

    np.testing.assert_array_equal(open_dataset(tmp_path).examples[1].boxes, [[3, 3, 10, 10]])


def test_where_an_xml_is_absent_the_table_gives_the_boxes(builder, images, xmls, tmp_path):
    (xmls / "ILSVRC2012_val_00000005.xml").unlink()
    builder.write(tmp_path / "LOC_val_solution.csv", builder.table(builder.samples))

    example = open_dataset(tmp_path).examples[1]

    np.testing.assert_array_equal(example.boxes, [[3, 3, 10, 10]])
    assert example.size is None


def test_all_that_is_wrong_is_counted_and_listed_where_asked(builder, images, xmls, tmp_path):
    first, second, third = (sample.image_id for sample in builder.samples)
    builder.write(xmls / f"{first}.xml", "<annotation>")
    builder.write(xmls / f"{third}.xml", builder.xml(builder.samples[2]).replace("n0148", "n9948"))
    builder.write(images / f"{second}.png", builder.jpeg(4, 4))

    with pytest.raises(DataError, match=rf"two files .* id '{second}'.* `data check` lists all"):
        open_dataset(tmp_path)
    (images / f"{second}.png").unlink()
    with pytest.raises(DataError, match=rf"{first}.xml is not well-formed.* 1 more such faults"):
        open_dataset(tmp_path)
    builder.write(images / f"{second}.png", builder.jpeg(4, 4))
    dataset = open_dataset(tmp_path, list_faults=True)

    assert [example.image_id for example in dataset.examples] == [second]
    named = zip((second, first, third), dataset.faults, strict=True)
    assert all(image_id in fault for image_id, fault in named)


def test_a_dataset_with_nothing_good_in_it_can_still_be_looked_at(builder, tmp_path):
    builder.kaggle(tmp_path)
    for xml in (tmp_path / builder.xml_folder).iterdir():
        xml.write_bytes(b"")

    dataset = open_dataset(tmp_path, list_faults=True)

    assert (len(dataset.examples), len(dataset.faults)) == (0, 3)


def test_a_table_of_another_kind_is_named_before_the_images_that_it_leaves_without_boxes(
    builder, tmp_path
):
    builder.kaggle(tmp_path)
    for xml in (tmp_path / builder.xml_folder).iterdir():
        xml.unlink()
    builder.write(tmp_path / "LOC_val_solution.csv", "id,boxes\n")

    with pytest.raises(DataError, match="line 1: expected the header"):
        open_dataset(tmp_path)


def closed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Makes a folder one that may not be listed, for root as well."""
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


@pytest.mark.parametrize("layout", ["kaggle", "flat"])
def test_a_folder_of_images_that_may_not_be_listed_is_named(builder, tmp_path, monkeypatch, layout):
    builder.layouts[layout](tmp_path)
    folder = next(tmp_path.rglob("*.JPEG")).parent
    closed(monkeypatch, folder)

    with pytest.raises(DataError, match=rf"cannot list the folder .*{folder.name}: Permission"):
        open_dataset(tmp_path)


def test_a_class_folder_that_may_not_be_listed_is_named_before_its_absent_images(
    builder, tmp_path, monkeypatch
):
    builder.layouts["class-folders"](tmp_path)
    closed(monkeypatch, tmp_path / "val/n01440764")

    with pytest.raises(DataError, match=r"cannot list the folder .*n01440764: Permission"):
        open_dataset(tmp_path)
    dataset = open_dataset(tmp_path, allow_missing=True, list_faults=True)

    assert (len(dataset.examples), dataset.missing, len(dataset.faults)) == (2, 1, 1)


def test_an_xml_folder_that_may_not_be_listed_is_never_passed_over_silently(
    builder, images, tmp_path, monkeypatch
):
    closed(monkeypatch, tmp_path / builder.xml_folder)

    with pytest.raises(DataError, match=r"no boxes .*CLS-LOC/val is a folder that cannot be list"):
        open_dataset(tmp_path)
    builder.write(tmp_path / "LOC_val_solution.csv", builder.table(builder.samples))
    dataset = open_dataset(tmp_path)

    assert len(dataset.examples) == 3
    assert "a folder that cannot be listed: Permission denied" in dataset.skipped[0].reason


def test_a_folder_named_like_an_image_is_absent_and_the_message_says_why(images, tmp_path):
    image = images / "ILSVRC2012_val_00000005.JPEG"
    image.unlink()
    image.mkdir()

    with pytest.raises(DataError, match=r"00005\.\.* Files that were left .*not a regular file"):
        open_dataset(tmp_path)
    dataset = open_dataset(tmp_path, allow_missing=True)

    assert dataset.missing_ids == ("ILSVRC2012_val_00000005",)


def test_an_image_that_vanishes_after_the_listing_is_unreadable(images, tmp_path):
    dataset = open_dataset(tmp_path)
    (images / "ILSVRC2012_val_00000005.JPEG").unlink()

    with pytest.raises(UnreadableImage, match=r"00005\.JPEG: No such file"):
        dataset.open("ILSVRC2012_val_00000005")


def test_an_unknown_id_is_no_unreadable_image(images, tmp_path):
    with pytest.raises(DataError) as caught:
        open_dataset(tmp_path).open("nowhere")

    assert not isinstance(caught.value, UnreadableImage)


def test_an_image_in_the_wrong_class_folder_is_refused(builder, tmp_path):
    builder.layouts["class-folders"](tmp_path)
    name = "ILSVRC2012_val_00000005.JPEG"
    (tmp_path / "val/n01440764" / name).rename(tmp_path / "val/n01443537" / name)

    with pytest.raises(DataError, match=r"00005.xml has no box .* n01443537 by its class folder"):
        open_dataset(tmp_path)


def test_a_class_folder_of_an_unknown_wnid_is_refused(builder, tmp_path):
    builder.layouts["class-folders"](tmp_path)
    builder.write(tmp_path / "val/n99999999/ILSVRC2012_val_00000009.JPEG", builder.jpeg(4, 4))

    with pytest.raises(DataError, match=r"the folder .*n99999999: unknown class"):
        open_dataset(tmp_path)


def test_one_image_in_two_class_folders_is_refused(builder, tmp_path):
    builder.layouts["class-folders"](tmp_path)
    builder.write(tmp_path / "val/n01443537/ILSVRC2012_val_00000005.JPEG", builder.jpeg(4, 4))

    with pytest.raises(DataError, match=r"two files .* id 'ILSVRC2012_val_00000005'"):
        open_dataset(tmp_path)


def test_a_folder_that_is_no_wnid_among_class_folders_is_named(builder, tmp_path):
    builder.layouts["class-folders"](tmp_path)
    builder.write(tmp_path / "val/notes/ILSVRC2012_val_00000009.JPEG", builder.jpeg(4, 4))

    assert [each.name for each in open_dataset(tmp_path).skipped] == ["notes"]


def test_two_files_of_one_id_are_refused(builder, images, tmp_path):
    builder.write(images / "ILSVRC2012_val_00000005.png", builder.jpeg(4, 4))

    with pytest.raises(DataError, match=r"two files .* id 'ILSVRC2012_val_00000005'.*JPEG.*png"):
        open_dataset(tmp_path)


def test_links_to_images_are_followed(images, tmp_path):
    image = images / "ILSVRC2012_val_00000005.JPEG"
    image.rename(tmp_path / "elsewhere")
    image.symlink_to(tmp_path / "elsewhere")

    dataset = open_dataset(tmp_path)

    assert dataset.open("ILSVRC2012_val_00000005").size == (20, 30)


@pytest.mark.parametrize(
    ("target", "reason"),
    [("ILSVRC2012_val_00000005.JPEG", "cannot be followed"), ("gone", "leads nowhere")],
    ids=["loop", "dangling"],
)
def test_links_that_loop_or_dangle_are_named_and_count_as_absent(images, tmp_path, target, reason):
    image = images / "ILSVRC2012_val_00000005.JPEG"
    image.unlink()
    image.symlink_to(images / target)

    dataset = open_dataset(tmp_path, allow_missing=True)

    assert dataset.missing_ids == ("ILSVRC2012_val_00000005",)
    assert dataset.skipped[0].name == "ILSVRC2012_val_00000005.JPEG"
    assert reason in dataset.skipped[0].reason


def test_a_loop_of_folders_does_not_trap_the_scan(builder, tmp_path):
    builder.layouts["class-folders"](tmp_path)
    (tmp_path / "val/n01440764/again").symlink_to(tmp_path / "val")
    (tmp_path / "val/round").symlink_to(tmp_path / "val/round")

    assert len(open_dataset(tmp_path).examples) == 3


def test_a_name_that_is_not_utf8_is_left_out_and_named(builder, images, tmp_path):
    path = os.fsencode(images) + b"/ILSVRC_\xff_val_00000001.JPEG"
    try:
        Path(os.fsdecode(path)).write_bytes(builder.jpeg(4, 4))
    except OSError:
        pytest.skip("this file system refuses names that are not UTF-8")

    (skipped,) = open_dataset(tmp_path).skipped

    assert skipped.name == r"ILSVRC_\udcff_val_00000001.JPEG"
    assert "not UTF-8" in skipped.reason


def test_hidden_files_of_other_systems_are_left_out_and_named(builder, images, xmls, tmp_path):
    builder.write(images / "._ILSVRC2012_val_00000005.JPEG", b"\0")
    builder.write(xmls / "._ILSVRC2012_val_00000005.xml", b"\0")

    dataset = open_dataset(tmp_path)

    assert [each.reason for each in dataset.skipped] == ["a hidden file"] * 2
