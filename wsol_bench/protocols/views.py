"""A view: image -> input tensors, and the maps of several tensors -> one.

A tensor is an input before normalisation, (side, side, 3) uint8 RGB. The maps of
an image's t tensors, (t, u, v), are joined into one that shows a window of the
original image; from there on every view is alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.geometry import Crop, Size, Window
from wsol_bench.protocols.resample import matrix

__all__ = ["VIEWS", "View"]

Tensors = NDArray[np.uint8]
"""(t, side, side, 3) RGB."""
Maps = NDArray[np.float32]
"""(t, u, v), one map per tensor of an image."""

CANVAS = 256
"""Side of the square that ten crops are taken from (CAM's and Caffe's own)."""
_MOST_RESIZED = 10_000_000
"""Pixels of an image resized for its centre alone; beyond, it is over a hundred times as
long as wide."""


@dataclass(frozen=True, slots=True)
class View:
    """The conversion of an image to input tensors, and of their maps to one map.

    Attributes:
        count: tensors per image. Their scores are averaged before the softmax.
        tensors: (RGB image, side of the input, the network's own crop or None)
            -> (t, side, side, 3).
        join: (maps (t, u, v), side of the input) -> (h, w), one map.
        window: (size of the image, side of the input, the network's own crop or None)
            -> what the joined map shows.
    """

    count: int
    tensors: Callable[[Image.Image, int, Crop | None], Tensors]
    join: Callable[[Maps, int], Maps]
    window: Callable[[Size, int, Crop | None], Window]


def warp(image: Image.Image, side: int, crop: Crop | None = None) -> Tensors:
    """The whole image squeezed into the input, aspect not kept; one tensor.

    Pillow's bilinear filter widens its support when it shrinks, so it averages;
    resizing without that differs by up to 58 grey levels on photographs.
    """
    return np.asarray(image.resize((side, side), Image.Resampling.BILINEAR))[None]


def center_crop(image: Image.Image, side: int, crop: Crop | None = None) -> Tensors:
    """The shorter side resized, then the centre; one tensor.

    Args:
        image: RGB.
        side: of the input.
        crop: the network's own; default: side x 256/224 and the bilinear filter.
    """
    shorter, resampling = _resizing(side, crop)
    scale = shorter / min(image.width, image.height)
    width, height = (max(shorter, round(length * scale)) for length in image.size)
    if width * height > _MOST_RESIZED:
        return _center_of_strip(image, side, Size(height, width), resampling)
    resized = image.resize((width, height), resampling)
    left, top = (width - side) // 2, (height - side) // 2
    return np.asarray(resized.crop((left, top, left + side, top + side)))[None]


def _center_of_strip(
    image: Image.Image, side: int, resized: Size, resampling: Image.Resampling
) -> Tensors:
    """The centre of a very long image, whose remainder need not be resized.

    Equal to `center_crop` to a grey level: Pillow rounds a box's edges otherwise.
    """
    left, top = (resized.width - side) // 2, (resized.height - side) // 2
    across, down = image.width / resized.width, image.height / resized.height
    box = (left * across, top * down, (left + side) * across, (top + side) * down)
    return np.asarray(image.resize((side, side), resampling, box=box))[None]


def ten_crops(image: Image.Image, side: int, crop: Crop | None = None) -> Tensors:
    """Corners and centre of the image warped to 256x256, then the same mirrored."""
    canvas = np.asarray(image.resize((_canvas(side),) * 2, Image.Resampling.BILINEAR))
    crops = [canvas[y : y + side, x : x + side] for y, x in _places(side)]
    return np.stack(crops + [crop[:, ::-1] for crop in crops])


def join_one(maps: Maps, side: int) -> Maps:
    """The map of the only tensor."""
    return maps[0]


def join_ten(maps: Maps, side: int) -> Maps:
    """Each crop's map enlarged, un-mirrored, and its absolute values summed in place.

    Args:
        maps: (10, u, v) in the order of `ten_crops`.
        side: of the crops.

    Returns:
        (256, 256): the sum over the crops that show a pixel.

    Source:
        Zhou et al. 2016, the authors' ILSVRC evaluation code: bicubic to the crop,
        sum of absolute values on the 256 canvas.
    """
    rows, columns = (_enlarging(length, side) for length in maps.shape[1:])
    enlarged = np.abs(rows @ maps @ columns.T)  # (10, side, side)
    enlarged[5:] = enlarged[5:, :, ::-1]
    canvas = np.zeros((_canvas(side),) * 2, np.float32)
    for crop, (y, x) in enumerate(_places(side)):
        canvas[y : y + side, x : x + side] += enlarged[crop] + enlarged[crop + 5]
    return canvas


def _whole(size: Size, side: int, crop: Crop | None = None) -> Window:
    return Window.whole(size)


def _center_window(size: Size, side: int, crop: Crop | None = None) -> Window:
    reach = min(size) * side / _resizing(side, crop)[0] / 2
    y, x = size.height / 2, size.width / 2
    return Window(x - reach, y - reach, x + reach, y + reach)


def _resizing(side: int, crop: Crop | None) -> tuple[int, Image.Resampling]:
    """The resized shorter side and its filter."""
    if crop is None:
        return round(side * 256 / 224), Image.Resampling.BILINEAR
    return crop.shorter, Image.Resampling[crop.filter.upper()]


def _canvas(side: int) -> int:
    return max(CANVAS, side)


def _places(side: int) -> tuple[tuple[int, int], ...]:
    """Top left corners (y, x) of the five crops."""
    far = _canvas(side) - side
    middle = (far + 1) // 2  # the authors' code rounds half a pixel up: 15 where `far` is 29
    return ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))


@lru_cache(maxsize=16)
def _enlarging(source: int, side: int) -> NDArray[np.float32]:
    return matrix("bicubic", source, side)


WHOLE_IMAGE = "warp"
"""The view whose one map shows the whole image."""

VIEWS: Mapping[str, View] = MappingProxyType(
    {
        "warp": View(1, warp, join_one, _whole),
        "center-crop": View(1, center_crop, join_one, _center_window),
        "ten-crops": View(10, ten_crops, join_ten, _whole),
    }
)
