"""Splits, several labels of one image, and what each layout leaves out."""

import json
import time

import layout_writers as writers
import numpy as np
import pytest

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.errors import DataError, UsageError


def test_cubs_train_split_is_the_other_images(tmp_path) -> None:
    root = writers.write_cub(tmp_path)
    path = root / "train_test_split.txt"
    path.write_text(path.read_text().replace("2 0", "2 1"))

    test, train = open_dataset(root), open_dataset(root, split="train")

    assert (test.split, train.split) == ("test", "train")
    assert [each.image_id[-1] for each in test.examples] == ["2", "3"]
    assert [each.image_id[-1] for each in train.examples] == ["5"]


def test_surplus_rows_of_cubs_split_are_named_and_do_not_end_a_run(tmp_path) -> None:
    root = writers.write_cub(tmp_path)
    path = root / "train_test_split.txt"
    path.write_text(path.read_text() + "8 0\n9 1\n")

    (skipped,) = open_dataset(root).skipped

    assert skipped.reason == "2 rows are for no image of images.txt: 8, 9"


def test_an_unknown_split_lists_those_that_there_are(tmp_path) -> None:
    root = writers.write_cub(tmp_path)
    with pytest.raises(UsageError, match=r"unknown split 'tests'.*Known: test, train"):
        open_dataset(root, split="tests")


def test_a_split_of_a_layout_without_splits_is_refused(builder, tmp_path) -> None:
    with pytest.raises(UsageError, match="one set of images only"):
        open_dataset(builder.kaggle(tmp_path), split="val")


@pytest.mark.parametrize(("ends", "message"), [("open", "unknown kind"), ("inclusive", "states")])
def test_box_ends_that_make_no_sense_are_refused(builder, tmp_path, ends, message) -> None:
    with pytest.raises(UsageError, match=message):
        open_dataset(builder.kaggle(tmp_path), box_ends=ends)


def test_the_splits_of_wsol_metadata_are_its_folders(tmp_path) -> None:
    root = writers.write_wsol(tmp_path)
    train = root / "metadata/train"
    (root / "metadata/test").rename(train)
    writers.write_wsol(root, writers.SAMPLES[:1])

    assert len(open_dataset(root).examples) == 1
    assert len(open_dataset(root, split="train").examples) == 3
    alone = open_dataset(train, images_needed=False)
    assert (alone.split, len(alone.examples)) == ("train", 3)


def test_box_ends_of_wsol_metadata_follow_the_names_unless_stated(tmp_path) -> None:
    root = writers.write_wsol(tmp_path)
    official, stated = open_dataset(root), open_dataset(root, box_ends="half-open")
    for file in (root / "metadata/test").iterdir():
        file.write_text(file.read_text().replace("ILSVRC2012_val_", "bird_"))
    for image in (root / "dataset/val").iterdir():
        image.rename(image.with_name(image.name.replace("ILSVRC2012_val_", "bird_")))

    others = open_dataset(root)

    assert (official.box_ends, stated.box_ends, others.box_ends) == (
        "inclusive",
        "half-open",
        "half-open",
    )
    assert official.examples[1].boxes.tolist() == [[3, 3, 10, 10]]
    assert stated.examples[1].boxes.tolist() == others.examples[1].boxes.tolist() == [[3, 3, 9, 9]]


def test_without_images_the_annotations_are_the_dataset(tmp_path) -> None:
    root = writers.write_wsol(tmp_path)
    whole = index_sha256(open_dataset(root))
    for image in (root / "dataset/val").iterdir():
        image.unlink()

    with pytest.raises(DataError, match="none of the 3 annotated images"):
        open_dataset(root)
    assert index_sha256(open_dataset(root, images_needed=False)) == whole
    assert len(open_dataset(root, images_needed=False, limit=2).examples) == 2


