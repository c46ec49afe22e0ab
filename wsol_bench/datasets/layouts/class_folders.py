"""torchvision's ImageFolder layout: one folder per class, named by the class's id.

Folders named by WNIDs are recognised by themselves; folders of other names where a list
of classes (classes.txt or LOC_synset_mapping.txt) beside them holds those names.
"""

import re
from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList, find_own_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.image_files import ImageFiles
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.scanning import (
    IMAGE_SUFFIXES,
    Skipped,
    add_file,
    class_folder_entries,
    scan_folder,
)
from wsol_bench.datasets.selection import Selection
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

VAL_FOLDERS = (".", "val", "ILSVRC/Data/CLS-LOC/val")

_WNID = re.compile(r"n[0-9]{8}")


def find(path: Path) -> Path | None:
    """The path, or a usual folder in it, that holds folders named by classes."""
    folders = [path / name for name in VAL_FOLDERS]
    return next((each for each in folders if _holds_classes(each, _own_classes(path))), None)


def load(path: Path, folder: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    bases = [path, folder.absolute().parent]
    annotations = find_annotations(bases)
    images, labels = _scan(folder, annotations.classes)
    return assemble(path, images, annotations, selection, labels)


def _own_classes(path: Path) -> frozenset[str]:
    try:
        classes = find_own_classes([path, path.absolute().parent])
    except DataError:  # loading reports it
        classes = None
    return frozenset(classes.class_ids if classes else ())


def _holds_classes(folder: Path, own: frozenset[str]) -> bool:
    try:
        names = [entry.name for entry in class_folder_entries(folder)]
    except DataError:  # no such folder
        return False
    return any(_WNID.fullmatch(name) or name in own for name in names)


def _scan(folder: Path, classes: ClassList) -> tuple[ImageFiles, dict[str, str]]:
    """The images of all class folders, and the class of each image's folder."""
    paths: dict[str, str] = {}
    labels: dict[str, str] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for entry in class_folder_entries(folder):
        class_id = entry.name
        if not _WNID.fullmatch(class_id) and class_id not in classes.index_of:
            skipped.append(Skipped(shown(class_id), "a folder not named by a class"))
            continue
        try:
            classes.index(class_id, f"the folder {shown(entry.path)}")
            scan = scan_folder(folder / class_id, IMAGE_SUFFIXES)
        except DataError as error:
            faults.append(str(error))
            continue
        skipped += (Skipped(f"{class_id}/{each.name}", each.reason) for each in scan.skipped)
        faults += scan.faults
        for name in scan.files.values():
            try:
                labels[add_file(paths, f"{class_id}/{name}", shown(str(folder)))] = class_id
            except DataError as error:
                faults.append(str(error))
    return ImageFiles(folder, paths, tuple(skipped), tuple(faults)), labels


CLASS_FOLDERS = Layout(
    description=(
        "val/n01440764/*.JPEG, one folder per class (the path may be val or what holds it), with a "
        "folder of XML files or LOC_val_solution.csv beside val, and classes.txt for other names "
        "than WNIDs"
    ),
    find=find,
    load=load,
)
