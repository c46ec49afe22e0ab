"""Annotations, tables, folders and tars that are bad: refused by name, or counted."""

import errno
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

BOX = ("1", "2", "20", "17")
FAULTS = "Invalid annotations"
TABLES = "Invalid tables"
FOLDERS = "Invalid folders and tars"
COUNTED = "Defects that are counted and listed"

ROW = "a,n01440764 1 2 20 17\n"
LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


def box(*corners: str) -> Callable:
    return lambda making: making.annotation(making.an_object(corners))


XML: dict[str, Callable] = {
    "an empty file": lambda making: "",
    "XML that is cut off": lambda making: making.annotation(making.an_object())[:100],
    "a web page": lambda making: "<html>404 Not Found</html>",
    "entities that grow (billion laughs)": lambda making: LAUGHS + making.annotation(""),
    "an entity that reads a file": lambda making: OUTSIDE + making.annotation("&b;"),
    "bytes that are not of its encoding": lambda making: b"<annotation>\xff</annotation>",
    "an encoding that is not known": lambda making: "<?xml version='1.0' encoding='klingon'?><a/>",
    "more than 1,000,000 bytes": lambda making: " " * 1_000_001,
    "no object": lambda making: making.annotation(""),
    "an object without a box": lambda making: making.annotation(
        "<object><name>n01440764</name></object>"
    ),
    "an object with two boxes": lambda making: making.annotation(
        "<object><name>n01440764</name><bndbox/><bndbox/></object>"
    ),
    "a box with a corner left out": box("", "2", "20", "17"),
    "corners that are swapped": box("20", "2", "1", "17"),
    "a box without area": box("1", "2", "1", "17"),
    "NaN": box("nan", "2", "20", "17"),
    "infinity": box("1", "2", "inf", "17"),
    "a huge number": box("1", "2", "20", "1e300"),
    "a WNID that is not known": lambda making: making.annotation(
        making.an_object(BOX, "n99999999")
    ),
    "objects of two classes, and nothing that states the label": lambda making: making.annotation(
        making.an_object() + making.an_object(BOX, "n01443537")
    ),
}


@pytest.mark.parametrize("what", XML)
def test_a_bad_annotation_is_named_by_the_check_and_refused_by_a_run(
    what, spoiled, making, command, expect_row
):
    content = XML[what](making)
    spoiled.xml.write_bytes(content if isinstance(content, bytes) else content.encode())

    expect_row(FAULTS, what, *refusal(spoiled.root, command))


def refusal(data: Path, command: Callable, count: int = 1) -> tuple[str, int]:
    """The one message of both commands, and their exit code."""
    checked = command("data", "check", data)
    messages = checked.under("faults of annotations and folders")
    assert len(messages) == count
    assert "A run would stop with these errors." in checked.out
    ran = command("run", "--arch=squeezenet1_1", f"--data={data}")
    assert ran.err.startswith(messages[0])
    assert ran.code == checked.code
    assert ran.out == ""
    return messages[0], ran.code


TABLE: dict[str, str | bytes] = {
    "a box of three numbers": "a,n01440764 1 2 20\n",
    "no boxes": "a,\n",
    "a third column": "a,n01440764 1 2 20 17,more\n",
    "something that is no number": "a,n01440764 1 2 20 x\n",
    "corners that are swapped": "a,n01440764 20 2 1 17\n",
    "a WNID that is not known": "a,n99999999 1 2 20 17\n",
    "boxes of two classes": "a,n01440764 1 2 20 17 n01443537 1 2 20 17\n",
    "a second row for an image": ROW * 2,
    "a quotation mark that is not closed": f'"{ROW}b,n01440764 1 2 20 17\n',
    "bytes that are not UTF-8": b"a\xff,n01440764 1 2 20 17\n",
    "a field of 200,000 characters": "a," + "9" * 200_000 + "\n",
}


@pytest.mark.parametrize("what", TABLE)
def test_a_bad_row_is_named_by_the_check_and_refused_by_a_run(what, spoiled, command, expect_row):
    spoiled.with_table(TABLE[what])

    expect_row(TABLES, what, *refusal(spoiled.root, command, 1 + (what in LEAVES_NOTHING)))


