"""A dataset whose images lie in files, tars or tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from wsol_bench.datasets.example import Example
from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.images import decode_image
from wsol_bench.datasets.masks import Masks, MaskSource
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown

__all__ = ["ImageDataset"]


# Not frozen: the interface `example.Dataset` declares plain attributes.
@dataclass(slots=True)
class ImageDataset:
    """A dataset whose images are opened by id; an `example.Dataset`.

    It can be pickled, and `open` and `masks` may be called from several threads at once.

    Attributes:
        name: the name of the folder or file.
        class_ids, class_names: the classes; position is the class index.
        examples: sorted by image id, then by label.
        images: where the images' bytes come from.
        missing_ids: annotated images whose file is absent, passed over under
            `allow_missing`; with a limit, those before its last example.
        unannotated_ids: images without an annotation; never examples.
        skipped: files left out, each with its reason.
        faults: a message for each fault of annotations and folders; empty in
            every run, because faults refuse the dataset.
        mask_source: where masks come from, or None where the dataset has none.
        layout: the layout's name in `catalog.LAYOUTS`, or "".
        split: the split that was read, or None where the dataset has only one.
        box_ends: how the corners in the files were read, where that is a choice.
        corners: how maximum corners are meant in the files, whether or not it is a choice;
            `boxes` of examples are half-open in any case.
        category_ids: COCO's id of each class where the dataset's own file states them, which may
            leave out numbers; else empty.
    """

    name: str
    class_ids: Sequence[str]
    class_names: Sequence[str]
    examples: Sequence[Example]
    images: ImageSource[Any]
    missing_ids: tuple[str, ...] = ()
    unannotated_ids: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    faults: tuple[str, ...] = ()
    mask_source: MaskSource | None = None
    layout: str = ""
    split: str | None = None
    box_ends: BoxEnds | None = None
    corners: BoxEnds = "inclusive"
    category_ids: tuple[int, ...] = ()

    @property
    def missing(self) -> int:
        """The number of annotated images that are left out because their file is absent."""
        return len(self.missing_ids)

    @property
    def has_masks(self) -> bool:
        """Whether `masks` works."""
        return self.mask_source is not None

    def open(self, image_id: str) -> Image.Image:
        """Decodes one image to RGB in stored orientation.

        Raises:
            UnreadableImage: the file is absent, truncated, animated, too large or no image.
            DataError: the id is unknown, or other images would fail too, such as when the
                folder is gone. Both name the file.
        """
        try:
            data = self.images.read(image_id)
        except KeyError:
            raise DataError(
                f"no image {shown(image_id)!r} in {shown(self.images.place)}. "
                "Expected the id of one of the dataset's examples."
            ) from None
        return decode_image(data, self.images.where(image_id))

    def masks(self, example: Example, size: Size | None = None) -> Masks:
        """The ground-truth mask of an example and the mask of pixels to ignore.

        Args:
            example: one of `examples`.
            size: to resize the masks to, by the nearest pixel; default: their own size,
                which in OpenImages is not always the image's.

        Raises:
            DataError: the dataset has no masks, or this one is absent or bad.
        """
        if self.mask_source is None:
            raise DataError(
                f"{shown(self.name)} has no masks. Expected a dataset with masks, such as "
                "CUB-200-2011 with its segmentations, COCO or OpenImages."
            )
        return self.mask_source.read(example, size)
