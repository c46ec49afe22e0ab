"""Hugging Face's Parquet files of ImageNet: the images lie inside, without boxes.

The column `image` is a struct of `bytes` and `path`, `label` the class index in sorted-WNID
order. The boxes come from the XML files or the Kaggle table, joined by the name in `path`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.layouts.layout import Layout, splits_by_name
from wsol_bench.datasets.parquet_files import ParquetImages, RowPlace, read_rows
from wsol_bench.datasets.scanning import has_suffix, image_id_of, is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

_NUMBER = re.compile(r"(^|[-_.])[0-9]+$")


def find(path: Path) -> dict[str, list[Path]]:
    """Split to its files, in the path or in data, where the first has a column of images."""
    files = _files(path)
    return files if files and _has_images(next(iter(files.values()))[0]) else {}


def load(path: Path, groups: dict[str, list[Path]], selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    files = groups[selection.split or next(iter(groups))]
    folder = files[0].absolute().parent
    bases = [folder, folder.parent, path.absolute()]
    annotations = find_annotations(bases)
    images, labels = _scan(folder, files, annotations.classes)
    return assemble(path, images, annotations, selection, labels)


def _files(path: Path) -> dict[str, list[Path]]:
    """Split to its files: the text before the first hyphen of validation-00000-of-00014.

    Files that are only numbered (0000.parquet) are the split that their folder is named by.
    """
    if is_file(path):
        return {path.stem: [path]} if has_suffix(path.name, (".parquet",)) else {}
    for folder in (path, path / "data"):
        found: dict[str, list[Path]] = {}
        for file in sorted(folder.glob("*.parquet")):
            if is_file(file):
                start = _NUMBER.sub("", file.stem).partition("-")[0]
                found.setdefault(start or file.absolute().parent.name, []).append(file)
        if found:
            return found
    return {}


def _has_images(file: Path) -> bool:
    try:
        schema = read_rows(file, None, 0).schema
    except DataError:  # loading reports it
        return False
    return "image" in schema.names and "bytes" in str(schema.field("image").type)


def _scan(
    folder: Path, files: Sequence[Path], classes: ClassList
) -> tuple[ParquetImages, dict[str, str]]:
    """The place of each image, and its class."""
    rows: dict[str, RowPlace] = {}
    labels: dict[str, str] = {}
    faults: list[str] = []
    for file in files:
        try:
            for place, name, label in _entries(file):
                where = f"{shown(str(file))}, row group {place.group}, row {place.row}"
                _enter(rows, labels, place, name, label, classes, where)
        except DataError as error:
            faults.append(str(error))
    return ParquetImages(folder, rows, (), tuple(faults)), labels


def _entries(file: Path) -> list[tuple[RowPlace, object, object]]:
    """Each row's place, name and label, without reading the images."""
    from pyarrow import parquet

    found: list[tuple[RowPlace, object, object]] = []
    try:
        with parquet.ParquetFile(file) as opened:
            for group in range(opened.num_row_groups):
                table = opened.read_row_group(
                    group, columns=["image.path", "label"], use_threads=False
                )
                names = [each and each["path"] for each in table["image"].to_pylist()]
                pairs = zip(names, table["label"].to_pylist(), strict=True)
                found += [
                    (RowPlace(file.name, group, row), *pair) for row, pair in enumerate(pairs)
                ]
    except Exception as error:  # pyarrow raises its own and Python's on damaged files
        raise DataError(
            f"cannot read the Parquet file {shown(str(file))}: {shown(str(error))[:300]}. Expected "
            "columns image (bytes and path) and label. Fetch the file again."
        ) from error
    return found


def _enter(
    rows: dict[str, RowPlace],
    labels: dict[str, str],
    place: RowPlace,
    name: object,
    label: object,
    classes: ClassList,
    where: str,
) -> None:
    if not isinstance(name, str) or not image_id_of(name):
        raise DataError(
            f"{where}: the image has no name, so its boxes cannot be found. Expected a path such "
            "as ILSVRC2012_val_00000293_n01440764.JPEG. Use files that keep the names."
        )
    if not isinstance(label, int) or not 0 <= label < len(classes.class_ids):
        raise DataError(
            f"{where}: the label is {shown(str(label)[:40])}. Expected a class index from 0 to "
            f"{len(classes.class_ids) - 1}. Fetch the file again."
        )
    image_id = image_id_of(name)
    if image_id in rows:
        raise DataError(
            f"{where}: a second image with the id {shown(image_id[:80])!r}. Expected each once. "
            "Remove one of the two files."
        )
    rows[image_id], labels[image_id] = place, classes.class_ids[label]


HUGGING_FACE = Layout(
    description=(
        "Hugging Face's Parquet files, validation-*.parquet in the path or in data, with a folder "
        "of XML files or LOC_val_solution.csv beside them"
    ),
    find=find,
    load=load,
    splits=splits_by_name("validation", "val", "test"),
)
