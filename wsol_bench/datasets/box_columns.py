"""The header of a table of boxes: the meaning of its columns, and of the maximum corner.

The columns `image` and `class`, in any case, and one of

- `x0`, `y0`, `x1`, `y1`, or `xmin`, `ymin`, `xmax`, `ymax`, where the maximum corner may state
  how it is meant: `x1_inclusive`, `y1_half_open`, `xmax (exclusive)`;
- `x`, `y`, `w`, `h`, where `x0`, `y0` may stand for the first two, and `width`, `height` for the
  last two where there are no others.

The columns `box_ends`, and `width` and `height` of the image, are optional.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

TABLE_NAMES = ("boxes.csv", "boxes.parquet")
"""Names of a table in a dataset's folder."""
CORNERS, SIDES = ("x0", "y0", "x1", "y1"), ("x0", "y0", "w", "h")
DELIMITERS = (",", ";", "\t")

_ENDS: Mapping[str, BoxEnds] = MappingProxyType(
    {"inclusive": "inclusive", "exclusive": "half-open", "half_open": "half-open"}
)
_MAXIMUM = re.compile(r"([xy]1|[xy]max)[_ ]+\(?(inclusive|exclusive|half[-_ ]open)\)?")
_OTHER_NAMES: Mapping[str, str] = MappingProxyType(
    {"xmin": "x0", "ymin": "y0", "xmax": "x1", "ymax": "y1", "x": "x0", "y": "y0"}
)


@dataclass(frozen=True, slots=True)
class BoxColumns:
    """The columns of a table.

    Attributes:
        names: of each column in the words of this module; others as they are.
        ends: how the maximum corners are meant, where the header states it.
    """

    names: tuple[str, ...]
    ends: BoxEnds | None

    @property
    def has_corners(self) -> bool:
        """Whether a row holds two corners, not a corner and two sides."""
        return set(CORNERS) <= set(self.names)


def read_header(header: Sequence[str], where: str) -> BoxColumns:
    """The columns that a header names.

    Raises:
        DataError: they are no table of boxes, or one is named twice.
    """
    names, ends = [], set()
    for text in header:
        name = text.strip().lower()
        stated = _MAXIMUM.fullmatch(name)
        if stated:
            name = stated[1]
            ends.add(_ENDS[re.sub("[- ]", "_", stated[2])])
        names.append(_OTHER_NAMES.get(name, name))
    if "w" not in names and "h" not in names and "x1" not in names and "y1" not in names:
        names = [{"width": "w", "height": "h"}.get(name, name) for name in names]
    has_boxes = set(CORNERS) <= set(names) or set(SIDES) <= set(names)
    if not has_boxes or len(set(names)) != len(names) or len(ends) > 1 or not is_table(names):
        raise DataError(
            f"{where}: expected distinct columns image, class and {', '.join(CORNERS)} or x, y, "
            f"w, h, got {shown(', '.join(header)[:120])}. Rename the columns."
        )
    return BoxColumns(tuple(names), ends.pop() if ends else None)


def is_table(header: Sequence[str]) -> bool:
    """Whether a header names images and classes."""
    return {"image", "class"} <= {name.strip().lower() for name in header}


def delimiter_of(line: str) -> str:
    """The separator of a CSV file with this first line: a comma, a semicolon or a tab."""
    for each in DELIMITERS:
        if is_table(split_header(line, each)):
            return each
    return DELIMITERS[0]


def split_header(line: str, delimiter: str) -> list[str]:
    """The names in a header; spaces after a separator do not count, quoted names or not."""
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
