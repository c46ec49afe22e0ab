"""The prior box: the one box that would be right for most other images.

Every ground-truth box is written in shares of its image's width and height, which leaves IoU as it
is. The dataset is split in two halves by the ids of its images. The prior box of one half is, of
all boxes around the centre with corners at multiples of 0.05, the one whose IoU is at least 0.5
with a box of the most images of the other half; of several the first in ascending order of
(x0, x1, y0, y1). So no image's own box enters its prior.

It is learned from ground-truth boxes, so it is no competitor of methods without boxes, but shows
what is possible without the image.
"""

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsol_bench.geometry import Boxes
from wsol_bench.methods.entry import BoxMethod, Frame

if TYPE_CHECKING:
    from wsol_bench.datasets.example import Dataset

_HALVES = 2
_IMAGES = 2_000
_LOW = np.arange(10) / 20
_HIGH = np.arange(11, 21) / 20
"""The first and last edge of a box in either direction, in shares of the side."""
_RIGHT = 0.5
"""The IoU of the devkit's criterion."""


def prior(frame: Frame) -> Boxes:
    """The prior box of an image, (4,) half-open xyxy, not rounded.

    Args:
        frame: the image's size and id, and what `learn` returned.
    """
    height, width = frame.size
    shares: NDArray[np.float64] = frame.learned[_half(frame.image_id)]
    return shares * np.array([width, height, width, height], dtype=float)


def learn(dataset: "Dataset") -> NDArray[np.float64]:
    """The prior box of each half of the ids, (2, 4) xyxy in shares of width and height.

    It is learned from at most 2,000 images, the first in the dataset's order. Images whose
    annotation has no size do not count; without any image, the whole image is learned.
    """
    halves: list[list[NDArray[np.float64]]] = [[] for _ in range(_HALVES)]
    for example in dataset.examples:
        half = halves[_half(example.image_id)]
        if example.size is not None and len(example.boxes) and len(half) < _IMAGES:
            height, width = example.size
            half.append(example.boxes / np.array([width, height, width, height], dtype=float))
    return np.stack([_best(half) for half in halves[::-1]])  # each half gets the other's


def _best(images: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The box that is right for most images, each given as its (m, 4) boxes."""
    if not images:
        return np.array([0.0, 0, 1, 1])
    boxes = np.concatenate(images)
    starts = np.cumsum([0, *map(len, images[:-1])])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    spans = np.array([(low, high) for low in _LOW for high in _HIGH])  # (s, 2)
    lengths = spans[:, 1] - spans[:, 0]
    in_y = _overlaps(spans, boxes[:, 1::2])  # (s, boxes)
    best, most = spans[0], -1
    for span, in_x in zip(spans, _overlaps(spans, boxes[:, ::2]), strict=True):
        inner = in_x * in_y  # of the boxes (span, each span), (s, boxes)
        union = (span[1] - span[0]) * lengths[:, None] + areas - inner
        right = np.logical_or.reduceat(inner >= _RIGHT * union, starts, axis=1).sum(axis=1)
        if right.max() > most:
            most, other = right.max(), spans[right.argmax()]
            best = np.array([span[0], other[0], span[1], other[1]])
    return best


def _overlaps(spans: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far spans (s, 2) and the sides of boxes (m, 2) overlap, (s, m)."""
    low = np.maximum(spans[:, :1], ends[:, 0])
    high = np.minimum(spans[:, 1:], ends[:, 1])
    return np.maximum(high - low, 0)


def _half(image_id: str) -> int:
    return blake2b(image_id.encode(), digest_size=1).digest()[0] % _HALVES


PRIOR = BoxMethod(
    name="prior",
    title="Prior box",
    source="no network: the box that is right for most other images",
    box=prior,
    learn=learn,
    note="learned from ground-truth boxes of other images",
)
