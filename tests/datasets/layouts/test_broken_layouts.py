"""Broken files of every layout: which message, and exit code 3 (2 for a flag)."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import layout_writers as writers
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wsol_bench.datasets.catalog import LAYOUTS, open_dataset
from wsol_bench.errors import EXIT_DATA, EXIT_USAGE, DataError, WsolBenchError

Change = Callable[[Path], object]


def replaced(name: str, old: str, new: str) -> Change:
    """Replaces text in a file, which must hold it."""

    def change(root: Path) -> None:
        path = root / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def added(name: str, line: str) -> Change:
    def change(root: Path) -> None:
        path = root / name
        path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")

    return change


def dropped(name: str, start: str) -> Change:
    """Removes the lines that start so."""

    def change(root: Path) -> None:
        path = root / name
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not line.startswith(start)]
        assert len(kept) < len(lines)
        path.write_text("\n".join(kept) + "\n", encoding="utf-8")

    return change


def written(name: str, content: str | bytes) -> Change:
    return lambda root: writers.write(root / name, content)


def removed(name: str) -> Change:
    return lambda root: (root / name).unlink()


def coco(*keys: object, value: object) -> Change:
    """Sets a value of the JSON."""

    def change(root: Path) -> None:
        path = root / "annotations/instances_val2017.json"
        content = json.loads(path.read_text())
        *way, last = keys
        place = content
        for key in way:
            place = place[key]
        place[last] = value
        path.write_text(json.dumps(content))

    return change


def parquet(**columns: object) -> Change:
    """Writes the Parquet file with other columns; None removes one."""

    def change(root: Path) -> None:
        table = writers.image_table()
        for name, values in columns.items():
            at = table.schema.names.index(name)
            table = table.remove_column(at)
            if values is not None:
                table = table.append_column(name, values)
        pq.write_table(table, root / "validation-00000-of-00001.parquet")

    return change


def images(*entries: tuple[bytes | None, str | None]) -> pa.Array:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": data, "path": path} for data, path in entries], kind)


def shard(**changes: bytes | None) -> Change:
    """Writes the first tar anew; a name's dot is an underscore here, None removes it."""

    def change(root: Path) -> None:
        members = dict(writers.shard_members(writers.SAMPLES[:2]))
        for key, data in changes.items():
            name = key.removeprefix("m").replace("_", ".")
            members.pop(name, None)
            if data is not None:
                members[name] = data
        writers.add_members(root / "imagenet1k-validation-00.tar", members)

    return change


FIRST, SECOND = "ILSVRC2012_val_00000002", "ILSVRC2012_val_00000005"
WSOL = "metadata/test"
XML = "Annotations/ILSVRC2012_val_00000002.xml"
OFFICIAL_XML = f"{writers.OFFICIAL_XML_FOLDER}/{FIRST}.xml"
JPEG = writers.jpeg_bytes(8, 8)
NAMES = tuple(f"{each.image_id}_{each.wnid}.JPEG" for each in writers.SAMPLES)

