"""The metadata of wsolevaluation: four text files for each split, with commas, no header.

- `image_ids.txt`: path.
- `class_labels.txt`: path, class index from 0 on.
- `image_sizes.txt`: path, width, height; optional.
- `localization.txt`: path, x0, y0, x1, y1, one row for each box; or path, mask, ignored
  region, one row for each object, the ignored region on an image's first row only.

The corners of ILSVRC's validation images are those of the XML, inclusive; those of the
other datasets are x, y, x + width, y + height, half-open.

Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right,
CVPR 2020, and its repository clovaai/wsolevaluation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from wsol_bench.datasets.annotations import CORNER_READERS, Corners, stated_size
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList, class_list, find_own_classes, official_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.ground_truth import GroundTruth, ListedAnnotations
from wsol_bench.datasets.layouts.layout import Layout, splits_by_name
from wsol_bench.datasets.listed_files import find_listed, ids_of, relative_path
from wsol_bench.datasets.mask_files import MaskFiles
from wsol_bench.datasets.scanning import class_folder_entries, is_file
from wsol_bench.datasets.selection import BoxEnds, Selection
from wsol_bench.datasets.text_rows import Row, rows_of, whole_number
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import first_names, shown

IDS, LABELS, SIZES, BOXES = (
    "image_ids.txt",
    "class_labels.txt",
    "image_sizes.txt",
    "localization.txt",
)
_FOLDERS = ("dataset", "images", "masks")
_ILSVRC = re.compile(r"(?:.*/)?ILSVRC2012_val_[0-9]{8}\.[A-Za-z]+")


def find(path: Path) -> dict[str, Path]:
    """Split to its folder: the path itself, or the folders in it or in its metadata."""
    if _holds_metadata(path):
        return {path.absolute().name: path}
    for base in (path, path / "metadata"):
        try:
            inner = [Path(entry.path) for entry in class_folder_entries(base)]
        except DataError:
            continue
        found = {each.name: each for each in inner if _holds_metadata(each)}
        if found:
            return found
    return {}


def load(path: Path, folders: dict[str, Path], selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    folder = folders[selection.split or next(iter(folders))]
    listed = _paths(folder)
    labels = {
        place: whole_number(row.fields[1], "a class index", row.where)
        for place, row in _by_path(folder / LABELS, 2, "a path and a class index").items()
    }
    sizes = _sizes(folder / SIZES)
    rows = list(rows_of(folder / BOXES, ",", (2, 3, 5), "a path and a box or mask"))
    roots = _roots(path, folder)
    ids = ids_of(listed)
    truths: dict[str, list[Corners]] = {}
    masks, ends = None, None
    if rows and len(rows[0].fields) == 5:
        ends = selection.box_ends or usual_ends(listed)
        truths = _boxes(rows, ends)
    elif selection.box_ends:
        raise DataError(f"{shown(str(folder / BOXES))} holds masks. Leave --box-ends out.")
    else:
        masks = _masks(rows, ids, roots)
    annotated = set(truths) if masks is None else {ids[each] for each in masks.objects}
    faults = _faults(folder, listed, {LABELS: labels.keys(), BOXES: annotated})
    classes = _classes([folder, folder.parent, path], labels)
    examples = {
        image_id: [
            GroundTruth(
                labels[place],
                np.array(truths.get(place, []), dtype=np.float64).reshape(-1, 4),
                sizes.get(place),
            )
        ]
        for image_id, place in ids.items()
        if place in labels and place in annotated
    }
    beyond = max(labels.values(), default=0)
    if beyond >= len(classes.class_ids):
        faults.append(
            f"{shown(str(folder / LABELS))}: the class index {beyond} is not among {classes.source}"
            f" ({len(classes.class_ids):,} classes). Correct it or the list."
        )
        examples = {
            key: truth for key, truth in examples.items() if truth[0].label < len(classes.class_ids)
        }
    return assemble(
        path,
        find_listed(roots, ids),
        ListedAnnotations(classes, examples, (), tuple(faults)),
        selection,
        mask_source=masks,
        box_ends=ends,
    )


def _holds_metadata(folder: Path) -> bool:
    return all(is_file(folder / name) for name in (IDS, LABELS, BOXES))


def _paths(folder: Path) -> list[str]:
    rows = rows_of(folder / IDS, ",", (1,), "the path of an image")
    paths = [relative_path(row.fields[0], row.where) for row in rows]
    if not paths:
        raise DataError(f"{shown(str(folder / IDS))} is empty. Expected a path on each line.")
    return paths


def _by_path(path: Path, count: int, expected: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in rows_of(path, ",", (count,), expected):
        place = relative_path(row.fields[0], row.where)
        if place in found:
            raise DataError(
                f"{row.where}: a second row for {shown(place)}. Expected one row for each image. "
                "Remove one of the two."
            )
        found[place] = row
    return found


def _sizes(path: Path) -> dict[str, Size]:
    if not is_file(path):
        return {}
    sizes = {}
    for place, row in _by_path(path, 3, "a path, a width and a height").items():
        width, height = (whole_number(text, "a size", row.where) for text in row.fields[1:])
        size = stated_size((height, width), row.where)
        if size:
            sizes[place] = size
    return sizes


def usual_ends(paths: Iterable[str]) -> BoxEnds:
    """How the program's own metadata has the maximum corners of images with these paths."""
    return "inclusive" if all(_ILSVRC.fullmatch(path) for path in paths) else "half-open"


