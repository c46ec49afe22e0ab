"""Distractors: things of no class, beside the objects and in front of them."""

import math

from wsol_bench.datasets.demo.bodies import DISTRACTORS
from wsol_bench.datasets.demo.figure import Figure, Kind
from wsol_bench.datasets.demo.parts import PARTS
from wsol_bench.datasets.demo.pose import sample_pose, stand
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.datasets.demo.textures import TEXTURES
from wsol_bench.geometry import Size

PART_CHANCE = 0.12
TEXTURE_CHANCE = 0.20
"""Probability that one has the feature of a class, so that a feature alone proves nothing."""


def place_distractor(stream: Stream, size: Size) -> Figure:
    """A thing of no class, anywhere in the image or across its border."""
    return stand(
        _sample_distractor(stream),
        sample_pose(stream, tilt=1.0),
        min(size) * stream.uniform(0.07, 0.26),
        size.width * stream.uniform(),
        size.height * stream.uniform(0.1, 1.0),
    )


def place_occluder(stream: Stream, hidden: Figure) -> Figure:
    """A thing of no class that covers an edge of an object, away from its feature."""
    x0, y0, x1, y1 = hidden.extent()
    feature_x, feature_y = hidden.feature_place()
    away = math.atan2((y0 + y1) / 2 - feature_y, (x0 + x1) / 2 - feature_x)
    angle = away + stream.normal(0.0, 0.9)
    return stand(
        _sample_distractor(stream),
        sample_pose(stream, tilt=1.0),
        hidden.unit * stream.uniform(0.20, 0.40),
        (x0 + x1) / 2 + 0.42 * (x1 - x0) * math.cos(angle),
        (y0 + y1) / 2 + 0.42 * (y1 - y0) * math.sin(angle),
    )


def _sample_distractor(stream: Stream) -> Kind:
    body = DISTRACTORS[stream.pick(tuple(DISTRACTORS))]
    part = PARTS[stream.pick(tuple(PARTS))] if stream.chance(PART_CHANCE) else None
    wears = stream.chance(TEXTURE_CHANCE)
    return Kind(body, part, TEXTURES[stream.pick(tuple(TEXTURES))] if wears else None)
