"""The lines of an ILSVRC prediction file, read: up to five classes, each with a box.

`report.exports.devkit` describes the format and writes it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from wsol_bench.datasets.annotations import MAX_COORDINATE
from wsol_bench.datasets.devkit_ids import DevkitIds
from wsol_bench.datasets.example import Example
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

NUMBERS_PER_PREDICTION = 5
"""A class and four corners."""

NO_CLASS = 0
"""The devkit's padding of short lines."""

Line = TypeVar("Line")


@dataclass(frozen=True, slots=True)
class ClassBox:
    """A class and its box.

    Attributes:
        label: class index; -1 for a class that the dataset does not have.
        box: half-open (x0, y0, x1, y1).
    """

    label: int
    box: tuple[float, float, float, float]


def read_lines(path: Path, ids: DevkitIds) -> tuple[tuple[ClassBox, ...], ...]:
    """Reads a prediction file: the predictions of each line, best first, without scores.

    A box with swapped corners is kept: it overlaps nothing, as in the devkit.

    Args:
        path: the file, written by this package or by another program.
        ids: of the dataset's classes.

    Raises:
        DataError: the file cannot be read or is empty, or a line is empty, has no whole
            number of groups, or holds an invalid number, id or pixel; names the line.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{shown(str(path))}: cannot be read as text ({error}).") from error
    if not lines:
        raise DataError(f"{shown(str(path))} is empty. Expected one line per image.")
    return tuple(
        _class_boxes(line, f"{shown(str(path))}, line {number}", ids)
        for number, line in enumerate(lines, start=1)
    )


def lines_of(predictions: Sequence[Line], ordered: Sequence[Example]) -> Sequence[Line]:
    """The line of each example.

    Args:
        predictions: the lines of a file.
        ordered: the examples in the alphabetical order of their ids. If there are more lines, the
            line of an example is its `index`.

    Raises:
        DataError: there are fewer lines than that needs.
    """
    if len(predictions) == len(ordered):
        return predictions
    last = max((example.index for example in ordered), default=0)
    if len(predictions) < max(last, len(ordered)):
        raise DataError(
            f"the prediction file has {len(predictions):,} lines for {len(ordered):,} images, the "
            f"last of which is number {last:,} of the validation list. Expected one line per "
            "image, or one per image of the whole list."
        )
    return [predictions[example.index - 1] for example in ordered]


def _class_boxes(line: str, where: str, ids: DevkitIds) -> tuple[ClassBox, ...]:
    fields = line.split()
    if not fields or len(fields) % NUMBERS_PER_PREDICTION:
        raise DataError(
            f"{where}: expected groups of five numbers, class xmin ymin xmax ymax, got "
            f"{len(fields)} numbers. An image without a prediction is 0 0 0 0 0."
        )
    groups = range(0, len(fields), NUMBERS_PER_PREDICTION)
    return tuple(_class_box(fields[at : at + NUMBERS_PER_PREDICTION], where, ids) for at in groups)


def _class_box(fields: Sequence[str], where: str, ids: DevkitIds) -> ClassBox:
    identity = _number(fields[0], where)
    if identity != NO_CLASS and identity not in ids.index_of:
        raise DataError(
            f"{where}: {shown(fields[0][:40])} is not a class id. Expected one of "
            f"{shown(ids.source)} ({min(ids.index_of)} to {max(ids.index_of)}), or 0 for none."
        )
    x0, y0 = (_number(field, where) for field in fields[1:3])
    x1, y1 = (_one_more(field, where) for field in fields[3:5])
    return ClassBox(ids.index_of.get(int(identity), -1), (x0, y0, x1, y1))


def _one_more(field: str, where: str) -> float:
    value = _number(field, where)
    return value + 1.0 if value.is_integer() else float(Decimal(field) + 1)


def _number(field: str, where: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_COORDINATE:  # also false for NaN
        raise DataError(f"{where}: expected a class id or a pixel, got {shown(field[:40])!r}.")
    return value