def _boxes(rows: Sequence[Row], ends: BoxEnds) -> dict[str, list[Corners]]:
    read = CORNER_READERS[ends]
    boxes: dict[str, list[Corners]] = {}
    for row in rows:
        if len(row.fields) != 5:
            raise DataError(f"{row.where}: expected a path and four corners. Correct the line.")
        box = read(row.fields[1:], row.where)
        boxes.setdefault(relative_path(row.fields[0], row.where), []).append(box)
    return boxes


def _masks(rows: Sequence[Row], ids: Mapping[str, str], roots: Sequence[Path]) -> MaskFiles:
    image_of = {place: image_id for image_id, place in ids.items()}
    objects: dict[str, list[str]] = {}
    ignored: dict[str, str] = {}
    for row in rows:
        place, *files = row.fields
        image_id = image_of.get(relative_path(place, row.where))
        if len(row.fields) == 5 or not PurePosixPath(files[0]).suffix:
            raise DataError(f"{row.where}: expected a path and a mask's file. Correct the line.")
        if image_id is None:
            continue
        objects.setdefault(image_id, []).append(relative_path(files[0], row.where))
        if len(files) > 1 and files[1]:
            ignored.setdefault(image_id, relative_path(files[1], row.where))
    all_paths = {path: path for paths in objects.values() for path in paths}
    folder = find_listed(roots, all_paths).root
    # Every value but 0 belongs to a mask, as in the program's `get_mask`.
    return MaskFiles(folder, {key: tuple(paths) for key, paths in objects.items()}, ignored, 1)


def _faults(folder: Path, listed: Sequence[str], files: Mapping[str, Iterable[str]]) -> list[str]:
    """A message for each file that has no row for some images."""
    faults = []
    for name, places in files.items():
        known = set(places)
        absent = [place for place in listed if place not in known]
        if absent:
            faults.append(
                f"{shown(str(folder / name))}: no row for {len(absent):,} of {len(listed):,} "
                f"images of {IDS}: {first_names(absent)}. Expected one for each. Fetch it again."
            )
    return faults


def _classes(bases: Sequence[Path], labels: Mapping[str, int]) -> ClassList:
    """The list beside the files, else ILSVRC's, else the images' folders, else numbers."""
    own = find_own_classes(bases)
    if own:
        return own
    count = max(labels.values(), default=0) + 1
    if all(map(_ILSVRC.fullmatch, labels)) or len(set(labels.values())) == 1000 == count:
        return official_classes()
    folders: dict[int, set[str]] = {}
    for place, label in labels.items():
        folders.setdefault(label, set()).add(place.rpartition("/")[0].rpartition("/")[2])
    names = [next(iter(folders[label])) if label in folders else "" for label in range(count)]
    one_each = all(len(found) == 1 for found in folders.values())
    if not one_each or len(set(names)) != count or "" in names:
        names = [str(label) for label in range(count)]
    return class_list(names, "the images' folders")


def _roots(path: Path, folder: Path) -> list[Path]:
    """Where the images may be, nearest first: wsolevaluation keeps them in dataset/NAME."""
    folder = folder.absolute()
    bases = [path.absolute(), *list(folder.parents)[:4], folder]
    names = [folder.parent.name, path.absolute().name]
    kept = [base / "dataset" / name for base in bases for name in names]
    others = (base / name for base in bases for name in _FOLDERS)
    return [*kept, *others, *bases]


WSOL_METADATA = Layout(
    description=(
        f"wsolevaluation: {IDS}, {LABELS}, {BOXES} and {SIZES}, in the path, in folders named by "
        "splits, or in metadata; the images, if any, in the path or in dataset/NAME"
    ),
    find=find,
    load=load,
    splits=splits_by_name("test", "val", "train"),
    takes_box_ends=True,
)
