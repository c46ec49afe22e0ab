"""The centred box: no network, no map, the floor that every method must beat.

It covers 0.71 of the width and of the height, half of the image's area.
"""

import numpy as np

from wsol_bench.geometry import Boxes, Size
from wsol_bench.methods.entry import BoxMethod

SHARE = 0.71
"""Of each side; the square root of one half, to two places."""


def center(size: Size) -> Boxes:
    """The centred box of an image of this size, (4,) half-open xyxy, not rounded."""
    height, width = size
    margin_x, margin_y = width * (1 - SHARE) / 2, height * (1 - SHARE) / 2
    return np.array([margin_x, margin_y, width - margin_x, height - margin_y])


CENTER = BoxMethod(
    name="center",
    title="Centred box",
    source=f"no network: the centred box of {SHARE} W x {SHARE} H",
    box=center,
)
