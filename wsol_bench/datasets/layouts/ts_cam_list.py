"""The list of TS-CAM: an image, its class index and its boxes on each line.

`n01751748/ILSVRC2012_val_00000001.JPEG 65 111 108 441 193`. The class index is that of
sorted WNIDs; the corners are those of the XML, inclusive.

Source: Gao et al., TS-CAM: Token Semantic Coupled Attention Map for Weakly Supervised
Object Localization, ICCV 2021, and its repository vasgaowei/TS-CAM.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.list_files import ListedImage, find_list, in_fours, load_list
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.text_rows import rows_of, whole_number

_LINE = re.compile(r"[^\s;,]+/[^\s;,]+\.[A-Za-z]+\s+\d+(\s+-?[\d.]+){4,}")


def load(path: Path, file: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    return load_list(path, file, _lines(file), selection)


def _lines(file: Path) -> Iterator[ListedImage]:
    for row in rows_of(file, None, range(6, 4000, 4), "a path, a label and boxes"):
        label = whole_number(row.fields[1], "a class index", row.where)
        corners = in_fours(row.fields[2:], row.where)
        yield ListedImage(row.fields[0], corners, label, None, row.where)


TS_CAM_LIST = Layout(
    description=(
        "TS-CAM's list, lines 'n01751748/NAME.JPEG 65 x0 y0 x1 y1 ...' (the path is the file, or "
        "the folder that holds it), with the images beside it"
    ),
    find=partial(find_list, line=_LINE),
    load=load,
    takes_box_ends=True,
)
