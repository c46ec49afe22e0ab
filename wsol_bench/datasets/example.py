"""What a dataset yields, and what a dataset is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol as Interface

from PIL import Image

from wsol_bench.geometry import Boxes, Size

__all__ = ["Dataset", "Example"]


@dataclass(frozen=True, slots=True)
class Example:
    """One annotated image.

    Attributes:
        image_id: the file's name without its extension, unique in the dataset.
        index: 1-based place in the official validation list, which is what a
            blacklist counts in; not the place in a shortened run.
        label: class index in sorted-WNID order.
        boxes: (m, 4) half-open xyxy, the boxes of the label, m >= 1.
        size: the image's size as annotated, or None where the annotation has
            none; the decoded image's size is what counts.
    """

    image_id: str
    index: int
    label: int
    boxes: Boxes
    size: Size | None


class Dataset(Interface):
    """A source of examples. A loader is anything with these members."""

    name: str
    """What the user asked for, such as "demo" or a folder's name."""

    class_ids: Sequence[str]
    """The dataset's classes; position is the class index (sorted)."""

    class_names: Sequence[str]
    """A readable name for each class."""

    examples: Sequence[Example]

    missing_ids: tuple[str, ...]
    """Annotated images that were passed over because their file is absent."""

    def open(self, image_id: str) -> Image.Image:
        """Decodes one image to RGB in stored orientation.

        Raises:
            UnreadableImage: the file is absent, truncated or no image; names it.
            A run records it as wrong and goes on.
            DataError: no image can be read any more.
        """
        ...
