"""`LOC_val_solution.csv` of the Kaggle edition: labels and boxes of all images.

A row is an image id and, for each box, a WNID and the inclusive corners:
`ILSVRC2012_val_00048981,n03995372 85 1 499 272`.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.annotations import AnnotatedObject, Annotation, inclusive_box
from wsol_bench.datasets.classes import ClassList
from wsol_bench.datasets.scanning import is_utf8
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

SOLUTION_NAME = "LOC_val_solution.csv"
HEADER = ["ImageId", "PredictionString"]
_VALUES_PER_BOX = 5
_BREAKS = ("\n", "\r")


@dataclass(frozen=True, slots=True)
class Solution:
    """The content of the table.

    Attributes:
        rows: image id to annotation (without a size), of valid rows only.
        faults: a message for each fault of the table, in the order of its lines.
    """

    rows: Mapping[str, Annotation]
    faults: tuple[str, ...]


def read_solution(path: Path, classes: ClassList) -> Solution:
    """Reads the whole table; a bad row is a fault that names its file and line.

    A table that cannot be read, or that has another header, gives one fault and no rows.
    """
    name = shown(str(path))
    rows: dict[str, Annotation] = {}
    faults: list[str] = []
    try:
        # Bytes that are not UTF-8 are kept, so that the message names their row.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            numbered = _numbered_rows(file)
            _check_header(next(numbered, (1, []))[1], name)
            for number, row in numbered:
                try:
                    _enter(row, f"{name}, line {number}", classes, rows)
                except DataError as error:
                    faults.append(str(error))
    except OSError as error:
        faults.append(f"cannot read {name}: {error.strerror}. Check its permissions.")
    except DataError as error:
        faults.append(str(error))
    return Solution(rows, tuple(faults))


def _numbered_rows(file: Iterator[str]) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """Each row, or the error in its place, and its first line, counted from 1."""
    reader = csv.reader(file)
    while True:
        number = reader.line_num + 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the next call starts with the next line
            yield number, error


def _check_header(header: list[str] | csv.Error, name: str) -> None:
    if header != HEADER:
        found = ",".join(header) if isinstance(header, list) else str(header)
        raise DataError(
            f"{name}, line 1: expected the header {','.join(HEADER)!r}, got "
            f"{found[:60]!r}. Is this another table?"
        )


def _enter(
    row: list[str] | csv.Error, where: str, classes: ClassList, rows: dict[str, Annotation]
) -> None:
    if isinstance(row, csv.Error):
        raise DataError(f"{where}: not readable as CSV: {row}. Fetch the file again.")
    if not row:  # a blank line, such as editors leave at the end
        return
    annotation = _parse_row(row, where, classes)
    if row[0] in rows:
        raise DataError(
            f"{where}: a second row for {row[0]!r}; the first is "
            f"{rows[row[0]].where}. Expected one row per image; remove one of the two."
        )
    rows[row[0]] = annotation


def _parse_row(row: list[str], where: str, classes: ClassList) -> Annotation:
    text = ",".join(row)
    values = row[1].split() if len(row) == len(HEADER) else []
    if any(mark in text for mark in _BREAKS):
        expected = "a row on one line, but a quotation mark joins several"
    elif not is_utf8(text):
        expected = "UTF-8"
    elif not row[0] or not values or len(values) % _VALUES_PER_BOX:
        expected = "an image id, a comma and, for each box, a WNID and four numbers"
    else:
        return _annotation(values, where, classes)
    raise DataError(f"{where}: expected {expected}, got {text[:80]!r}. Correct the row.")


def _annotation(values: list[str], where: str, classes: ClassList) -> Annotation:
    objects = tuple(
        AnnotatedObject(values[start], inclusive_box(values[start + 1 : start + 5], where))
        for start in range(0, len(values), _VALUES_PER_BOX)
    )
    annotation = Annotation(where, objects, None)
    if len(annotation.class_ids) > 1:
        raise DataError(
            f"{where}: boxes of {shown(', '.join(annotation.class_ids))}. Expected the boxes of "
            "one class, the image's label. Correct the row."
        )
    classes.index(objects[0].class_id, where)
    return annotation
