"""Lists of images with boxes in a line each, as programs of the field write them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wsol_bench.datasets.annotations import CORNER_READERS, Corners
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList, find_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.ground_truth import GroundTruth, ListedAnnotations
from wsol_bench.datasets.listed_files import find_listed, ids_of, relative_path
from wsol_bench.datasets.scanning import is_file
from wsol_bench.datasets.selection import BoxEnds, Selection
from wsol_bench.datasets.text_rows import first_line
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown

_FOLDERS = (".", "list", "lists", "data")
_MOST_FILES = 20
"""Text files that are read before a folder counts as something else."""


@dataclass(frozen=True, slots=True)
class ListedImage:
    """One line of a list.

    Attributes:
        path: of the image, relative; its folder is the class.
        corners: four texts for each box.
        label: the class index where the line states it.
        size: of the image, or None where the line has none.
        where: the file and line, for messages.
    """

    path: str
    corners: Sequence[Sequence[str]]
    label: int | None
    size: Size | None
    where: str


def in_fours(values: Sequence[str], where: str) -> list[Sequence[str]]:
    """The values in groups of four; DataError where they are no whole number of boxes."""
    if not values or len(values) % 4:
        raise DataError(
            f"{where}: expected four numbers for each box, got {len(values)} numbers. "
            "Correct the line."
        )
    return [values[start : start + 4] for start in range(0, len(values), 4)]


def find_list(path: Path, line: re.Pattern[str]) -> Path | None:
    """The path, or a text file in it, whose first line matches a list's; never raises."""
    if is_file(path):
        return path if line.fullmatch(first_line(path)) else None
    for folder in _FOLDERS:
        try:
            files = sorted((path / folder).glob("*.txt"))[:_MOST_FILES]
        except OSError:
            continue
        for each in files:
            if is_file(each) and line.fullmatch(first_line(each)):
                return each
    return None


def load_list(
    path: Path, file: Path, lines: Iterable[ListedImage], selection: Selection
) -> ImageDataset:
    """Loads a dataset from a list.

    The class of an image is its folder's name; the corners are the XML's, inclusive, unless
    the selection states otherwise.

    Args:
        path: as the user gave it.
        file: the list.
        lines: of the list.
        selection: see `Selection`.

    Raises:
        DataError: a line is bad, or images are absent.
    """
    folder = file.absolute().parent
    bases = [folder, folder.parent, path.absolute()]
    classes = find_classes(bases)
    ends: BoxEnds = selection.box_ends or "inclusive"
    truths: dict[str, GroundTruth] = {}
    faults: list[str] = []
    for line in lines:
        try:
            _enter(line, truths, classes, CORNER_READERS[ends])
        except DataError as error:
            faults.append(str(error))
    ids = ids_of(truths)
    rows = {image_id: [truths[place]] for image_id, place in ids.items()}
    roots = [base / name for base in bases for name in (".", "val", "images", "ILSVRC2012_img_val")]
    return assemble(
        path,
        find_listed(roots, ids),
        ListedAnnotations(classes, rows, (), tuple(faults)),
        selection,
        box_ends=ends,
    )


def _enter(
    line: ListedImage,
    truths: dict[str, GroundTruth],
    classes: ClassList,
    read: Callable[[Sequence[str], str], Corners],
) -> None:
    place = relative_path(line.path, line.where)
    folder = place.rpartition("/")[0].rpartition("/")[2]
    label = classes.index(folder, line.where)
    if line.label is not None and line.label != label:
        raise DataError(
            f"{line.where}: the label {line.label} is not the class of the folder {shown(folder)}, "
            f"which is {label} in {classes.source}. Expected the two to agree. Correct the line."
        )
    if place in truths:
        raise DataError(
            f"{line.where}: a second line for {shown(place)}. Expected one line for each image. "
            "Remove one of the two."
        )
    boxes = np.array([read(corners, line.where) for corners in line.corners])
    truths[place] = GroundTruth(label, boxes, line.size)
