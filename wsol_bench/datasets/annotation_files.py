"""The annotations of ILSVRC: a folder of XML files, the Kaggle table, or both.

With both, the XML gives the boxes and the two must agree in the label.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsol_bench.datasets.annotations import Annotation, read_xml
from wsol_bench.datasets.box_columns import TABLE_NAMES
from wsol_bench.datasets.classes import ClassList, find_classes
from wsol_bench.datasets.ground_truth import GroundTruth
from wsol_bench.datasets.scanning import (
    XML_SUFFIXES,
    Scan,
    Skipped,
    holds_files,
    is_file,
    scan_folder,
    why_not_listed,
)
from wsol_bench.datasets.solution import SOLUTION_NAME, Solution, read_solution
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

__all__ = ["AnnotationFiles", "find_annotations"]

XML_FOLDERS = (
    "ILSVRC/Annotations/CLS-LOC/val",
    "Annotations/CLS-LOC/val",
    "ILSVRC2012_bbox_val_v3/val",
    "ILSVRC2012_bbox_val_v3",
    "bbox_val/val",
    "bbox_val",
    "annotations",
    "val",
    ".",
)
"""Searched in this order in each base folder; the first with an XML file counts.

`val` and `.` are where the official ILSVRC2012_bbox_val_v3.tgz unpacks to.
"""


@dataclass(frozen=True, slots=True)
class AnnotationFiles:
    """A dataset's annotations, the XML files still unread.

    Attributes:
        classes: the classes that labels must be among.
        xml_folder: the folder of the XML files.
        xml_names: image id to file name in that folder; empty where there is none.
        rows: image id to row of the Kaggle table; empty where there is none.
        skipped: XML files, and folders that may hold some, that cannot be used.
        faults: a message for each fault of the folder or the table.
    """

    classes: ClassList
    xml_folder: Path
    xml_names: Mapping[str, str]
    rows: Mapping[str, Annotation]
    skipped: tuple[Skipped, ...]
    faults: tuple[str, ...] = ()

    def ids(self) -> list[str]:
        """The ids of all annotated images, sorted."""
        return sorted(self.xml_names.keys() | self.rows.keys())

    def read(self, image_id: str, folder_label: str | None) -> tuple[GroundTruth]:
        """The label and boxes of one annotated image.

        Args:
            image_id: one of `ids`.
            folder_label: the class that the image's folder or file name states, if any.

        Raises:
            DataError: a bad XML, an unknown class, or sources that disagree; names the file.
        """
        row = self.rows.get(image_id)
        if image_id in self.xml_names:
            annotation = read_xml(self.xml_folder / self.xml_names[image_id])
            _check_filename(annotation, image_id)
        else:
            annotation = self.rows[image_id]
        if folder_label:
            class_id, origin = folder_label, "its class folder or file name"
        elif row:
            class_id, origin = row.class_ids[0], row.where
        else:
            class_id, origin = _sole_class(annotation), annotation.where
        label = self.classes.index(class_id, annotation.where)
        for source in (annotation, row or annotation):
            _check_label(source, image_id, class_id, origin)
        return (GroundTruth(label, annotation.boxes(class_id), annotation.size),)


def find_annotations(bases: Sequence[Path]) -> AnnotationFiles:
    """Finds the class list, the XML folder and the Kaggle table near a dataset's images.

    Args:
        bases: folders to search, nearest first.

    Raises:
        DataError: the class list is bad, or neither annotations nor table are there (lists the
            places).
    """
    classes = find_classes(bases)
    places = [base / name for base in bases for name in XML_FOLDERS]
    closed = [(place, why) for place in places if (why := why_not_listed(place))]
    unlisted = {place for place, _ in closed}
    xml_folder = next(
        (each for each in places if each not in unlisted and holds_files(each, XML_SUFFIXES)), None
    )
    tables = [base / SOLUTION_NAME for base in bases]
    table = next((each for each in tables if is_file(each)), None)
    skipped = tuple(
        Skipped(shown(str(place)), f"a folder that cannot be listed: {why}")
        for place, why in closed
    )
    if xml_folder is None and table is None:
        raise _nothing_found(bases, skipped)
    xml = scan_folder(xml_folder, XML_SUFFIXES) if xml_folder else Scan({}, ())
    solution = read_solution(table, classes) if table else Solution({}, ())
    return AnnotationFiles(
        classes,
        xml_folder or bases[0],
        xml.files,
        solution.rows,
        skipped + xml.skipped,
        xml.faults + solution.faults,
    )


def _nothing_found(bases: Sequence[Path], skipped: Sequence[Skipped]) -> DataError:
    closed = "".join(f" {each.name} is {each.reason}." for each in skipped)
    tables = (base / name for base in bases for name in TABLE_NAMES)
    table = next((each for each in tables if is_file(each)), None)
    if table:
        closed += (
            f" {shown(str(table))} has no columns image and class in UTF-8, so it is not read."
        )
    return DataError(
        f"no boxes for the images near {shown(str(bases[0]))}. Expected *.xml files in one of "
        f"{', '.join(XML_FOLDERS)}, or {SOLUTION_NAME}, in "
        f"{' or '.join(shown(str(base)) for base in bases)}.{closed} Unpack "
        "ILSVRC2012_bbox_val_v3.tgz there; data/README.md shows the layouts."
    )


def _check_filename(annotation: Annotation, image_id: str) -> None:
    """Refuses an annotation that states the name of another image.

    Some of ILSVRC's training annotations hold the placeholder %s, which names none.
    """
    name = PurePosixPath(annotation.filename.replace("\\", "/"))
    if annotation.filename in ("", "%s", "%s.JPEG") or image_id in (name.name, name.stem):
        return
    raise DataError(
        f"{annotation.where} is named for the image {shown(image_id)}, but its <filename> is "
        f"{shown(annotation.filename[:80])}. Expected the two to agree: perhaps two annotations "
        "are swapped. Rename the file or correct <filename>."
    )


def _check_label(annotation: Annotation, image_id: str, class_id: str, origin: str) -> None:
    if class_id not in annotation.class_ids:
        raise DataError(
            f"{annotation.where} has no box of the label of {shown(image_id)}: that is {class_id} "
            f"by {origin}, but the boxes are of {shown(', '.join(annotation.class_ids))}. Expected "
            "the two to agree. Find out which is wrong and correct it."
        )


def _sole_class(annotation: Annotation) -> str:
    class_ids = annotation.class_ids
    if len(class_ids) > 1:
        raise DataError(
            f"{annotation.where} has objects of {shown(', '.join(class_ids))}, and no "
            "source states which is the image's label. Expected one, or a row in "
            f"{SOLUTION_NAME}. Add that table."
        )
    return class_ids[0]
