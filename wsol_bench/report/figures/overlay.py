"""A map laid over its image in colour."""

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from wsol_bench.boxes.upsampling import UPSAMPLINGS
from wsol_bench.geometry import Size, Window
from wsol_bench.protocols.catalog import BoxRule

Pixels = NDArray[np.uint8]
"""(h, w, 3) RGB."""
Shares = NDArray[np.float32]
"""(h, w) in 0..1, a map's values as shares of its maximum."""

COLOURS = "inferno"
"""Colour map of shares 0 to 1. Its lightness ascends evenly, so that it can also be read in grey
print and with impaired colour vision."""
MOST_OPAQUE = 0.65
"""Opacity of the colour at the maximum; the object stays visible beneath it."""


def overlay(image: Pixels, values: NDArray[np.float32], rule: BoxRule, window: Window) -> Pixels:
    """An image with its map in colour: no colour where the map is 0.

    Args:
        image: (h, w, 3).
        values, rule, window: as `on_image` takes them.
    """
    return laid_over(image, on_image(values, Size(*image.shape[:2]), rule, window))


def on_image(values: NDArray[np.float32], size: Size, rule: BoxRule, window: Window) -> Shares:
    """A map upsampled to the size of its image by the box rule, as shares of its maximum.

    Args:
        values: (u, v) float32, one joined map.
        size: of the image.
        rule: names the upsampling.
        window: the part of the image that the map shows; may leave the image.

    Returns:
        (height, width) float32 in 0..1: 0 where the map is negative, outside the window,
        and everywhere if no value is positive.
    """
    height, width = (max(1, round(side)) for side in window.sides)
    contiguous = np.ascontiguousarray(values, dtype=np.float32)
    enlarged = UPSAMPLINGS[rule.upsampling](contiguous, height, width)
    maximum = float(enlarged.max())
    shares = np.zeros(size, np.float32)
    if not maximum > 0:
        return shares
    top, left = round(window.y0), round(window.x0)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + height, size.height), min(left + width, size.width)
    shares[y0:y1, x0:x1] = enlarged[y0 - top : y1 - top, x0 - left : x1 - left] / maximum
    return np.clip(shares, 0, 1)


def laid_over(image: Pixels, shares: Shares) -> Pixels:
    """An image under a map, more opaque where the map is larger.

    Args:
        image: (h, w, 3).
        shares: (h, w).
    """
    colours = colormaps[COLOURS](shares)[..., :3] * 255  # (h, w, 3)
    opaque = MOST_OPAQUE * np.sqrt(shares)[..., None]
    mixed = image * (1 - opaque) + colours * opaque
    return mixed.round().astype(np.uint8)