BROKEN: Mapping[str, Mapping[str, tuple[Change, str]]] = {
    "cub": {
        "no box of an image": (dropped("bounding_boxes.txt", "1 "), "no row for 1 of the images"),
        "no label of an image": (dropped("image_class_labels.txt", "2 "), "labels.txt: no row for"),
        "an unknown class": (replaced("image_class_labels.txt", "1 2", "1 9"), "class number '9'"),
        "a box without area": (replaced("bounding_boxes.txt", "32.0", "0.0"), "has no area"),
        "no number": (replaced("bounding_boxes.txt", "32.0", "x"), "width is 'x'"),
        "too few values": (replaced("bounding_boxes.txt", " 24.0", ""), "expected 5 values"),
        "a split that is none": (replaced("train_test_split.txt", "1 0", "1 5"), "expected 1 .tr"),
        "two rows": (added("images.txt", "1 x/y.jpg"), "a second row for 1"),
        "a path that leads outside": (replaced("images.txt", "n0144", "../n0144"), "relative path"),
        "classes out of order": (replaced("classes.txt", "1 n0", "7 n0"), "class numbers 1, 2, 3"),
        "no UTF-8": (written("images.txt", b"1 \xff"), "is not UTF-8"),
        "an empty file": (written("images.txt", ""), "images.txt is empty"),
        "an absent image": (removed(f"images/n01440764/{SECOND}.JPEG"), "1 of 3 annotated"),
    },
    "wsol-metadata": {
        "no box of an image": (
            dropped(f"{WSOL}/localization.txt", f"val/{SECOND}"),
            "localization.txt: no row for 1 of 3",
        ),
        "no label of an image": (
            dropped(f"{WSOL}/class_labels.txt", f"val/{SECOND}"),
            "class_labels.txt: no row for 1 of 3",
        ),
        "a label that is no number": (
            replaced(f"{WSOL}/class_labels.txt", ",1", ",x"),
            "line 1: expected a class index",
        ),
        "a label beyond the list": (
            replaced(f"{WSOL}/class_labels.txt", ",1", ",77"),
            "class index 77 is not among",
        ),
        "swapped corners": (
            replaced(f"{WSOL}/localization.txt", "1,2,20,17", "20,2,1,17"),
            "line 1: the box 20 2 1 17 has its corners swapped",
        ),
        "two corners alone": (
            lambda root: (root / WSOL / "localization.txt").write_text(f"val/{FIRST}.JPEG,1,2\n"),
            "line 1: expected a path and a mask's file",
        ),
        "three corners": (
            replaced(f"{WSOL}/localization.txt", "1,2,20,17", "1,2,20"),
            "line 1: expected a path and a box or mask",
        ),
        "a size that is no number": (
            replaced(f"{WSOL}/image_sizes.txt", ",32,", ",wide,"),
            "line 1: expected a size",
        ),
        "two labels": (
            added(f"{WSOL}/class_labels.txt", f"val/{FIRST}.JPEG,1"),
            "line 4: a second row",
        ),
        "an absolute path": (
            replaced(f"{WSOL}/image_ids.txt", "val/", "/val/"),
            "line 1: expected the relative path",
        ),
        "an empty list": (written(f"{WSOL}/image_ids.txt", "\n"), "image_ids.txt is empty"),
        "no UTF-8": (written(f"{WSOL}/localization.txt", b"\xff"), "is not UTF-8"),
    },
    "voc": {
        "XML that is cut off": (written(XML, "<annotation>"), "not well-formed XML"),
        "no object": (written(XML, "<annotation/>"), "has no <object>"),
        "an unknown class": (replaced(XML, "n01443537", "zebra"), "unknown class 'zebra'"),
        "swapped corners": (replaced(XML, "<xmin>2<", "<xmin>90<"), "has its corners swapped"),
        "no number": (replaced(XML, "<xmin>2<", "<xmin>left<"), "xmin is 'left'"),
        "another image's name": (replaced(XML, f"{FIRST}</f", "other</f"), "its <filename> is"),
        "difficult that is no flag": (
            replaced(XML, "<bndbox>", "<difficult>very</difficult><bndbox>"),
            "<difficult> is 'very'",
        ),
        "an annotation that is absent": (removed(XML), "00002.xml is absent"),
        "an empty split": (written("ImageSets/Main/test.txt", ""), "test.txt is empty"),
        "an absent image": (removed(f"JPEGImages/{FIRST}.jpg"), "1 of 3 annotated"),
    },
    "coco": {
        "no JSON": (written("annotations/instances_val2017.json", "{"), "is not JSON"),
        "a list": (written("annotations/instances_val2017.json", "[]"), "expected an object"),
        "deep nesting": (
            written("annotations/instances_val2017.json", "[" * 100_000),
            "is not JSON",
        ),
        "no categories": (coco("categories", value=[]), "has no categories"),
        "no images": (coco("images", value=None), "expected a list 'images'"),
        "an unknown image": (coco("annotations", 0, "image_id", value=99), "image_id 99 is none"),
        "an unknown category": (coco("annotations", 0, "category_id", value=1), "category_id 1 is"),
        "a box of three": (coco("annotations", 0, "bbox", value=[1, 2, 3]), "Expected x, y, width"),
        "a negative side": (coco("annotations", 0, "bbox", value=[1, 2, -3, 4]), "negative side"),
        "an infinite box": (coco("annotations", 0, "bbox", value=[1, 2, 1e99, 4]), "x, y, width"),
        "a polygon of two points": (
            coco("annotations", 0, "segmentation", value=[[1, 2, 3, 4]]),
            "a polygon of 4 numbers",
        ),
        "runs of another length": (
            coco("annotations", 0, "segmentation", value={"size": [24, 32], "counts": [5, 5]}),
            "do not add up",
        ),
        "runs of another size": (
            coco("annotations", 0, "segmentation", value={"size": [9, 9], "counts": [81]}),
            "is not the image's",
        ),
        "compressed runs that end early": (
            coco("annotations", 0, "segmentation", value={"size": [24, 32], "counts": "o"}),
            "ends inside a count",
        ),
        "a size of 0": (coco("images", 0, "height", value=0), "is below 1"),
        "a size that no image has": (
            coco("images", 0, "height", value=100_000),
            "at most 65,535 to a side",
        ),
        "a path that leads outside": (coco("images", 0, "file_name", value="../a.jpg"), "relative"),
        "two categories of one name": (
            coco("categories", 0, "name", value="n01443537"),
            "Expected each once",
        ),
    },
    "box-table": {
        "an unknown class": (replaced("boxes.csv", "n01443537", "zebra"), "line 2: unknown class"),
        "swapped corners": (replaced("boxes.csv", "1,2,20,17", "20,2,1,17"), "corners swapped"),
        "no number": (replaced("boxes.csv", "1,2,20,17", "a,2,20,17"), "xmin is 'a'"),
        "too few values": (replaced("boxes.csv", "1,2,20,17", "1,2,20"), "line 2: expected 9 val"),
        "ends that are none": (replaced("boxes.csv", "inclusive", "open"), "box_ends is 'open'"),
        "no columns of boxes": (replaced("boxes.csv", "x1", "right"), "expected distinct columns"),
        "no path": (replaced("boxes.csv", f"{FIRST}.JPEG", ""), "line 2: expected the relative"),
        "no UTF-8": (replaced("boxes.csv", "n01443537", "\u0663"), "unknown class"),
        "a size that is no number": (replaced("boxes.csv", ",32,", ",wide,"), "expected a size"),
        "no row": (written("boxes.csv", "image,class,x,y,w,h\n"), "has no row"),
        "a quotation mark": (replaced("boxes.csv", "1,2,20", '"1,2,20'), "boxes.csv"),
        "an absent image": (removed(f"images/{FIRST}.JPEG"), "1 of 3 annotated"),
    },
    "ts-cam-list": {
        "an unknown class": (replaced("val.txt", "n01440764/", "n99/"), "unknown class 'n99'"),
        "a label of another class": (replaced("val.txt", "JPEG 0 3", "JPEG 2 3"), "label 2 is not"),
        "a label that is no number": (replaced("val.txt", "JPEG 0 3", "JPEG x 3"), "class index"),
        "three corners": (replaced("val.txt", "3 3 9 9", "3 3 9"), "line 2: expected a path"),
        "swapped corners": (replaced("val.txt", "3 3 9 9", "9 3 3 9"), "corners swapped"),
        "no number": (replaced("val.txt", "3 3 9 9", "a 3 9 9"), "xmin is 'a'"),
        "two lines": (added("val.txt", f"n01440764/{SECOND}.JPEG 0 1 1 2 2"), "a second line"),
        "a path that leads outside": (replaced("val.txt", "n01440764/", "../"), "relative path"),
        "an absent image": (removed(f"images/n01440764/{SECOND}.JPEG"), "1 of 3 annotated"),
    },
    "bas-lists": {
        "an unknown class": (replaced("val_gt.txt", "n01440764", "n99"), "no line in val_list.txt"),
        "a label of another class": (replaced("val_list.txt", "JPEG;0", "JPEG;2"), "label 2 is"),
        "a label that is no number": (replaced("val_list.txt", "JPEG;0", "JPEG;x"), "class index"),
        "three corners": (replaced("val_gt.txt", "3 3 9 9", "3 3 9"), "expected four numbers"),
        "swapped corners": (replaced("val_gt.txt", "3 3 9 9", "9 3 3 9"), "corners swapped"),
        "no number": (replaced("val_gt.txt", "3 3 9 9", "a 3 9 9"), "xmin is 'a'"),
        "no size": (replaced("val_gt.txt", "20 30 ;", "20 ;"), "a width and a height before"),
        "a size that is no number": (
            replaced("val_gt.txt", "20 30 ;", "w 30 ;"),
            "expected a size",
        ),
        "no semicolon": (added("val_gt.txt", "n01440764/x.JPEG 20 30"), "a path, a width"),
        "an absent image": (removed(f"images/n01440764/{SECOND}.JPEG"), "1 of 3 annotated"),
    },
    "hugging-face": {
        "no Parquet": (written("validation-00000-of-00001.parquet", b"PAR1" * 9), "known layout"),
        "a file that is cut off": (
            lambda root: writers.write(
                root / "validation-00001-of-00002.parquet",
                (root / "validation-00000-of-00001.parquet").read_bytes()[:-9],
            ),
            "cannot read the Parquet file",
        ),
        "no names": (
            parquet(image=images(*[(JPEG, None)] * 3)),
            "the image has no name",
        ),
        "no labels": (parquet(label=None), "Expected columns image"),
        "a label beyond the list": (
            parquet(label=pa.array([1, 0, 3], pa.int64())),
            "the label is 3",
        ),
        "labels that are text": (parquet(label=pa.array(["a", "b", "c"])), "the label is a"),
        "a label of another class": (
            parquet(label=pa.array([1, 1, 2], pa.int64())),
            "has no box of the label",
        ),
        "two images of one name": (
            parquet(image=images(*[(JPEG, NAMES[0])] * 3)),
            "a second image with the id",
        ),
        "no annotations": (
            lambda root: [each.unlink() for each in root.glob("ILSVRC2012_bbox_val_v3/val/*.xml")],
            "no boxes for the images",
        ),
        "other images": (
            parquet(image=images(*[(JPEG, f"other_{number}.jpg") for number in range(3)])),
            "none of the 3 annotated images",
        ),
    },
    "webdataset": {
        "running keys": (shard(m00000_json=None), "the key is a running index"),
        "JSON that is none": (shard(m00000_json=b"{"), "the key is a running index"),
        "JSON without a name": (shard(m00000_json=b'{"label": 1}'), "running index"),
        "a label that is no number": (shard(m00000_cls=b"x"), "the label is no class index"),
        "a label beyond the list": (shard(m00000_cls=b"9"), "no class index from 0 to 2"),
        "a label of another class": (shard(m00000_cls=b"2"), "has no box of the label"),
        "two images of one name": (
            shard(m00001_json=json.dumps({"filename": f"{FIRST}.JPEG"}).encode()),
            "a second image with the id",
        ),
        "a tar that is cut off": (
            lambda root: writers.write(
                root / "imagenet1k-validation-00.tar",
                (root / "imagenet1k-validation-00.tar").read_bytes()[:700],
            ),
            "cannot read the tar",
        ),
        "no annotations": (
            lambda root: [each.unlink() for each in root.glob("ILSVRC2012_bbox_val_v3/val/*.xml")],
            "no boxes for the images",
        ),
        "an image without a file": (shard(m00000_jpg=None), "1 of 3 annotated"),
        "another image's annotation": (
            replaced(OFFICIAL_XML, f"{FIRST}</filename>", f"{SECOND}</filename>"),
            "its <filename> is",
        ),
    },
}
CASES = [(layout, name) for layout, cases in BROKEN.items() for name in cases]
OLDER = {"kaggle", "class-folders", "flat", "tar"}
"""Layouts whose broken inputs tests/bad_input has."""


