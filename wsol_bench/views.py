"""A view turns an image into input tensors and says what part each one shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.geometry import Size, Window

Tensors = NDArray[np.uint8]
"""(t, side, side, 3) RGB, the t input tensors of one image before normalisation."""


@dataclass(frozen=True, slots=True)
class View:
    """How an image becomes input tensors.

    Attributes:
        tensors: (RGB image, side of the input) -> (t, side, side, 3).
        windows: size of the image -> the part that each of the t tensors shows.
    """

    tensors: Callable[[Image.Image, int], Tensors]
    windows: Callable[[Size], tuple[Window, ...]]


def warp(image: Image.Image, side: int) -> Tensors:
    """The whole image squeezed into the input, aspect not kept; one tensor.

    Pillow's bilinear filter widens its support when it shrinks, so it averages;
    resizing without that differs by up to 58 grey levels on photographs.
    """
    resized = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(resized)[None]


def _whole(size: Size) -> tuple[Window, ...]:
    return (Window.whole(size),)


VIEWS: Mapping[str, View] = MappingProxyType({"warp": View(tensors=warp, windows=_whole)})
