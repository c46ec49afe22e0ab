"""The centred box: no network, no map, the baseline that every method must beat.

By default it covers 0.71 of the width and of the height, half of the image's area.
"""

from typing import Annotated

from wsol_bench.geometry import CENTRED_SHARE, Boxes, centred_box
from wsol_bench.methods.entry import BoxMethod, Frame
from wsol_bench.specs.options import Between


def center(
    frame: Frame, *, share: Annotated[float, Between(0, 1, "a share of each side")] = CENTRED_SHARE
) -> Boxes:
    """The centred box of an image, (4,) half-open xyxy, not rounded.

    Args:
        frame: the image's size.
        share: of each side that the box covers.
    """
    return centred_box(frame.size, share)


CENTER = BoxMethod(
    name="center",
    title="Centred box",
    source=f"no network: the centred box of {CENTRED_SHARE} W x {CENTRED_SHARE} H",
    box=center,
)
