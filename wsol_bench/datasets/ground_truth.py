"""The ground truth of an image: a class and that class's boxes, once per label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from wsol_bench.datasets.classes import ClassList
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.geometry import Boxes, Size

__all__ = ["GroundTruth", "ListedAnnotations"]


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """One label of one image.

    Attributes:
        label: the class index.
        boxes: (m, 4) half-open xyxy, the boxes of the label, m >= 1, or m >= 0 where the
            dataset has masks.
        size: the image's size as annotated, or None where the annotation has none.
    """

    label: int
    boxes: Boxes
    size: Size | None


class AnnotationSource(Interface):
    """The annotations of a dataset, by image id."""

    @property
    def classes(self) -> ClassList:
        """The classes that labels must be among."""

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Annotations that are present and cannot be used."""

    @property
    def faults(self) -> tuple[str, ...]:
        """A message for each fault of the annotations as a whole."""

    def ids(self) -> list[str]:
        """The ids of all annotated images, sorted."""

    def read(self, image_id: str, folder_label: str | None) -> Sequence[GroundTruth]:
        """The labels of one annotated image, each with its boxes.

        Args:
            image_id: one of `ids`.
            folder_label: the class that the image's folder or file name states, if any.

        Raises:
            DataError: the annotation is bad; names the file.
        """


@dataclass(frozen=True, slots=True)
class ListedAnnotations:
    """Annotations that were read in full, as from one file for all images.

    Attributes:
        classes: the classes that labels must be among.
        rows: image id to its labels, at least one each.
        skipped: annotations that are present and cannot be used.
        faults: a message for each fault of the file.
    """

    classes: ClassList
    rows: Mapping[str, Sequence[GroundTruth]]
    skipped: tuple[Skipped, ...] = ()
    faults: tuple[str, ...] = ()

    def ids(self) -> list[str]:
        """The ids of all annotated images, sorted."""
        return sorted(self.rows)

    def read(self, image_id: str, folder_label: str | None) -> Sequence[GroundTruth]:
        """The labels of one annotated image; `folder_label` is not used."""
        return self.rows[image_id]
