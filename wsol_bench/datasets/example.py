"""Examples, and the interface of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as Interface

from wsol_bench.geometry import Boxes, Size

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Dataset", "Example"]


@dataclass(frozen=True, slots=True)
class Example:
    """One label of one annotated image; (image_id, label) is unique in the dataset.

    Attributes:
        image_id: the file's name without its extension.
        index: 1-based position in the official validation list, which a blacklist
            refers to; not the position in a shortened run.
        label: class index.
        boxes: (m, 4) half-open xyxy, the boxes of the label; m >= 1, except in datasets
            that have masks only, where m is 0.
        size: the image's size as annotated, or None where the annotation has
            none; the decoded image's size is used.
    """

    image_id: str
    index: int
    label: int
    boxes: Boxes
    size: Size | None


class Dataset(Interface):
    """A source of examples. A loader is anything with these members."""

    name: str
    """The dataset's name, such as "demo" or that of a folder."""

    class_ids: Sequence[str]
    """The dataset's classes; position is the class index."""

    class_names: Sequence[str]
    """A readable name for each class."""

    examples: Sequence[Example]

    missing_ids: tuple[str, ...]
    """Annotated images that were passed over because their file is absent."""

    def open(self, image_id: str) -> "Image.Image":
        """Decodes one image to RGB in stored orientation.

        Raises:
            UnreadableImage: the file is absent, truncated or no image; names it.
                A run records it as wrong and continues.
            DataError: no image can be read any more.
        """
