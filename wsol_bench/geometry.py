"""Boxes, intersection over union, and windows between input and image.

A box is half-open xyxy in pixels of the original image: it covers the pixels
x0 <= x < x1, y0 <= y < y1, so a width is x1 - x0 and nothing is added.
The devkit's boxes are inclusive and add 1 to each width and height; a loader
adds that 1 once, and the plain formula below then equals the devkit's.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Boxes", "Crop", "Size", "Window", "box_iou", "whole_image_box"]

Boxes = NDArray[np.float64]
"""Boxes of one image, (m, 4) float64, half-open xyxy."""

MOST_PIXELS = 100_000_000
"""Of an image: 300 MB as RGB; the largest of ILSVRC has some 20 million."""
LONGEST_SIDE = 65_535
"""JPEG's own limit. Maps are resized to the image's size, so an image of few pixels but ten
million columns would take gigabytes."""
CENTRED_SHARE = 0.71
"""Share of each side of the centred box, half the area: the square root of 1/2, to two places."""


class Size(NamedTuple):
    """Height and width in pixels, in this order."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the original image that a map covers.

    Attributes:
        x0, y0, x1, y1: half-open, in original pixels.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width in original pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @classmethod
    def whole(cls, size: Size) -> "Window":
        """The window of a warp: all of an image of this size."""
        return cls(0.0, 0.0, float(size.width), float(size.height))


@dataclass(frozen=True, slots=True)
class Crop:
    """A network's own centre crop, from which its classification error is published.

    Attributes:
        shorter: the image's shorter side is resized to this many pixels.
        filter: Pillow's name of the resampling filter, in lower case, such as "bicubic".
    """

    shorter: int
    filter: str


def whole_image_box(size: Size) -> Boxes:
    """The box of the whole image, (4,)."""
    return np.array([0.0, 0.0, size.width, size.height])


def centred_box(size: Size, share: float = CENTRED_SHARE) -> Boxes:
    """The box in the middle of an image that covers a share of each side, (4,), not rounded."""
    height, width = size
    margin_x, margin_y = width * (1 - share) / 2, height * (1 - share) / 2
    return np.array([margin_x, margin_y, width - margin_x, height - margin_y])


def box_iou(box: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of one box with several.

    Args:
        box: (4,) half-open xyxy.
        others: (m, 4) half-open xyxy; m may be 0.

    Returns:
        (m,) float64 in 0..1. An empty or inverted box (x1 <= x0 or y1 <= y0)
        covers no pixel and has an IoU of 0 with every box, itself included.

    Example:
        >>> box_iou([0, 0, 10, 10], [[0, 0, 10, 10], [5, 0, 15, 10]]).round(3).tolist()
        [1.0, 0.333]

    Source:
        Russakovsky et al. 2015 (ILSVRC), section 4.2; the devkit's
        eval_localization_flat.m on inclusive boxes.
    """
    box = np.asarray(box, dtype=np.float64)
    others = np.asarray(others, dtype=np.float64).reshape(-1, 4)
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    union = _area(box[None]) + _area(others) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _area(boxes: Boxes) -> NDArray[np.float64]:
    width = np.maximum(boxes[:, 2] - boxes[:, 0], 0.0)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)
    return width * height  # (m,)
