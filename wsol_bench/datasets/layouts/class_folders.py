"""torchvision's ImageFolder layout: one folder per class, named by its WNID."""

import re
from pathlib import Path

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.classes import ClassList, find_classes
from wsol_bench.datasets.dataset import ImageDataset, Selection, assemble
from wsol_bench.datasets.image_files import ImageFiles
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.scanning import (
    IMAGE_SUFFIXES,
    Skipped,
    add_file,
    class_folder_entries,
    scan_folder,
)
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

VAL_FOLDERS = (".", "val", "ILSVRC/Data/CLS-LOC/val")

_WNID = re.compile(r"n[0-9]{8}")


def recognises(path: Path) -> bool:
    """Whether the path, or a usual folder in it, holds folders named by WNIDs."""
    return _val_folder(path) is not None


def load(path: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    folder = _val_folder(path) or path
    bases = [path, folder.absolute().parent]
    classes = find_classes(bases)
    images, labels = _scan(folder, classes)
    annotations = find_annotations(bases, classes)
    return assemble(path, images, annotations, selection, labels)


def _val_folder(path: Path) -> Path | None:
    return next((path / name for name in VAL_FOLDERS if _holds_wnids(path / name)), None)


def _holds_wnids(folder: Path) -> bool:
    try:
        return any(_WNID.fullmatch(entry.name) for entry in class_folder_entries(folder))
    except DataError:  # no such folder
        return False


def _scan(folder: Path, classes: ClassList) -> tuple[ImageFiles, dict[str, str]]:
    """The images of all class folders, and the WNID of each image's folder."""
    paths: dict[str, str] = {}
    labels: dict[str, str] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for entry in class_folder_entries(folder):
        class_id = entry.name
        if not _WNID.fullmatch(class_id):
            skipped.append(Skipped(shown(class_id), "a folder not named by a WNID"))
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
        "val/n01440764/*.JPEG, one folder per WNID (the path may be val or what holds it), with a "
        "folder of XML files or LOC_val_solution.csv beside val"
    ),
    recognises=recognises,
    load=load,
)
