"""Columns: what metrics keep of one example's map, each a number or a short vector.

A metric of maps reads an example through a column, such as the histograms of its pixels or
the distance from its maximum to the object. Columns are computed while a run has the map,
and kept with its records, so that 50,000 images need neither their maps nor a second pass.
Where a run has kept maps and no column, the column is computed from them by the same function.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.masks import Mask, MaskPair, resized
from wsol_bench.errors import NotApplicable
from wsol_bench.geometry import Boxes, Size, Window

__all__ = ["ExampleTruth", "ImageColumn", "on_image"]


@dataclass(frozen=True, slots=True)
class ExampleTruth:
    """The ground truth that a column compares a map with.

    Attributes:
        boxes: (m, 4) of the label, half-open xyxy in original pixels.
        size: of the original image; 0 x 0 where it could not be read.
        window: the part of the image that the map covers.
        masks: ground truth and ignore at their own resolution; None without masks.
        image_id: for messages.
    """

    boxes: Boxes
    size: Size
    window: Window
    masks: MaskPair | None = None
    image_id: str = ""

    @property
    def readable(self) -> bool:
        """Whether the image could be read."""
        return self.size.height > 0

    @property
    def covers_image(self) -> bool:
        """Whether the map covers all of the image."""
        return self.window == Window.whole(self.size)

    def require_masks(self) -> MaskPair:
        """The masks.

        Raises:
            NotApplicable: the dataset has none.
        """
        if self.masks is None:
            raise NotApplicable("the dataset has no masks")
        return self.masks

    def object_mask(self) -> Mask:
        """The object's pixels on the image: its mask, else its boxes, filled."""
        if self.masks is None:
            return boxes_as_mask(self.boxes, self.size)
        return resized(self.masks[0], self.size)


@dataclass(frozen=True, slots=True)
class ImageColumn:
    """A column that metrics read.

    Attributes:
        name: of the column in a run's files.
        dtype: of its values.
        width: numbers per example; 0 for a single number.
        needs_masks: whether the dataset must have masks.
        of_map: (map (u, v), ground truth) -> the example's value.
        of_box: (predicted box (4,), ground truth) -> the value of a baseline, which makes no
            map; None where a baseline has no value.
    """

    name: str
    dtype: type[np.generic]
    width: int
    needs_masks: bool
    of_map: Callable[[NDArray[np.float32], ExampleTruth], object]
    of_box: Callable[[Boxes, ExampleTruth], object] | None = None

    def value_of_box(self, box: Boxes, truth: ExampleTruth) -> object:
        """The value of a baseline.

        Raises:
            NotApplicable: a baseline has none.
        """
        if self.of_box is None:
            raise NotApplicable("it makes no maps")
        return self.of_box(box, truth)

    @property
    def nothing(self) -> object:
        """The value that a row without one keeps."""
        return np.empty(0, self.dtype) if self.width else float("nan")

    def array(self, values: list[object]) -> NDArray[np.generic]:
        """The values of n examples, (n,) or (n, width)."""
        shape = (-1, self.width) if self.width else (-1,)
        return np.array(values, self.dtype).reshape(shape)


def on_image(values: NDArray[np.float32], truth: ExampleTruth) -> NDArray[np.float32]:
    """A map on the image's own pixels, by bilinear interpolation.

    Where the map covers a part of the image only, the rest has the map's minimum, or 0 where
    that is lower.

    Args:
        values: (u, v) float32.
        truth: of an image that could be read.
    """
    from wsol_bench.boxes.upsampling import enlarge  # imports numba, which `list` does not need

    contiguous = np.ascontiguousarray(values, np.float32)
    size = truth.size
    if truth.covers_image:
        return enlarge(contiguous, *size)
    window = truth.window
    height, width = (max(1, round(side)) for side in window.sides)
    top, left = max(0, round(window.y0)), max(0, round(window.x0))
    seen = enlarge(contiguous, height, width)[: size.height - top, : size.width - left]
    whole = np.full(size, min(0.0, float(seen.min())), np.float32)
    whole[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return whole


def boxes_as_mask(boxes: Boxes, size: Size) -> Mask:
    """The pixels whose centres lie in any of some boxes, (height, width) bool.

    Args:
        boxes: (m, 4) half-open xyxy in pixels of the image; m may be 0.
        size: of the image.
    """
    rows, columns = np.arange(size.height) + 0.5, np.arange(size.width) + 0.5
    inside = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in np.reshape(np.asarray(boxes, np.float64), (-1, 4)):
        down = slice(*np.searchsorted(rows, [y0, max(y0, y1)]))
        inside[down, slice(*np.searchsorted(columns, [x0, max(x0, x1)]))] = True
    return inside