def test_ids_are_paths_where_file_names_repeat(tmp_path) -> None:
    root = writers.write_wsol(tmp_path)
    folder = root / "metadata/test"
    writers.write_lines(folder / "image_ids.txt", ["v2/0/0.jpeg", "v2/1/0.jpeg"])
    writers.write_lines(folder / "class_labels.txt", ["v2/0/0.jpeg,0", "v2/1/0.jpeg,1"])
    boxes = ["v2/0/0.jpeg,1,1,5,5", "v2/1/0.jpeg,2,2,5,5"]
    writers.write_lines(folder / "localization.txt", boxes)

    dataset = open_dataset(root, images_needed=False)

    assert [each.image_id for each in dataset.examples] == ["v2/0/0", "v2/1/0"]


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["a.jpg", "a.png"], ["a.jpg", "a.png"]),
        (["img_0.5.jpg", "img_0.25.jpg"], ["img_0.25", "img_0.5"]),
    ],
)
def test_no_image_is_lost_where_names_differ_in_their_extension(tmp_path, names, ids) -> None:
    for name in names:
        writers.write(tmp_path / name, writers.jpeg_bytes(8, 8))
    writers.write_lines(
        tmp_path / "boxes.csv", ["image,class,x,y,w,h", *(f"{name},a,1,1,4,4" for name in names)]
    )
    coco = tmp_path / "coco.json"
    images = [
        {"id": at, "file_name": name, "width": 8, "height": 8} for at, name in enumerate(names)
    ]
    annotations = [
        {"image_id": at, "category_id": 1, "bbox": [1, 1, 4, 4]} for at in range(len(names))
    ]
    categories = [{"id": 1, "name": "a"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    coco.write_text(json.dumps(content))

    for path in (tmp_path / "boxes.csv", coco):
        assert [each.image_id for each in open_dataset(path).examples] == ids


def test_a_dot_in_an_id_without_extension_begins_none(tmp_path) -> None:
    writers.write(tmp_path / "img_0.5.jpg", writers.jpeg_bytes(8, 8))
    writers.write_lines(tmp_path / "boxes.csv", ["image,class,x,y,w,h", "img_0.5,a,1,1,4,4"])

    assert [each.image_id for each in open_dataset(tmp_path).examples] == ["img_0.5"]


def test_an_image_of_several_classes_is_an_example_of_each(tmp_path) -> None:
    root = writers.write_voc(tmp_path)
    first = writers.SAMPLES[0]
    more = writers.object_text("n01440764", (5, 6, 10, 12))
    writers.write(root / f"Annotations/{first.image_id}.xml", writers.xml_text(first, more, 1))

    dataset = open_dataset(root)

    pairs = [(each.image_id[-1], each.label) for each in dataset.examples]
    assert pairs == [("2", 0), ("2", 1), ("5", 0), ("3", 2)]
    assert dataset.examples[0].boxes.tolist() == [[4, 5, 10, 12]]  # 1-based, inclusive
    assert [each.index for each in dataset.examples] == [2, 2, 5, 293]
    assert len(open_dataset(root, limit=1).examples) == 2  # a limit counts images


def test_a_class_whose_objects_are_all_difficult_is_left_out_and_named(tmp_path) -> None:
    root = writers.write_voc(tmp_path)
    first = writers.SAMPLES[0]
    hard = writers.object_text("n01440764", (5, 6, 10, 12)).replace(
        "<bndbox>", "<difficult>1</difficult><bndbox>"
    )
    beside = writers.object_text("n01443537", (5, 6, 10, 12)).replace(
        "<bndbox>", "<difficult>1</difficult><bndbox>"
    )
    text = writers.xml_text(first, hard + beside, 1)
    writers.write(root / f"Annotations/{first.image_id}.xml", text)

    dataset = open_dataset(root)

    assert [each.label for each in dataset.examples] == [1, 0, 2]
    assert len(dataset.examples[0].boxes) == 3
    (skipped,) = dataset.skipped
    assert skipped.name == "ILSVRC2012_val_00000002, n01440764"


def test_a_dataset_of_difficult_objects_alone_is_refused(tmp_path) -> None:
    root = writers.write_voc(tmp_path)
    for xml in root.rglob("*.xml"):
        xml.write_text(xml.read_text().replace("<bndbox>", "<difficult>1</difficult><bndbox>"))
    with pytest.raises(DataError, match="has an object that counts"):
        open_dataset(root)


def test_vocs_lists_of_single_classes_are_no_splits(tmp_path) -> None:
    root = writers.write_voc(tmp_path)
    writers.write_lines(root / "ImageSets/Main/cat_test.txt", ["a -1"])
    writers.write_lines(root / "ImageSets/Main/train.txt", [writers.SAMPLES[1].image_id])

    assert [each.label for each in open_dataset(root, split="train").examples] == [0]
    with pytest.raises(UsageError, match=r"Known: test, train\."):
        open_dataset(root, split="cat_test")


def test_a_voc_folder_may_be_given_above_its_only_year(tmp_path) -> None:
    writers.write_voc(tmp_path / "VOCdevkit/VOC2007")

    assert index_sha256(open_dataset(tmp_path)) == index_sha256(
        open_dataset(tmp_path / "VOCdevkit/VOC2007")
    )


def test_cocos_crowds_count_as_boxes_only_where_there_is_no_other(tmp_path) -> None:
    root = writers.write_coco(tmp_path)
    content = writers.coco_content()
    content["annotations"][1]["iscrowd"] = 1
    content["annotations"][2]["iscrowd"] = 1
    content["annotations"].append({**content["annotations"][3], "bbox": [1, 1, 0, 4]})
    path = root / "annotations/instances_val2017.json"
    path.write_text(json.dumps(content))

    dataset = open_dataset(root)

    assert [len(each.boxes) for each in dataset.examples] == [1, 1, 1]
    assert dataset.examples[1].boxes.tolist() == [[3, 3, 10, 10]]
    assert [each.reason for each in dataset.skipped] == ["its box has no area"]
    assert index_sha256(open_dataset(path)) == index_sha256(dataset)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        ("x,y,w,h", "3,3,7,7"),
        ("x0,y0,w,h", "3,3,7,7"),
        ("x,y,width,height", "3,3,7,7"),
        ("x0,y0,x1,y1,box_ends", "3,3,10,10,half-open"),
        ("x0,y0,x1_inclusive,y1_inclusive", "3,3,9,9"),
        ("xmin,ymin,xmax (exclusive),ymax (exclusive)", "3,3,10,10"),
        ("X0,Y0,X1_half_open,Y1_half_open,width,height", "3,3,10,10,20,30"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "\ufeff{}", ";", "\t", "\r\n"])
def test_a_table_of_boxes_takes_sides_or_corners(tmp_path, columns, values, form) -> None:
    root = writers.write_box_table(tmp_path)
    line = f"{writers.SAMPLES[1].image_id},n01440764,{values}"  # an id without extension
    text = f"image,class,{columns}\n{line}\n"
    marks = {";": (",", ";"), "\t": (",", "\t"), "\r\n": ("\n", "\r\n")}
    text = text.replace(*marks[form]) if form in marks else form.format(text)
    writers.write(root / "boxes.csv", text)

    (example,) = open_dataset(root).examples

    assert example.boxes.tolist() == [[3, 3, 10, 10]]


def test_a_table_of_classes_of_its_own_needs_no_list_of_them(tmp_path) -> None:
    root = writers.write_box_table(tmp_path)
    (root / "LOC_synset_mapping.txt").unlink()
    first, second, _ = (sample.image_id for sample in writers.SAMPLES)
    rows = [f"{first},zebra,1,1,4,4", f"{second},ape,3,3,7,7"]
    writers.write_lines(root / "boxes.csv", ["image,class,x,y,w,h", *rows])

    dataset = open_dataset(root)

    assert dataset.class_ids == ("ape", "zebra")
    assert [each.label for each in dataset.examples] == [1, 0]


@pytest.mark.parametrize("written", ["red/1.jpg", "red/1", "red/1.JPG"])
def test_an_image_is_found_whatever_the_case_of_its_suffix(tmp_path, written) -> None:
    writers.write(tmp_path / "red/1.JPG", writers.jpeg_bytes(20, 20))
    writers.write_lines(tmp_path / "boxes.csv", ["image,class,x,y,w,h", f"{written},a,1,1,4,4"])

    dataset = open_dataset(tmp_path)

    assert dataset.open(dataset.examples[0].image_id).size == (20, 20)


def test_a_parquet_table_gives_the_boxes_of_the_csv(tmp_path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    root = writers.write_box_table(tmp_path)
    expected = index_sha256(open_dataset(root))
    table = pyarrow.csv.read_csv(root / "boxes.csv")
    pyarrow.parquet.write_table(table, root / "boxes.parquet")
    (root / "boxes.csv").rename(root / "elsewhere.csv")

    assert index_sha256(open_dataset(root)) == expected
    assert index_sha256(open_dataset(root / "elsewhere.csv")) == expected


@pytest.mark.parametrize("kind", ["text", "dictionary", "large", "bytes", "struct"])
def test_the_names_of_a_parquet_table_may_be_of_any_type(tmp_path, kind) -> None:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    root = writers.write_box_table(tmp_path)
    expected = index_sha256(open_dataset(root))
    table = pyarrow.csv.read_csv(root / "boxes.csv")
    names = table["image"].combine_chunks()
    typed = {
        "text": lambda: names,
        "dictionary": names.dictionary_encode,
        "large": lambda: names.cast(pa.large_string()),
        "bytes": lambda: names.cast(pa.binary()),
        "struct": lambda: pa.StructArray.from_arrays([names], ["path"]),
    }
    table = table.set_column(0, "image", typed[kind]())
    pyarrow.parquet.write_table(table, root / "boxes.parquet")
    (root / "boxes.csv").unlink()

    assert index_sha256(open_dataset(root)) == expected


def test_spaces_after_the_separators_of_a_csv_do_not_count(tmp_path) -> None:
    writers.write(tmp_path / "a.jpg", writers.jpeg_bytes(8, 8))
    rows = ['"image", "class", "x", "y", "w", "h"', '"a.jpg", "a", "1", "1", "4", "4"']
    writers.write_lines(tmp_path / "boxes.csv", rows)

    assert open_dataset(tmp_path).examples[0].boxes.tolist() == [[1, 1, 5, 5]]


def test_a_table_that_is_not_read_is_named(tmp_path) -> None:
    writers.write(tmp_path / "a.jpg", writers.jpeg_bytes(8, 8))
    writers.write_lines(tmp_path / "boxes.csv", ["filename,label,x,y,w,h", "a.jpg,a,1,1,4,4"])

    with pytest.raises(DataError, match=r"boxes\.csv has no columns image and class"):
        open_dataset(tmp_path)


def test_class_folders_of_any_name_need_a_list_of_classes(tmp_path) -> None:
    names = {"n01440764": "red fish", "n01443537": "gold fish", "n01484850": "shark"}
    root = writers.write_class_folders(tmp_path / "data")
    (root / "LOC_synset_mapping.txt").unlink()
    for wnid, name in names.items():
        (root / "val" / wnid).rename(root / "val" / name)
    for xml in (root / writers.OFFICIAL_XML_FOLDER).iterdir():
        text = xml.read_text()
        for wnid, name in names.items():
            text = text.replace(wnid, name)
        xml.write_text(text)
    with pytest.raises(DataError, match="does not have any known layout"):
        open_dataset(root)
    writers.write_lines(root / "classes.txt", ["shark\tGreat white", "gold fish", "red fish"])

    dataset = open_dataset(root)

    assert dataset.class_names == ("Great white", "gold fish", "red fish")
    assert [each.label for each in dataset.examples] == [1, 2, 0]


def test_hugging_faces_unpacked_names_give_the_ids_and_labels(tmp_path) -> None:
    whole = open_dataset(writers.write_class_folders(tmp_path / "folders"))
    unpacked = writers.write_unpacked(tmp_path / "unpacked")
    flat = writers.write_unpacked(tmp_path / "flat")
    for image in (flat / "val").glob("*/*"):
        image.rename(flat / "val" / image.name)
    for folder in (flat / "val").iterdir():
        if folder.is_dir():
            folder.rmdir()

    digests = {index_sha256(open_dataset(each)) for each in (unpacked, flat)}

    assert digests == {index_sha256(whole)}
    wrong = next((flat / "val").iterdir())
    wrong.rename(wrong.with_name(wrong.name.replace(wrong.stem[-9:], "n01530575")))
    with pytest.raises(DataError, match="n01530575"):
        open_dataset(flat)


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".gif", ".tif", ".jfif", ".jpe", ".PNG"])
def test_images_of_every_suffix_are_read(builder, tmp_path, suffix) -> None:
    root = builder.kaggle(tmp_path)
    image = root / builder.image_folder / f"{builder.samples[0].image_id}.JPEG"
    image.rename(image.with_suffix(suffix))

    assert len(open_dataset(root).examples) == 3


