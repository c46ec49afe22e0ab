"""Masks of examples: which pixels are the object, and which do not count."""

from dataclasses import dataclass
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.geometry import Size

__all__ = ["MaskPair", "MaskSource", "Masks", "has_masks", "masks_of", "resized"]

Mask = NDArray[np.bool_]
"""(height, width), True on the pixels that it covers."""
MaskPair = tuple[Mask, Mask]
"""Ground truth and ignore, (height, width) each, of the same size."""


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of one example.

    Attributes:
        ground_truth: (height, width) bool, the union of the label's objects; all False
            where the annotation holds no object pixel.
        ignore: (height, width) bool, the pixels that no metric counts; never True where
            `ground_truth` is.
    """

    ground_truth: Mask
    ignore: Mask

    @classmethod
    def of(cls, ground_truth: Mask, ignore: Mask | None = None) -> "Masks":
        """Masks whose ignored pixels are those of `ignore` outside the ground truth."""
        if ignore is None:
            return cls(ground_truth, np.zeros_like(ground_truth))
        return cls(ground_truth, ignore & ~ground_truth)


class MaskSource(Interface):
    """The masks of a dataset by example. Can be pickled."""

    def read(self, example: Example, size: Size | None) -> Masks:
        """The masks of one example.

        Args:
            example: one of the dataset's.
            size: to resize the masks to, or None to keep the size of their file or
                annotation.

        Raises:
            DataError: a mask is absent or unreadable; names the file.
        """
        ...


def resized(mask: Mask, size: Size | None) -> Mask:
    """The mask at another size, each pixel that of the nearest centre; None keeps its own."""
    height, width = mask.shape
    if size is None or size == (height, width):
        return mask
    rows = ((np.arange(size.height) + 0.5) * height / size.height).astype(np.intp)
    columns = ((np.arange(size.width) + 0.5) * width / size.width).astype(np.intp)
    return mask[rows][:, columns]


def has_masks(dataset: Dataset) -> bool:
    """Whether a dataset has masks; one without the member has none."""
    return bool(getattr(dataset, "has_masks", False))


def masks_of(dataset: Dataset, example: Example) -> MaskPair | None:
    """Ground truth and ignore of an example at their own size; None without masks.

    Raises:
        DataError: a mask is absent or bad; names the file.
    """
    if not has_masks(dataset):
        return None
    found: Masks = dataset.masks(example)  # type: ignore[attr-defined]
    return found.ground_truth, found.ignore
