"""What flows through a run and what is kept of it.

`Example` comes out of a dataset, `Record` goes into the store. Both are frozen:
a stage makes a new value and never edits the one before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.geometry import Boxes, Size


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

    wnids: Sequence[str]
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


class MapState(StrEnum):
    """Whether a map said anything; a degenerate one gets the whole image as box."""

    OK = "ok"
    ZERO = "zero"
    """Every value is 0."""
    CONSTANT = "constant"
    """Every value is the same and not 0."""
    EMPTY = "empty"
    """It varies, but its maximum is not positive, so nothing passes a threshold."""
    UNREADABLE = "unreadable"
    """The image could not be read; height and width are 0, the box is empty, each of
    `classes` is -1 and its score 0. Wrong by every measure."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of one image under one method: enough to score it again.

    Attributes:
        image_id, index, label: the example's.
        method: the method's name.
        height, width: of the decoded image, in pixels.
        classes: (k,) class indices by falling score, ties to the lower index.
        scores: (k,) float32 scores before the softmax, same order.
        box: (4,) the box for the label's class, half-open xyxy, float64.
        true_boxes: (m, 4) the label's ground-truth boxes.
        iou: best IoU of `box` over `true_boxes`.
        map_state: whether the map was degenerate.
        blacklisted: left out of localization errors, counted in classification.
        class_boxes: (k, 4) the box of each of `classes`, or (0, 4) where only the
            label's was made.
    """

    image_id: str
    index: int
    method: str
    label: int
    height: int
    width: int
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    box: Boxes
    true_boxes: Boxes
    iou: float
    map_state: MapState
    blacklisted: bool = False
    class_boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)))


Progress = Callable[[int], None]
"""Called with the number of images just finished."""