def test_a_file_named_like_an_image_that_is_not_read_is_listed(builder, tmp_path) -> None:
    root = builder.kaggle(tmp_path)
    builder.write(root / builder.image_folder / "photo.HEIC", b"x")
    builder.write(root / builder.image_folder / "notes.txt", b"x")

    (skipped,) = open_dataset(root).skipped

    assert skipped.name == "photo.HEIC"
    assert "its format is not read" in skipped.reason


def test_two_swapped_annotations_are_refused(builder, tmp_path) -> None:
    root = builder.kaggle(tmp_path)
    first, second = (
        root / builder.xml_folder / f"{each.image_id}.xml" for each in builder.samples[:2]
    )
    texts = first.read_text(), second.read_text()
    second.write_text(texts[0])
    first.write_text(texts[1])

    with pytest.raises(DataError, match=r"00002\.xml is named for .*<filename> is .*00005"):
        open_dataset(root)


def test_images_in_parquet_are_read_from_every_row_group(tmp_path) -> None:
    dataset = open_dataset(writers.write_hugging_face(tmp_path))

    for sample in writers.SAMPLES:
        assert dataset.images.read(sample.image_id) == writers.plain(sample)
        assert "row group" in dataset.images.where(sample.image_id)


@pytest.mark.parametrize("start", ["", "validation_", "validation-"])
def test_files_of_parquet_that_are_only_numbered_are_one_split(tmp_path, start) -> None:
    import pyarrow.parquet

    root = writers.write_hugging_face(tmp_path / "validation")
    table = writers.image_table()
    (root / "validation-00000-of-00001.parquet").unlink()
    for number in range(len(table)):
        path = root / f"{start}{number:04d}.parquet"
        pyarrow.parquet.write_table(table.slice(number, 1), path)

    dataset = open_dataset(root)

    assert (dataset.split, len(dataset.examples)) == ("validation", 3)


def test_boxes_are_float64_in_every_layout(tmp_path) -> None:
    for name, write in writers.WRITERS.items():
        for example in open_dataset(write(tmp_path / name)).examples:
            assert example.boxes.dtype == np.float64
            assert example.boxes.shape[1] == 4


def test_a_long_number_in_the_first_line_of_a_list_costs_no_time(tmp_path) -> None:
    root = writers.write_bas(tmp_path)
    (list_file,) = root.rglob("val_gt.txt")
    line = f"n01440764\\a.JPEG 5 5 ; 1 2 3 {'9' * 3000}x"
    writers.write_lines(list_file, [line])
    began = time.process_time()
    with pytest.raises(DataError):
        open_dataset(root)
    assert time.process_time() - began < 20  # a pattern that backtracks would take years
