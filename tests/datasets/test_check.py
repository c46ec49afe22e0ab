"""What `data check` finds in a dataset with one of each fault."""

import shutil

import pytest
from PIL import Image

from wsol_bench.cli.main import main
from wsol_bench.datasets.catalog import LAYOUTS, open_dataset
from wsol_bench.datasets.check import check_dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.errors import EXIT_DATA, EXIT_FINE, DataError
from wsol_bench.geometry import Size
from wsol_bench.report.tables.dataset import print_check, print_statistics
from wsol_bench.settings import DatasetFlags


def test_a_good_dataset_has_no_fault(builder, tmp_path):
    dataset = open_dataset(builder.kaggle(tmp_path))

    report = check_dataset(dataset)

    assert (report.images, report.annotated, report.boxes) == (3, 3, 4)
    assert (report.classes, report.classes_with_images) == (3, 3)
    assert report.examples_by_boxes == {1: 2, 2: 1}
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

    with pytest.raises(DataError, match="Other images would fail too"):
        check_dataset(dataset)


@pytest.mark.parametrize("allow_missing", [False, True])
def test_the_printed_report_names_every_fault_and_ends_with_a_verdict(
    builder, tmp_path, capsys, allow_missing
):
    builder.kaggle(tmp_path)
    assert print_check(tmp_path, DatasetFlags(), None, allow_missing) == EXIT_FINE
    assert capsys.readouterr().out.endswith("A run would succeed.\n")

    ids = [sample.image_id for sample in builder.samples]
    builder.write(tmp_path / builder.image_folder / f"{ids[0]}.JPEG", b"")
    assert print_check(tmp_path, DatasetFlags(), None, allow_missing) == EXIT_DATA
    printed = capsys.readouterr().out
    assert f"unreadable images: 1\n  the image {tmp_path}" in printed
    assert printed.endswith("unless --allow-unreadable 1 is given.\n")

    for image_id in ids:
        builder.write(tmp_path / builder.xml_folder / f"{image_id}.xml", b"\xff")
    assert print_check(tmp_path, DatasetFlags(), None, allow_missing) == EXIT_DATA
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


def test_absent_images_name_the_flag_that_permits_them(builder, tmp_path, capsys):
    builder.kaggle(tmp_path)
    images = sorted((tmp_path / builder.image_folder).iterdir())
    images[0].unlink()
    images[1].write_bytes(b"")

    assert print_check(tmp_path, DatasetFlags(), None, False) == EXIT_DATA
    printed = capsys.readouterr().out
    assert "unless --allow-missing is given.\n" in printed
    assert printed.endswith("unless --allow-unreadable 1 is given.\n")


def test_files_that_are_the_same_are_listed(builder, tmp_path, capsys):
    builder.kaggle(tmp_path)
    first, second, _ = sorted((tmp_path / builder.image_folder).iterdir())
    second.write_bytes(first.read_bytes())

    report = check_dataset(open_dataset(tmp_path))

    assert report.duplicates == ((first.stem, second.stem),)
    print_check(tmp_path, DatasetFlags(), None, False)
    assert f"files that are the same: 1\n  {first.stem}, {second.stem}\n" in capsys.readouterr().out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_checked_and_measured(builder, tmp_path, capsys, layout):
    root = builder.layouts[layout](tmp_path / "data")

    assert print_check(root, DatasetFlags(), None, False) == EXIT_FINE
    printed = capsys.readouterr().out
    print_statistics(str(root), DatasetFlags(), False)
    statistics = capsys.readouterr().out

    assert f"layout: {layout}" in printed
    assert "data: 3 images of 3 annotated" in printed
    assert "centred box accuracy" in statistics


def test_metadata_without_images_is_checked_by_its_sizes(builder, tmp_path, capsys):
    root = builder.layouts["wsol-metadata"](tmp_path)
    shutil.rmtree(root / "dataset")

    assert print_check(root, DatasetFlags(), None, False) == EXIT_FINE
    printed = capsys.readouterr().out
    print_statistics(str(root), DatasetFlags(), False)

    assert "annotations of 3 images, none of which is present, 4 boxes" in printed
    assert "layout: wsol-metadata, split test, corners read as inclusive\n" in printed
    assert printed.endswith("--arch none. Add the images for others.\n")


def test_masks_that_are_bad_or_empty_are_named(builder, tmp_path, capsys):
    root = builder.layouts["cub"](tmp_path)
    for sample, content in zip(builder.samples, (b"", None, None), strict=True):
        path = root / f"segmentations/{sample.wnid}/{sample.image_id}.png"
        path.parent.mkdir(parents=True)
        if content is None:
            Image.new("L", (sample.width, sample.height)).save(path)
        else:
            path.write_bytes(content)

    report = check_dataset(open_dataset(root))

    assert report.masks == 2
    assert len(report.mask_faults) == 1
    assert "00002.png cannot be decoded" in report.mask_faults[0]
    assert report.empty_masks == (builder.samples[1].image_id, builder.samples[2].image_id)


def test_masks_are_checked_without_images_too(tmp_path, capsys):
    from test_masks import write_openimages

    root = write_openimages(tmp_path)
    for image in (*root.glob("val/*/*.jpg"), root / "m/b.png"):
        image.unlink()

    assert main(["data", "check", str(root)]) == 3

    printed = capsys.readouterr().out
    assert "masks: 1\nfaults of masks: 1" in printed
    assert "--arch none" in printed
    assert printed.rstrip().endswith("would stop at the faults of masks.")
