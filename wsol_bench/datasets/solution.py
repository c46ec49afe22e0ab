"""`LOC_val_solution.csv` of the Kaggle edition: labels and boxes of all images.

A row is an image id and, for each box, a WNID and the inclusive corners:
`ILSVRC2012_val_00048981,n03995372 85 1 499 272`.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from wsol_bench.datasets.annotations import AnnotatedObject, Annotation, inclusive_box
from wsol_bench.datasets.classes import ClassList
from wsol_bench.datasets.wording import shown
from wsol_bench.errors import DataError

SOLUTION_NAME = "LOC_val_solution.csv"
HEADER = ["ImageId", "PredictionString"]
_VALUES_PER_BOX = 5


def read_solution(path: Path, classes: ClassList) -> Mapping[str, Annotation]:
    """Reads the whole table, image id to annotation (without a size).

    Raises:
        DataError: unreadable, another header, or a bad row: file and line.
    """
    name = shown(str(path))
    rows: dict[str, Annotation] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            _check_header(next(reader, []), name)
            for row in reader:
                where = f"{name}, line {reader.line_num}"
                annotation = _parse_row(row, where, classes)
                if annotation is None:
                    continue
                if row[0] in rows:
                    raise DataError(
                        f"{where}: a second row for {shown(row[0])!r}; the first is "
                        f"{rows[row[0]].where}. Expected one row per image; remove one of the two."
                    )
                rows[row[0]] = annotation
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}. Check its permissions.") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            f"{name}, line {reader.line_num + 1}: not readable as UTF-8 CSV: {error}. "
            "Fetch the file again."
        ) from error
    return rows


def _check_header(header: list[str], name: str) -> None:
    if header != HEADER:
        raise DataError(
            f"{name}, line 1: expected the header {','.join(HEADER)!r}, got "
            f"{shown(','.join(header))[:60]!r}. Is this another table?"
        )


def _parse_row(row: list[str], where: str, classes: ClassList) -> Annotation | None:
    if not row:  # a blank line, such as an editor leaves at the end
        return None
    values = row[1].split() if len(row) == len(HEADER) else []
    if not row[0] or not values or len(values) % _VALUES_PER_BOX:
        raise DataError(
            f"{where}: expected an image id, a comma and, for each box, a WNID and four numbers, "
            f"got {shown(','.join(row))[:80]!r}. Correct the row."
        )
    objects = tuple(
        AnnotatedObject(values[start], inclusive_box(values[start + 1 : start + 5], where))
        for start in range(0, len(values), _VALUES_PER_BOX)
    )
    annotation = Annotation(where, objects, None)
    if len(annotation.wnids) > 1:
        raise DataError(
            f"{where}: boxes of {shown(', '.join(annotation.wnids))}. Expected the boxes of "
            "one class, the image's label. Correct the row."
        )
    classes.index(objects[0].wnid, where)
    return annotation
