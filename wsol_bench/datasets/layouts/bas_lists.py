r"""The list of BAS: an image, its size and its boxes on each line of `val_gt.txt`.

`n01751748\ILSVRC2012_val_00000001.JPEG 500 375 ; 111 108 441 193`: width and height stand
before the semicolon. The corners are those of the XML, inclusive. `val_list.txt` beside it
has the labels, `n01751748/ILSVRC2012_val_00000001.JPEG;65`, which must agree.

Source: Wu et al., Background Activation Suppression for Weakly Supervised Object
Localization, CVPR 2022, and its repository wpy1999/BAS.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from wsol_bench.datasets.annotations import stated_size
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.list_files import ListedImage, find_list, in_fours, load_list
from wsol_bench.datasets.listed_files import relative_path
from wsol_bench.datasets.scanning import is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.text_rows import rows_of, whole_number
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

LABELS = "val_list.txt"

_LINE = re.compile(r"[^\s;,]+\.[A-Za-z]+\s+\d+\s+\d+\s*;\s*-?[\d.]+(\s+-?[\d.]+){3,}")


def load(path: Path, file: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    return load_list(path, file, _lines(file), selection)


def _lines(file: Path) -> Iterator[ListedImage]:
    labels = _labels(file.parent / LABELS)
    for row in rows_of(file, ";", (2,), "a path, a width, a height, ; and boxes"):
        head = row.fields[0].split()
        if len(head) != 3:
            raise DataError(
                f"{row.where}: expected a path, a width and a height before the semicolon, got "
                f"{shown(row.fields[0][:80])!r}. Correct the line."
            )
        width, height = (whole_number(text, "a size", row.where) for text in head[1:])
        place = relative_path(head[0], row.where)
        size = stated_size((height, width), row.where)
        corners = in_fours(row.fields[1].split(), row.where)
        if labels and place not in labels:
            raise DataError(
                f"{row.where}: {shown(place)} has no line in {LABELS}. Expected one for each "
                "image. Add it, or remove that file."
            )
        yield ListedImage(place, corners, labels.get(place), size, row.where)


def _labels(path: Path) -> dict[str, int]:
    """The class index of each image, where the file is there."""
    if not is_file(path):
        return {}
    return {
        relative_path(row.fields[0], row.where): whole_number(
            row.fields[1], "a class index", row.where
        )
        for row in rows_of(path, ";", (2,), "a path; a class index")
    }


BAS_LISTS = Layout(
    description=(
        "BAS's val_gt.txt, lines 'n01751748\\NAME.JPEG width height ; x0 y0 x1 y1 ...' (the path "
        f"is the file, or the folder that holds it), with {LABELS} and the images beside it"
    ),
    find=partial(find_list, line=_LINE),
    load=load,
    takes_box_ends=True,
)
