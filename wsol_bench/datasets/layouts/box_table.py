"""A table of boxes, CSV or Parquet, over a folder of images.

A row is one box: the columns `image` (a relative path, or an id without extension) and
`class` (a class id), and either `x0`, `y0`, `x1`, `y1` or `x`, `y`, `w`, `h`. For corners
the column `box_ends` states whether they are inclusive or half-open; where there is no such
column, `--box-ends` must. The columns `width` and `height`, of the image, are optional, and
other columns are disregarded.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wsol_bench.datasets.annotations import CORNER_READERS, Corners, sized_box
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import find_classes
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

NAMES = ("boxes.csv", "boxes.parquet")
CORNERS, SIDES = ("x0", "y0", "x1", "y1"), ("x", "y", "w", "h")
_IMAGE_FOLDERS = (".", "images", "val", "test")

TableRow = Mapping[str, str]
"""Column to text."""


def recognises(path: Path) -> bool:
    """Whether the path, or boxes.csv or boxes.parquet in it, is a table with such columns."""
    return _file(path) is not None


def load(path: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    file = _file(path) or path
    folder = file.absolute().parent
    classes = find_classes([folder, folder.parent])
    name = shown(str(file))
    boxes: dict[tuple[str, int], list[Corners]] = {}
    sizes: dict[str, Size] = {}
    faults: list[str] = []
    ends: set[BoxEnds] = set()
    for number, row in _rows(file):
        where = f"{name}, line {number}"
        try:
            place = relative_path(row.get("image", ""), where)
            label = classes.index(row.get("class", ""), where)
            box = _box(row, selection.box_ends, ends, where)
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


def _file(path: Path) -> Path | None:
    files = [path] if is_file(path) else [path / name for name in NAMES]
    return next((each for each in files if is_file(each) and _has_columns(each)), None)


def _has_columns(file: Path) -> bool:
    if has_suffix(file.name, (".parquet",)):
        try:
            columns = read_rows(file, None, 0).schema.names
        except DataError:  # loading reports it
            return file.name in NAMES
    else:
        columns = [each.strip() for each in next(csv.reader([first_line(file)]), [])]
    return {"image", "class"} <= set(columns)


def _rows(file: Path) -> Iterator[tuple[int, TableRow]]:
    """Each row with the number of its line, or of its row in Parquet."""
    if has_suffix(file.name, (".parquet",)):
        table = read_rows(file, None, None)
        _check_columns(table.schema.names, file)
        for number, row in enumerate(table.to_pylist(), start=1):
            yield number, {key: _text(value) for key, value in row.items()}
        return
    name = shown(str(file))
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            columns = [each.strip() for each in next(reader, [])]
            _check_columns(columns, file)
            for values in reader:
                if not values:
                    continue
                if len(values) != len(columns):
                    raise DataError(
                        f"{name}, line {reader.line_num}: expected {len(columns)} values, got "
                        f"{len(values)}. Correct the line."
                    )
                texts = (each.strip() for each in values)
                yield reader.line_num, dict(zip(columns, texts, strict=True))
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}. Check its permissions.") from error
    except csv.Error as error:
        raise DataError(
            f"{name} is not readable as CSV: {shown(str(error))}. Save it anew."
        ) from error


def _check_columns(columns: Sequence[str], file: Path) -> None:
    has_boxes = set(CORNERS) <= set(columns) or set(SIDES) <= set(columns)
    if not has_boxes or len(set(columns)) != len(columns):
        raise DataError(
            f"{shown(str(file))}: expected distinct columns image, class and {', '.join(CORNERS)} "
            f"or {', '.join(SIDES)}, got {shown(', '.join(columns)[:120])}. Rename the columns."
        )


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def _box(row: TableRow, asked: BoxEnds | None, used: set[BoxEnds], where: str) -> Corners:
    if not set(CORNERS) <= row.keys():
        return sized_box([row[side] for side in SIDES], where)
    stated = row.get("box_ends", "")
    ends = asked or next((each for each in BOX_ENDS if each == stated), None)
    if ends is None and stated:
        raise DataError(
            f"{where}: box_ends is {shown(stated[:40])!r}. Expected {' or '.join(BOX_ENDS)}. "
            "Correct the row."
        )
    if ends is None:
        raise UsageError(
            f"{where}: whether x1 and y1 are inclusive is not known. State it with --box-ends "
            f"{' or --box-ends '.join(BOX_ENDS)}, or in a column box_ends."
        )
    used.add(ends)
    return CORNER_READERS[ends]([row[corner] for corner in CORNERS], where)


def _size(row: TableRow, place: str, where: str) -> dict[str, Size]:
    texts = [row.get(side, "") for side in ("height", "width")]
    if not all(texts):
        return {}
    height, width = (whole_number(text, "a size", where) for text in texts)
    return {place: Size(height, width)} if height and width else {}


def _images(folder: Path, ids: Mapping[str, str]) -> ImageFiles:
    """The images, by the table's paths, or by their ids where those have no extension."""
    roots = [folder / name for name in _IMAGE_FOLDERS]
    if any(has_suffix(place, IMAGE_SUFFIXES) for place in ids.values()):
        return find_listed(roots, ids)
    holding = next((each for each in roots if holds_files(each, IMAGE_SUFFIXES)), None)
    return images_in(holding) if holding else ImageFiles(folder, {})


BOX_TABLE = Layout(
    description=(
        f"a table of boxes: {' or '.join(NAMES)} (the path may be any CSV or Parquet file) with "
        "columns image, class and x0, y0, x1, y1 or x, y, w, h, beside the images or a folder "
        "images; classes.txt for other classes than ILSVRC's"
    ),
    recognises=recognises,
    load=load,
    takes_box_ends=True,
)
