"""The centred box: no network, no map, the baseline that every method must beat.

By default it covers 0.71 of the width and of the height, half of the image's area.
"""

from typing import Annotated

import numpy as np

from wsol_bench.geometry import Boxes
from wsol_bench.methods.entry import BoxMethod, Frame
from wsol_bench.methods.options import Between

SHARE = 0.71
"""Share of each side; the square root of one half, to two places."""


def center(
    frame: Frame, *, share: Annotated[float, Between(0, 1, "a share of each side")] = SHARE
) -> Boxes:
    """The centred box of an image, (4,) half-open xyxy, not rounded.

    Args:
        frame: the image's size.
        share: of each side that the box covers.
    """
    height, width = frame.size
    margin_x, margin_y = width * (1 - share) / 2, height * (1 - share) / 2
    return np.array([margin_x, margin_y, width - margin_x, height - margin_y])


CENTER = BoxMethod(
    name="center",
    title="Centred box",
    source=f"no network: the centred box of {SHARE} W x {SHARE} H",
    box=center,
)
