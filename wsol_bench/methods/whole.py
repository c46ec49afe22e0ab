"""The whole image as box, as for a map without a maximum."""

from wsol_bench.geometry import Boxes, whole_image_box
from wsol_bench.methods.entry import BoxMethod, Frame


def whole(frame: Frame) -> Boxes:
    """The box of the whole image, (4,) half-open xyxy."""
    return whole_image_box(frame.size)


WHOLE = BoxMethod(
    name="whole",
    title="Whole image",
    source="no network: the box of the whole image",
    box=whole,
)
