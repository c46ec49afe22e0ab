"""A table of boxes, CSV or Parquet, over a folder of images.

A row is one box: an image (a relative path, or an id without extension), a class id, and
corners or a corner and two sides, in columns that `box_columns` describes. Where the
header does not state how corners are meant, the column `box_ends` of each row or
`--box-ends` must. CSV is separated by commas, semicolons or tabs.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsol_bench.datasets.annotations import CORNER_READERS, Corners, sized_box, stated_size
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.box_columns import (
    CORNERS,
    SIDES,
    TABLE_NAMES,
    BoxColumns,
    delimiter_of,
    is_table,
    read_header,
    split_header,
)
from wsol_bench.datasets.classes import (
    ClassList,
    class_list,
    find_own_classes,
    official_classes,
    read_text,
)
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.ground_truth import GroundTruth, ListedAnnotations
from wsol_bench.datasets.image_files import ImageFiles, images_in
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.listed_files import find_listed, ids_of, relative_path
from wsol_bench.datasets.parquet_files import read_rows
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, has_suffix, holds_files, is_file
from wsol_bench.datasets.selection import BOX_ENDS, BoxEnds, Selection
from wsol_bench.datasets.text_rows import first_line, whole_number
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown

_IMAGE_FOLDERS = (".", "images", "val", "test")

TableRow = Mapping[str, str]
"""Column to text."""


def find(path: Path) -> Path | None:
    """The path, or boxes.csv or boxes.parquet in it, that is a table of boxes."""
    if is_file(path):  # of a .csv, loading reports a bad header
        return path if has_suffix(path.name, (".csv", ".tsv")) or _is_table(path) else None
    # A boxes.csv beside another layout's files may hold a method's boxes, without classes.
    files = (path / name for name in TABLE_NAMES)
    return next((each for each in files if is_file(each) and _is_table(each)), None)


def load(path: Path, file: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    folder = file.absolute().parent
    name = shown(str(file))
    boxes: dict[tuple[str, int], list[Corners]] = {}
    sizes: dict[str, Size] = {}
    faults: list[str] = []
    ends: set[BoxEnds] = set()
    columns, rows_of_file = _rows(file)
    table = list(rows_of_file)
    classes = _classes([folder, folder.parent], [row.get("class", "") for _, row in table], name)
    for number, row in table:
        where = f"{name}, line {number}"
        try:
            place = relative_path(row.get("image", ""), where)
            label = classes.index(row.get("class", ""), where)
            box = _box(row, columns, selection.box_ends, ends, where)
            boxes.setdefault((place, label), []).append(box)
            sizes |= _size(row, place, where)
        except DataError as error:
            faults.append(str(error))
    if not boxes and not faults:
        faults.append(f"{name} has no row. Expected one for each box.")
    ids = ids_of(place for place, _ in boxes)
    images = _images(folder, ids)
    names = {place: image_id for image_id, place in ids.items()}
    rows: dict[str, list[GroundTruth]] = {}
    for (place, label), found in boxes.items():
        truth = GroundTruth(label, np.array(found), sizes.get(place))
        rows.setdefault(names[place], []).append(truth)
    return assemble(
        path,
        images,
        ListedAnnotations(classes, rows, (), tuple(faults)),
        selection,
        box_ends=ends.pop() if len(ends) == 1 else None,
    )


def _classes(bases: Sequence[Path], class_ids: Sequence[str], name: str) -> ClassList:
    """The list beside the table, else ILSVRC's, else the table's own classes in sorted order."""
    own = find_own_classes(bases)
    if own:
        return own
    official = official_classes()
    named = sorted(set(filter(None, class_ids)))
    if not named or any(each in official.index_of for each in named):
        return official
    return class_list(named, name)


def _is_table(file: Path) -> bool:
    if has_suffix(file.name, (".parquet",)):
        try:
            return is_table(read_rows(file, None, 0).schema.names)
        except DataError:  # loading reports it
            return file.name in TABLE_NAMES
    line = first_line(file)
    return is_table(split_header(line, delimiter_of(line)))


def _rows(file: Path) -> tuple[BoxColumns, Iterator[tuple[int, TableRow]]]:
    """The columns, and each row with the number of its line, or of its row in Parquet."""
    name = shown(str(file))
    if has_suffix(file.name, (".parquet",)):
        table = read_rows(file, None, None)
        columns = read_header(table.schema.names, name)
        rows = enumerate(table.rename_columns(list(columns.names)).to_pylist(), start=1)
        return columns, (
            (number, {key: _text(value) for key, value in row.items()}) for number, row in rows
        )
    text = read_text(file)
    start = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter_of(start),
        skipinitialspace=True,
        strict=True,
    )
    try:
        columns = read_header(next(filter(any, reader), []), name)
    except csv.Error as error:
        raise _not_csv(name, error) from error
    return columns, _csv_rows(reader, columns, name)


def _csv_rows(reader: Any, columns: BoxColumns, name: str) -> Iterator[tuple[int, TableRow]]:
    try:
        for values in reader:
            if not any(each.strip() for each in values):
                continue
            line = reader.line_num
            if len(values) != len(columns.names):
                raise DataError(
                    f"{name}, line {line}: expected {len(columns.names)} values, got "
                    f"{len(values)}. Correct the line."
                )
            texts = (each.strip() for each in values)
            yield line, dict(zip(columns.names, texts, strict=True))
    except csv.Error as error:
        raise _not_csv(name, error) from error


def _not_csv(name: str, error: csv.Error) -> DataError:
    return DataError(f"{name} is not readable as CSV: {shown(str(error))}. Save it anew.")


def _text(value: Any) -> str:
    if isinstance(value, dict):  # Hugging Face's images: bytes and path
        value = value.get("path")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _box(
    row: TableRow, columns: BoxColumns, asked: BoxEnds | None, used: set[BoxEnds], where: str
) -> Corners:
    if not columns.has_corners:
        return sized_box([row[side] for side in SIDES], where)
    stated = row.get("box_ends", "")
    found = next((each for each in BOX_ENDS if each == stated), None)
    ends = asked or found or (None if stated else columns.ends)
    if ends is None and stated:
        raise DataError(
            f"{where}: box_ends is {shown(stated[:40])!r}. Expected {' or '.join(BOX_ENDS)}. "
            "Correct the row."
        )
    if ends is None:
        raise UsageError(
            f"{where}: whether x1 and y1 are inclusive is not known. State it with --box-ends "
            f"{' or --box-ends '.join(BOX_ENDS)}, in a column box_ends, or in the header: "
            "x1_inclusive or x1_half_open."
        )
    used.add(ends)
    return CORNER_READERS[ends]([row[corner] for corner in CORNERS], where)


def _size(row: TableRow, place: str, where: str) -> dict[str, Size]:
    texts = [row.get(side, "") for side in ("height", "width")]
    if not all(texts):
        return {}
    size = stated_size((whole_number(text, "a size", where) for text in texts), where)
    return {place: size} if size else {}


def _images(folder: Path, ids: Mapping[str, str]) -> ImageFiles:
    """The images, by the table's paths, or by their ids where those have no extension."""
    roots = [folder / name for name in _IMAGE_FOLDERS]
    if any("/" in place or has_suffix(place, IMAGE_SUFFIXES) for place in ids.values()):
        return find_listed(roots, ids)
    holding = next((each for each in roots if holds_files(each, IMAGE_SUFFIXES)), None)
    return images_in(holding) if holding else ImageFiles(folder, {})


BOX_TABLE = Layout(
    description=(
        f"a table of boxes: {' or '.join(TABLE_NAMES)} (the path may be any CSV or Parquet file) "
        "with columns image, class and x0, y0, x1, y1 or x, y, w, h, beside the images or a folder "
        "images; classes.txt for the order of classes other than ILSVRC's"
    ),
    find=find,
    load=load,
    takes_box_ends=True,
    box_ends="half-open",
)
