"""The geometry of one image: its size, and the places and sizes of its figures.

Drawn without pixels, so that the boxes of thousands of images can be measured in
a moment. The tables follow ILSVRC's validation images (the first 500).
"""

from dataclasses import dataclass

import numpy as np

from wsol_bench.datasets.demo.classes import CLASSES
from wsol_bench.datasets.demo.distractors import place_distractor, place_occluder
from wsol_bench.datasets.demo.figure import Figure, Kind, spread_of
from wsol_bench.datasets.demo.placement import OBJECT_TILT, place_several, place_single
from wsol_bench.datasets.demo.pose import sample_pose
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.geometry import Boxes, Size

SIDES = (
    (500, 375),
    (500, 333),
    (500, 400),
    (500, 500),
    (480, 360),
    (640, 480),
    (500, 280),
    (400, 300),
    (320, 240),
)
"""Longer and shorter sides, in pixels; ILSVRC's rare large ones are left out."""

SIDE_WEIGHTS = (52, 18, 5, 6, 4, 4, 4, 4, 3)
"""Their frequencies, in per cent."""

COUNT_WEIGHTS = (0.77, 0.11, 0.05, 0.028, 0.022, 0.015, 0.010)
"""Frequencies of images with 1, 2, ... objects of their class."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The content of one image.

    Attributes:
        size: of the image, in pixels.
        label: class index of the objects.
        behind: distractors that the objects may cover, back to front.
        objects: the figures with boxes, back to front.
        before: distractors that may cover the objects.
    """

    size: Size
    label: int
    behind: tuple[Figure, ...]
    objects: tuple[Figure, ...]
    before: tuple[Figure, ...]

    def boxes(self) -> Boxes:
        """Boxes as the frame cuts them, (m, 4), without occlusion: an estimate."""
        return np.array([one.visible_extent(*self.size) for one in self.objects])


def sample_scene(stream: Stream, label: int) -> Scene:
    """The geometry of an image of a class."""
    chosen = CLASSES[label]
    kind = Kind(chosen.body, chosen.part, chosen.texture)
    count = 1 + stream.pick_weighted(COUNT_WEIGHTS)
    pose = sample_pose(stream, OBJECT_TILT)
    width, height = spread_of(kind, pose)
    size = _sample_size(stream, tall=height > 1.25 * width)
    if count == 1:
        objects = [place_single(stream, kind, pose, size)]
    else:
        objects = place_several(stream, kind, count, size)
    behind = [place_distractor(stream, size) for _ in range(1 + stream.below(4))]
    before = [place_occluder(stream, objects[-1])] if stream.chance(0.3) else []
    return Scene(size, label, tuple(behind), tuple(objects), tuple(before))


def _sample_size(stream: Stream, tall: bool) -> Size:
    long, short = SIDES[stream.pick_weighted(SIDE_WEIGHTS)]
    if stream.chance(0.25):  # odd heights, as crops and scans have
        short += stream.below(21) - 10
    # People hold the camera upright for what is tall.
    upright = stream.chance(0.55 if tall else 0.18)
    return Size(long, short) if upright else Size(short, long)
