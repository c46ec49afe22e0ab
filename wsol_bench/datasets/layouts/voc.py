"""The layout of PASCAL VOC: JPEGImages, Annotations and ImageSets.

Coordinates start with 1 and are inclusive. Each class of an image is an example; one whose
objects are all difficult is left out, and difficult objects beside others count, as the
pointing game counts them (Zhang et al. 2018, section 4.1, and their code).

Masks are those of SegmentationClass: the index of the palette is the class, 255 is the
border between objects, which is ignored. Only the images of the splits that start with
`segmentation-` have them.

Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010, and the
development kit's documentation, sections 3.2 and 3.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsol_bench.datasets.annotations import Annotation, read_xml
from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import ClassList, class_list, find_own_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.ground_truth import GroundTruth
from wsol_bench.datasets.image_files import images_in
from wsol_bench.datasets.images import read_bytes
from wsol_bench.datasets.layouts.layout import Layout
from wsol_bench.datasets.mask_files import decode_mask
from wsol_bench.datasets.masks import Masks, resized
from wsol_bench.datasets.scanning import (
    XML_SUFFIXES,
    Scan,
    Skipped,
    class_folder_entries,
    scan_folder,
)
from wsol_bench.datasets.selection import Selection, in_order
from wsol_bench.datasets.text_rows import rows_of
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown

IMAGES, XMLS, MASKS = "JPEGImages", "Annotations", "SegmentationClass"
CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_SETS = {"": "Main", "segmentation-": "Segmentation"}
"""The start of a split's name to its folder in ImageSets."""
_DEFAULTS = ("test", "val", "trainval", "train")
_BORDER = 255


@dataclass(frozen=True, slots=True)
class VocAnnotations:
    """VOC's XML files, still unread; each class of an image is a label.

    Attributes:
        classes: the classes that labels must be among.
        folder: of the XML files.
        scan: image id to file name in it.
        chosen: the ids of the split, or None for all.
        left_out: pairs of image and class whose objects are all difficult, found so far.
    """

    classes: ClassList
    folder: Path
    scan: Scan
    chosen: frozenset[str] | None
    left_out: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """XML files that cannot be used, and pairs of image and class that do not count."""
        reason = "all its objects are difficult"
        return (*self.scan.skipped, *(Skipped(name, reason) for name in self.left_out))

    @property
    def faults(self) -> tuple[str, ...]:
        """Faults of the folder, and images of the split without annotation."""
        folder = shown(str(self.folder))
        absent = sorted((self.chosen or frozenset()) - self.scan.files.keys())
        return (
            *self.scan.faults,
            *(f"{folder}: {shown(name[:80])}.xml is absent. Add the file." for name in absent),
        )

    def ids(self) -> list[str]:
        """The ids of the split's annotated images, sorted."""
        return sorted(
            each for each in self.scan.files if self.chosen is None or each in self.chosen
        )

    def read(self, image_id: str, folder_label: str | None) -> Sequence[GroundTruth]:
        """The labels of one image; none where all its objects are difficult."""
        annotation = read_xml(self.folder / self.scan.files[image_id], first_pixel=1)
        _check_filename(annotation, image_id)
        truths = []
        for class_id in annotation.class_ids:
            label = self.classes.index(class_id, annotation.where)
            if all(each.difficult for each in annotation.objects if each.class_id == class_id):
                self.left_out.append(f"{image_id}, {shown(class_id)}")
                continue
            truths.append(GroundTruth(label, annotation.boxes(class_id), annotation.size))
        return truths


@dataclass(frozen=True, slots=True)
class VocMasks:
    """The masks of SegmentationClass, by class.

    Attributes:
        folder: of the PNG files.
    """

    folder: Path

    def read(self, example: Example, size: Size | None) -> Masks:
        """The masks of one example; see `masks.MaskSource`."""
        file = self.folder / f"{example.image_id}.png"
        indices = decode_mask(read_bytes(file), str(file), indices=True)
        return Masks.of(
            resized(indices == example.label + 1, size), resized(indices == _BORDER, size)
        )


def find(path: Path) -> Path | None:
    """The path, or the only folder in it or in VOCdevkit, that has VOC's folders."""
    if _has_folders(path):
        return path
    for base in (path, path / "VOCdevkit"):
        try:
            inner = [Path(each.path) for each in class_folder_entries(base)]
        except DataError:
            continue
        found = [each for each in inner if _has_folders(each)]
        if len(found) == 1:  # of several years one must be named
            return found[0]
    return None


def splits(path: Path, root: Path) -> Sequence[str]:
    """Those of ImageSets/Main, the usual default first, and those of ImageSets/Segmentation."""
    found = []
    for start, folder in _SETS.items():
        names = (file.stem for file in sorted((root / "ImageSets" / folder).glob("*.txt")))
        # Main also has a list for each class, such as cat_val.txt.
        known = [name for name in names if "_" not in name]
        found += [start + name for name in in_order(known, _DEFAULTS)]
    return found


def load(path: Path, root: Path, selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    own = find_own_classes([root, path])
    classes = own or class_list(CLASSES, "the 20 classes of PASCAL VOC")
    split = selection.split
    segmented = bool(split and split.startswith("segmentation-"))
    chosen = _split_ids(root, split, segmented) if split else None
    annotations = VocAnnotations(
        classes, root / XMLS, scan_folder(root / XMLS, XML_SUFFIXES), chosen
    )
    masks = VocMasks(root / MASKS) if segmented else None
    return assemble(path, images_in(root / IMAGES), annotations, selection, mask_source=masks)


def _has_folders(path: Path) -> bool:
    try:
        return (path / IMAGES).is_dir() and (path / XMLS).is_dir()
    except OSError:
        return False


def _split_ids(root: Path, split: str, segmented: bool) -> frozenset[str]:
    folder = _SETS["segmentation-" if segmented else ""]
    path = root / "ImageSets" / folder / f"{split.removeprefix('segmentation-')}.txt"
    ids = frozenset(row.fields[0] for row in rows_of(path, None, (1, 2), "an image's name"))
    if not ids:
        raise DataError(f"{shown(str(path))} is empty. Expected the name of an image on each line.")
    return ids


def _check_filename(annotation: Annotation, image_id: str) -> None:
    name = annotation.filename.replace("\\", "/")  # some tools write Windows' paths
    if name and Path(name).stem != image_id and name != image_id:
        raise DataError(
            f"{annotation.where} is named for the image {shown(image_id)}, but its <filename> is "
            f"{shown(name[:80])}. Expected the two to agree. Rename the file or correct "
            "<filename>."
        )


VOC = Layout(
    description=(
        f"PASCAL VOC: {IMAGES}/*.jpg, {XMLS}/*.xml and ImageSets, in the path or in its only "
        f"year's folder; {MASKS} for the splits segmentation-*; classes.txt for other classes"
    ),
    find=find,
    load=load,
    splits=splits,
)
