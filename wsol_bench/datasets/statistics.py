"""Statistics of a dataset's boxes: sizes, counts, and the accuracy of the centred box.

The demo is compared with ILSVRC by these statistics.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from wsol_bench.geometry import Boxes, Size, box_iou, centred_box

__all__ = ["BoxStatistics", "statistics"]

RIGHT_IOU = 0.5
"""Minimum IoU of a correct box (Russakovsky et al. 2015, section 4.2)."""


@dataclass(frozen=True, slots=True)
class BoxStatistics:
    """Statistics of a dataset's boxes. Shares are of the image's area, in 0..1.

    Attributes:
        images, boxes: their numbers; an image counts once for each of its labels.
        median_area_share, mean_area_share: over boxes, each box counting once.
        single_box_share: share of the images that have exactly one box.
        mean_boxes_per_image: over images.
        centred_box_accuracy: share of the images where the centred box of
            0.71 W x 0.71 H has an IoU of at least 0.5 with any box.
        median_image_aspect: width over height, over images.
        median_box_aspect: width over height, over boxes.
    """

    images: int
    boxes: int
    median_area_share: float
    mean_area_share: float
    single_box_share: float
    mean_boxes_per_image: float
    centred_box_accuracy: float
    median_image_aspect: float
    median_box_aspect: float


def statistics(images: Iterable[tuple[Size, Boxes]]) -> BoxStatistics:
    """Measures the boxes of a dataset.

    Args:
        images: for each image its size (height, width) and its boxes, (m, 4)
            half-open xyxy in pixels, m >= 1.

    Raises:
        ValueError: there is no image, or an image has no box or an empty one.
    """
    shares: list[float] = []
    box_aspects: list[float] = []
    image_aspects: list[float] = []
    counts: list[int] = []
    right: list[bool] = []
    for size, boxes in images:
        height, width = size
        sides = boxes[:, 2:] - boxes[:, :2]  # (m, 2): width, height
        if len(boxes) == 0 or np.any(sides <= 0):
            raise ValueError(f"expected boxes that cover pixels, got {boxes.tolist()}")
        shares.extend(sides.prod(axis=1) / (width * height))
        box_aspects.extend(sides[:, 0] / sides[:, 1])
        image_aspects.append(width / height)
        counts.append(len(boxes))
        right.append(bool(box_iou(centred_box(size), boxes).max() >= RIGHT_IOU))
    if not counts:
        raise ValueError("expected at least one image, got none")
    return BoxStatistics(
        images=len(counts),
        boxes=sum(counts),
        median_area_share=float(np.median(shares)),
        mean_area_share=float(np.mean(shares)),
        single_box_share=float(np.mean(np.array(counts) == 1)),
        mean_boxes_per_image=float(np.mean(counts)),
        centred_box_accuracy=float(np.mean(right)),
        median_image_aspect=float(np.median(image_aspects)),
        median_box_aspect=float(np.median(box_aspects)),
    )
