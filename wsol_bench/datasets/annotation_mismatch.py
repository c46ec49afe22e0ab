"""Images that differ from their annotations, as a run reports them.

Boxes are in the pixels that were annotated. An image of another size is most often
another image, or one that was resized without its boxes, and every IoU on it is off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from wsol_bench.datasets.check import SizeDifference, leaves, size_differences
from wsol_bench.datasets.example import Example
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import first_names

COLUMNS = ("image_id", "height", "width")
"""The columns of the records that `disagreements` reads."""

_UNREAD = Size(0, 0)


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Images that are not as they were annotated; both in the order of the examples.

    Attributes:
        sizes: images whose annotation states another size than was decoded.
        boxes_outside: ids of images with a box that leaves the image.
    """

    sizes: tuple[SizeDifference, ...]
    boxes_outside: tuple[str, ...]

    def facts(self) -> dict[str, int]:
        """The counts, for a manifest."""
        return {"sizes_differ": len(self.sizes), "boxes_outside": len(self.boxes_outside)}

    def lines(self) -> list[str]:
        """Messages for the user: one line for each kind that occurs."""
        messages = []
        if self.sizes:
            count = len(self.sizes)
            are = "1 image is" if count == 1 else f"{count:,} images are"
            messages.append(
                f"{are} not of the size in the annotation: "
                f"{first_names([_text(each) for each in self.sizes])}. Boxes are in the "
                "annotation's pixels; check that images and annotations belong together. "
                "data check lists all."
            )
        if self.boxes_outside:
            count = len(self.boxes_outside)
            have = "1 image has" if count == 1 else f"{count:,} images have"
            messages.append(
                f"{have} a box that leaves the image: {first_names(self.boxes_outside)}. "
                "data check lists all."
            )
        return messages


def disagreements(table: pa.Table, examples: Sequence[Example]) -> Disagreements:
    """Compares what a run decoded with what was annotated.

    Args:
        table: records with `COLUMNS`; an image may have several. Those that could not
            be read, of size 0 x 0, are ignored.
        examples: of the same images.
    """
    columns = (table[name].to_pylist() for name in COLUMNS)
    decoded = {name: Size(height, width) for name, height, width in zip(*columns, strict=True)}
    read = [(each, decoded.get(each.image_id, _UNREAD)) for each in examples]
    read = [(each, size) for each, size in read if size != _UNREAD]
    return Disagreements(
        sizes=size_differences(read),
        boxes_outside=tuple(each.image_id for each, size in read if leaves(each, size)),
    )


def _text(one: SizeDifference) -> str:
    annotated, decoded = (f"{size.width}x{size.height}" for size in (one.annotated, one.decoded))
    return f"{one.image_id} ({annotated} annotated, {decoded} decoded)"
