"""The layout of CUB-200-2011: text files beside a folder of images.

- `images.txt`: image number, path below `images`.
- `classes.txt`: class number, name. The numbers start with 1; the class index is one less.
- `image_class_labels.txt`: image number, class number.
- `bounding_boxes.txt`: image number, x, y, width, height in pixels.
- `train_test_split.txt`: image number, 1 for training or 0 for testing.
- `segmentations`, in the folder or beside it: a PNG for each image, optional.

Source: Wah et al., The Caltech-UCSD Birds-200-2011 Dataset, 2011, and its README.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from wsol_bench.datasets.annotations import sized_box
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList, class_list
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.ground_truth import GroundTruth, ListedAnnotations
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.listed_files import find_listed, ids_of, relative_path
from wsol_bench.datasets.mask_files import HALF, MaskFiles
from wsol_bench.datasets.scanning import Skipped, is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.text_rows import Row, rows_of
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names, shown

IMAGES, CLASSES, LABELS = "images.txt", "classes.txt", "image_class_labels.txt"
BOXES, SPLIT = "bounding_boxes.txt", "train_test_split.txt"
FOLDERS = (".", "CUB_200_2011")
FLAGS = {"test": "0", "train": "1"}
"""The value of `is_training_image` in each split."""

Table = Mapping[str, Row]
"""The first field of a row, a number, to the row."""


def find(path: Path) -> Path | None:
    """The path, or CUB_200_2011 in it, that holds the text files."""
    names = (IMAGES, CLASSES, LABELS, BOXES, SPLIT)
    folders = (path / name for name in FOLDERS)
    return next((each for each in folders if all(is_file(each / name) for name in names)), None)


def load(path: Path, root: Path, selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    classes, numbers = _classes(root)
    images, split = _read(root / IMAGES, 2), _read(root / SPLIT, 2)
    labels, boxes = _read(root / LABELS, 2), _read(root / BOXES, 5)
    faults = _faults(root, images, {LABELS: labels, BOXES: boxes, SPLIT: split})
    tables = (labels, boxes, split)
    complete = {key: row for key, row in images.items() if all(key in table for table in tables)}
    paths = {key: relative_path(row.fields[1], row.where) for key, row in complete.items()}
    by_path = {place: key for key, place in paths.items()}
    flag = FLAGS[selection.split or "test"]
    rows: dict[str, list[GroundTruth]] = {}
    chosen: dict[str, str] = {}
    for image_id, place in ids_of(paths.values()).items():
        key = by_path[place]
        if _flag(split[key]) != flag:
            continue
        try:
            box = sized_box(boxes[key].fields[1:], boxes[key].where)
            label = _label(labels[key], numbers)
        except DataError as error:
            faults.append(str(error))
            continue
        rows[image_id] = [GroundTruth(label, np.array([box]), None)]
        chosen[image_id] = place
    skipped = _surplus(root / SPLIT, split, images)
    return assemble(
        path,
        find_listed([root / "images"], chosen),
        ListedAnnotations(classes, rows, skipped, tuple(faults)),
        selection,
        mask_source=_masks(root, chosen),
    )


def _read(path: Path, count: int) -> Table:
    table: dict[str, Row] = {}
    for row in rows_of(path, None, (count,), f"{count} values"):
        if row.fields[0] in table:
            raise DataError(
                f"{row.where}: a second row for {shown(row.fields[0][:40])}. Expected one row for "
                "each number. Remove one of the two."
            )
        table[row.fields[0]] = row
    if not table:
        raise DataError(f"{shown(str(path))} is empty. Expected {count} values on each line.")
    return table


def _classes(root: Path) -> tuple[ClassList, Mapping[str, int]]:
    """The classes, and the class index of each class number."""
    table = _read(root / CLASSES, 2)
    where = shown(str(root / CLASSES))
    names = [row.fields[1] for row in table.values()]
    if list(table) != [str(number) for number in range(1, len(table) + 1)]:
        raise DataError(f"{where}: expected class numbers 1, 2, 3, ... in order. Sort the file.")
    if len(set(names)) != len(names):
        raise DataError(f"{where}: two classes have one name. Expected distinct names.")
    return class_list(names, where), {number: at for at, number in enumerate(table)}


def _label(row: Row, numbers: Mapping[str, int]) -> int:
    number = row.fields[1]
    if number not in numbers:
        raise DataError(
            f"{row.where}: unknown class number {shown(number[:40])!r}. Expected one from 1 to "
            f"{len(numbers)}, the lines of {CLASSES}. Correct the line."
        )
    return numbers[number]


def _flag(row: Row) -> str:
    if row.fields[1] not in FLAGS.values():
        raise DataError(
            f"{row.where}: expected 1 (training) or 0 (testing), got "
            f"{shown(row.fields[1][:40])!r}. Correct the line."
        )
    return row.fields[1]


def _faults(root: Path, images: Table, tables: Mapping[str, Table]) -> list[str]:
    """A message for each file that has no row for some images."""
    faults = []
    for name, table in tables.items():
        absent = [images[key].fields[1] for key in images if key not in table]
        if absent:
            faults.append(
                f"{shown(str(root / name))}: no row for {len(absent):,} of the images in {IMAGES}: "
                f"{first_names(absent)}. Expected one for each. Unpack the dataset again."
            )
    return faults


def _surplus(path: Path, split: Table, images: Table) -> tuple[Skipped, ...]:
    """The rows of the split file that are for no image."""
    surplus = [key for key in split if key not in images]
    if not surplus:
        return ()
    count = f"{len(surplus):,} rows are" if len(surplus) > 1 else "1 row is"
    named = first_names(surplus, 10)
    return (Skipped(path.name, f"{count} for no image of {IMAGES}: {named}"),)


def _masks(root: Path, paths: Mapping[str, str]) -> MaskFiles | None:
    """The segmentations of the chosen images, where the folder is there."""
    folders = (root / "segmentations", root.absolute().parent / "segmentations")
    folder = next((each for each in folders if each.is_dir()), None)
    if folder is None:
        return None
    named = {
        image_id: (str(PurePosixPath(path).with_suffix(".png")),)
        for image_id, path in paths.items()
    }
    return MaskFiles(folder, named, {}, HALF)


CUB = Layout(
    description=(
        f"CUB-200-2011: {IMAGES}, {CLASSES}, {LABELS}, {BOXES}, {SPLIT} and the folder images; "
        "segmentations, in the folder or beside it, are its masks"
    ),
    find=find,
    load=load,
    splits=lambda path, root: tuple(FLAGS),
    box_ends="half-open",
)
