"""What `data check` finds in a dataset with one of each fault."""

import shutil

import pytest

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.check import check_dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.errors import EXIT_DATA, EXIT_FINE, DataError
from wsol_bench.geometry import Size
from wsol_bench.report.tables.dataset import print_check


def test_a_good_dataset_has_no_fault(builder, tmp_path):
    dataset = open_dataset(builder.kaggle(tmp_path))

    report = check_dataset(dataset)

    assert (report.images, report.annotated, report.boxes) == (3, 3, 4)
    assert (report.classes, report.classes_with_images) == (3, 3)
    assert report.images_by_boxes == {1: 2, 2: 1}
    assert not report.missing + report.unannotated + report.skipped
    assert not report.unreadable + report.boxes_outside + report.size_differences
    assert report.faults == ()
    assert (report.sorted_classes, report.official_classes) == (True, False)
    assert report.sha256 == index_sha256(dataset)
    assert report.box_statistics is not None
    assert (report.box_statistics.images, report.box_statistics.boxes) == (3, 4)


def test_every_fault_is_counted_and_named(builder, tmp_path):
    specs = {
        "absent": ((0, 0, 3, 3),),
        "broken": ((0, 0, 3, 3),),
        "fine": ((0, 0, 7, 7),),
        "left": ((-1, 0, 7, 7),),
        "right": ((0, 0, 8, 7),),
        "sized": ((0, 0, 3, 3),),
    }
    samples = tuple(builder.sample(key, "n01440764", boxes, 8, 8) for key, boxes in specs.items())
    images = builder.kaggle(tmp_path, samples) / builder.image_folder
    (images / "absent.JPEG").unlink()
    builder.write(images / "broken.JPEG", b"nothing")
    builder.write(images / "sized.JPEG", builder.jpeg(16, 4))
    builder.write(images / "stranger.JPEG", builder.jpeg(4, 4))
    builder.write(images / ".hidden.JPEG", b"")

    report = check_dataset(open_dataset(tmp_path, allow_missing=True))

    assert (report.images, report.annotated) == (5, 6)
    assert report.missing == ("absent",)
    assert [each.image_id for each in report.unreadable] == ["broken"]
    assert "broken.JPEG is not an image" in report.unreadable[0].reason
    assert report.boxes_outside == ("left", "right")
    (difference,) = report.size_differences
    assert (difference.image_id, difference.annotated, difference.decoded) == (
        "sized",
        Size(8, 8),
        Size(4, 16),
    )
    assert report.unannotated == ("stranger",)
    assert [each.name for each in report.skipped] == [".hidden.JPEG"]
    assert report.box_statistics is not None
    assert report.box_statistics.images == 4


def test_annotations_that_are_bad_are_all_listed_beside_the_rest(builder, tmp_path):
    builder.kaggle(tmp_path)
    first, second, third = (sample.image_id for sample in builder.samples)
    builder.write(tmp_path / builder.xml_folder / f"{first}.xml", "<annotation>")
    builder.write(tmp_path / builder.xml_folder / f"{third}.xml", "")
    builder.write(tmp_path / builder.image_folder / f"{second}.JPEG", b"")

    report = check_dataset(open_dataset(tmp_path, list_faults=True))

    assert [first in report.faults[0], third in report.faults[1]] == [True, True]
    assert [each.image_id for each in report.unreadable] == [second]
    assert report.images == 1


def test_a_disk_that_fails_ends_the_check(builder, tmp_path):
    dataset = open_dataset(builder.kaggle(tmp_path))
    shutil.rmtree(tmp_path / builder.image_folder)

    with pytest.raises(DataError, match="would befall other images too"):
        check_dataset(dataset)


@pytest.mark.parametrize("allow_missing", [False, True])
def test_the_printed_report_names_every_fault_and_ends_with_a_verdict(
    builder, tmp_path, capsys, allow_missing
):
    builder.kaggle(tmp_path)
    assert print_check(tmp_path, None, None, allow_missing) == EXIT_FINE
    assert capsys.readouterr().out.endswith("A run would succeed.\n")

    ids = [sample.image_id for sample in builder.samples]
    builder.write(tmp_path / builder.image_folder / f"{ids[0]}.JPEG", b"")
    assert print_check(tmp_path, None, None, allow_missing) == EXIT_DATA
    printed = capsys.readouterr().out
    assert f"unreadable images: 1\n  the image {tmp_path}" in printed
    assert printed.endswith("unless --allow-unreadable 1 is given.\n")

    for image_id in ids:
        builder.write(tmp_path / builder.xml_folder / f"{image_id}.xml", b"\xff")
    assert print_check(tmp_path, None, None, allow_missing) == EXIT_DATA
    printed = capsys.readouterr().out
    assert "faults of annotations and folders: 3\n" in printed
    assert [printed.count(f"{image_id}.xml is not well-formed") for image_id in ids] == [1, 1, 1]
    assert printed.endswith("A run would stop with these errors.\n")


def test_without_one_readable_image_there_are_no_statistics(builder, tmp_path):
    images = builder.kaggle(tmp_path) / builder.image_folder
    for image in images.iterdir():
        image.write_bytes(b"")

    report = check_dataset(open_dataset(tmp_path))

    assert len(report.unreadable) == 3
    assert report.box_statistics is None


@pytest.mark.parametrize("workers", [1, 4])
def test_progress_is_called_once_per_image(builder, tmp_path, workers):
    finished: list[int] = []

    check_dataset(open_dataset(builder.kaggle(tmp_path)), progress=finished.append, workers=workers)

    assert finished == [1, 1, 1]


def test_a_progress_that_fails_ends_the_check(builder, tmp_path):
    def fail(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check_dataset(open_dataset(builder.kaggle(tmp_path)), progress=fail)