LEAVES_NOTHING = set(TABLE) - {"a second row for an image"}
"""Where the only row is bad, the images are left without any: a second fault."""


WHOLE_TABLE = {
    "another header": b"id,boxes\n" + ROW.encode(),
    "no header": ROW.encode(),
    "an empty table": b"",
    "a table in UTF-16": ("ImageId,PredictionString\n" + ROW).encode("utf-16"),
}


@pytest.mark.parametrize("what", WHOLE_TABLE)
def test_another_table_is_named(what, spoiled, command, expect_row):
    spoiled.table.write_bytes(WHOLE_TABLE[what])

    expect_row(TABLES, what, *refusal(spoiled.root, command))


def test_xml_and_table_that_disagree_are_named(spoiled, command, expect_row):
    spoiled.table.write_text("ImageId,PredictionString\na,n01443537 1 2 20 17\n")

    what = "a table that gives another label than the XML"
    expect_row(TABLES, what, *refusal(spoiled.root, command))


def unlisted(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path) == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def two_of_one_id(dataset, monkeypatch):
    (dataset.images / "a.png").write_bytes(b"")


def class_folders(dataset, wnid: str) -> Path:
    folder = dataset.root / "val" / wnid
    folder.parent.mkdir()
    dataset.images.rename(folder)
    dataset.annotations.rename(dataset.root / "annotations")
    return folder


def class_folder_of_unknown_wnid(dataset, monkeypatch):
    class_folders(dataset, "n99999999")


def class_folder_unlisted(dataset, monkeypatch):
    unlisted(monkeypatch, class_folders(dataset, "n01440764"))


def wrong_class_folder(dataset, monkeypatch):
    class_folders(dataset, "n01443537")


def tar_cut_off(dataset, monkeypatch):
    path = dataset.with_tar([])
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"b.JPEG") + 700])


def tar_packed(dataset, monkeypatch):
    dataset.with_tar([]).write_bytes(b"\x1f\x8b\x08\x00" + bytes(600))


def tar_damaged(dataset, monkeypatch):
    path = dataset.with_tar([])
    data = bytearray(path.read_bytes())
    second = data.index(b"b.JPEG")
    data[second] ^= 1
    path.write_bytes(data)


def tar_huge(dataset, monkeypatch):
    path = dataset.with_tar([])
    data = bytearray(path.read_bytes())
    second = data.index(b"b.JPEG")
    data[second + 124 : second + 136] = b"77777777777\0"
    data[second + 148 : second + 156] = b" " * 8
    checksum = sum(data[second : second + 512])
    data[second + 148 : second + 156] = b"%06o\0 " % checksum
    path.write_bytes(data)


def tar_of_two(dataset, monkeypatch):
    dataset.with_tar([tarfile.TarInfo("again/a.JPEG")])


PLACES: dict[str, tuple[Callable, int]] = {
    "two files of one id": (two_of_one_id, 1),
    "a class folder of a WNID that is not known": (class_folder_of_unknown_wnid, 2),
    "a class folder that may not be listed": (class_folder_unlisted, 2),
    "images in the folder of another class": (wrong_class_folder, 2),
    "a tar that is cut off": (tar_cut_off, 1),
    "a tar that is packed (.tar.gz)": (tar_packed, 2),
    "a tar with a damaged header": (tar_damaged, 1),
    "a tar that declares 8 GB it does not have": (tar_huge, 1),
    "a tar with two images of one id": (tar_of_two, 1),
}


@pytest.mark.parametrize("what", PLACES)
def test_a_bad_folder_or_tar_is_named(what, spoiled, command, expect_row, monkeypatch):
    spoil, count = PLACES[what]
    spoil(spoiled, monkeypatch)

    expect_row(FOLDERS, what, *refusal(spoiled.root, command, count))


