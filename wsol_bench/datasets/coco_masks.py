"""The masks of COCO's instances: the union of a category's objects, crowds included."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wsol_bench.datasets.coco_file import CocoFile, CocoObject
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.masks import Mask, Masks, resized
from wsol_bench.datasets.run_lengths import decode_runs, fill_polygon
from wsol_bench.geometry import Size


@dataclass(frozen=True, slots=True)
class CocoMasks:
    """Outlines by example; drawn when they are read.

    Attributes:
        objects: (image id, label) to the label's objects.
        sizes: image id to the image's size.
    """

    objects: Mapping[tuple[str, int], tuple[CocoObject, ...]]
    sizes: Mapping[str, Size]

    @classmethod
    def of(
        cls, content: CocoFile, ids: Mapping[int, str], labels: Mapping[int, int]
    ) -> "CocoMasks | None":
        """The masks of a file, or None where no annotation has a segmentation.

        Args:
            content: of the file.
            ids: COCO's id of an image to the dataset's.
            labels: COCO's id of a category to the class index.
        """
        found: dict[tuple[str, int], list[CocoObject]] = {}
        for key, objects in content.objects.items():
            for each in objects:
                found.setdefault((ids[key], labels[each.category]), []).append(each)
        if all(each.outline is None for group in found.values() for each in group):
            return None
        sizes = {ids[key]: image.size for key, image in content.images.items()}
        return cls({key: tuple(group) for key, group in found.items()}, sizes)

    def read(self, example: Example, size: Size | None) -> Masks:
        """The masks of one example; see `masks.MaskSource`.

        An object without segmentation is its box, filled.
        """
        own = self.sizes[example.image_id]
        mask = np.zeros(own, dtype=np.bool_)
        for each in self.objects[example.image_id, example.label]:
            _add(mask, each, own)
        return Masks.of(resized(mask, size))


def _add(mask: Mask, item: CocoObject, size: Size) -> None:
    if isinstance(item.outline, tuple):
        for points in item.outline:
            fill_polygon(mask, points)
    elif item.outline is not None:
        mask |= decode_runs(item.outline.tolist(), size)
    else:
        x0, y0, x1, y1 = (max(0, round(value)) for value in item.box)
        mask[y0:y1, x0:x1] = True
