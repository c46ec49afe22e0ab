"""The whole image as box: what a map that says nothing gets."""

from wsol_bench.geometry import whole_image_box
from wsol_bench.methods.entry import BoxMethod

WHOLE = BoxMethod(
    name="whole",
    title="Whole image",
    source="no network: the box of the whole image",
    box=whole_image_box,
)