def empty(dataset, monkeypatch):
    for path in sorted(dataset.root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def loop(dataset, monkeypatch):
    empty(dataset, monkeypatch)
    dataset.root.rmdir()
    dataset.root.symlink_to(dataset.root.name)


def images_unlisted(dataset, monkeypatch):
    unlisted(monkeypatch, dataset.images)


def xml_unlisted(dataset, monkeypatch):
    unlisted(monkeypatch, dataset.annotations)


def table_of_other_columns(dataset, monkeypatch):
    shutil.rmtree(dataset.annotations)
    (dataset.root / "boxes.csv").write_text("file,left\na,1\n")


def mapping_unsorted(dataset, monkeypatch):
    dataset.mapping.write_text("n01443537 goldfish\nn01440764 tench\n")


def mapping_of_another_form(dataset, monkeypatch):
    dataset.mapping.write_text("tench\n")


AT_ONCE = {
    "an empty folder": empty,
    "a link to itself": loop,
    "a folder of images that may not be listed": images_unlisted,
    "a folder of annotations that may not be listed": xml_unlisted,
    "a table of boxes with other columns": table_of_other_columns,
    "a class list out of order": mapping_unsorted,
    "a class list of another form": mapping_of_another_form,
}
"""What ends both commands before anything can be counted."""


@pytest.mark.parametrize("what", AT_ONCE)
def test_what_cannot_be_opened_at_all_is_one_message(
    what, spoiled, command, expect_row, monkeypatch
):
    AT_ONCE[what](spoiled, monkeypatch)

    checked = command("data", "check", spoiled.root)
    ran = command("run", "--arch=squeezenet1_1", f"--data={spoiled.root}")

    assert (checked.out, checked.err, checked.code) == (ran.out, ran.err, ran.code)
    expect_row(FOLDERS, what, checked.err.partition("\n")[0], checked.code)


def box_outside(dataset, making):
    dataset.xml.write_text(making.annotation(making.an_object(("1", "2", "400", "17"))))


def other_size(dataset, making):
    dataset.xml.write_text(making.annotation(making.an_object(), (500, 375)))


def unannotated(dataset, making):
    making.picture().save(dataset.images / "c.JPEG")


def absent(dataset, making):
    dataset.image.unlink()


def hidden(dataset, making):
    (dataset.images / "._a.JPEG").write_bytes(b"")


def with_xml_unlisted(dataset, making):
    dataset.table.write_text("ImageId,PredictionString\n" + ROW)
    (dataset.root / "annotations").symlink_to("annotations")


def member(name: str, kind: bytes = tarfile.REGTYPE) -> Callable:
    def spoil(dataset, making):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        dataset.with_tar([info])

    return spoil


LISTED: dict[str, tuple[Callable, str]] = {
    "a box that leaves its image": (box_outside, "images with a box outside the image"),
    "a size that differs from the file": (
        other_size,
        "images whose size differs from the annotation",
    ),
    "an image without annotation": (unannotated, "images without annotation"),
    "an annotated image without a file": (absent, "absent images"),
    "a hidden file": (hidden, "files left out"),
    "a folder of annotations that cannot be entered, beside others": (
        with_xml_unlisted,
        "files left out",
    ),
    "a member of a tar that leads outside it": (member("../c.JPEG"), "files left out"),
    "a member of a tar with an absolute path": (member("/c.JPEG"), "files left out"),
    "a link in a tar": (member("c.JPEG", tarfile.SYMTYPE), "files left out"),
    "a device in a tar": (member("c.JPEG", tarfile.CHRTYPE), "files left out"),
}


@pytest.mark.parametrize("what", LISTED)
def test_what_stops_no_run_is_counted_and_listed(what, spoiled, making, command, expect_row):
    spoil, heading = LISTED[what]
    spoil(spoiled, making)

    told = command("data", "check", spoiled.root)

    line = next(line for line in told.out.splitlines() if line.startswith(f"{heading}: 1"))
    items = told.under(heading)
    expect_row(COUNTED, what, f"{line}, {items[0]}" if items else line, told.code)


def test_the_page_has_no_other_rows_on_datasets(page):
    tables = {*TABLE, *WHOLE_TABLE, "a table that gives another label than the XML"}
    assert set(page[FAULTS]) == set(XML)
    assert set(page[TABLES]) == tables
    assert set(page[FOLDERS]) == {*PLACES, *AT_ONCE}
    assert set(page[COUNTED]) == set(LISTED)