def test_every_layout_has_a_table_of_broken_inputs() -> None:
    assert BROKEN.keys() | OLDER == LAYOUTS.keys()
    assert all(len(cases) >= 8 for cases in BROKEN.values())


@pytest.mark.parametrize(("layout", "name"), CASES, ids=map(" - ".join, CASES))
def test_a_broken_file_is_named_with_what_was_expected(layout, name, tmp_path) -> None:
    change, message = BROKEN[layout][name]
    root = writers.WRITERS[layout](tmp_path / "data")
    open_dataset(root)
    change(root)

    with pytest.raises(WsolBenchError, match=message) as caught:
        open_dataset(root)

    assert caught.value.exit_code == EXIT_DATA
    first_line = str(caught.value).partition("\n")[0]
    assert first_line.isprintable()
    assert len(first_line) < 700


@pytest.mark.parametrize(("layout", "name"), CASES, ids=map(" - ".join, CASES))
def test_what_is_broken_is_listed_without_ending_the_check(layout, name, tmp_path) -> None:
    change, _ = BROKEN[layout][name]
    root = writers.WRITERS[layout](tmp_path / "data")
    change(root)

    try:
        dataset = open_dataset(root, list_faults=True, allow_missing=True)
    except DataError:  # the dataset as a whole cannot be opened
        return

    assert dataset.faults or dataset.missing


def test_a_table_that_does_not_state_its_ends_names_the_flag(tmp_path) -> None:
    root = writers.write_box_table(tmp_path)
    text = (root / "boxes.csv").read_text().replace(",inclusive", ",")
    (root / "boxes.csv").write_text(text)

    with pytest.raises(WsolBenchError, match="--box-ends inclusive or --box-ends half") as caught:
        open_dataset(root)

    assert caught.value.exit_code == EXIT_USAGE
    inclusive = open_dataset(root, box_ends="inclusive")
    half_open = open_dataset(root, box_ends="half-open")
    assert (inclusive.examples[1].boxes - half_open.examples[1].boxes).tolist() == [[0, 0, 1, 1]]
    assert (inclusive.box_ends, half_open.box_ends) == ("inclusive", "half-open")
