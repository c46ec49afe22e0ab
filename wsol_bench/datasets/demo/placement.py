"""The places and sizes of the objects of a class.

The tables follow ILSVRC's validation images (the first 500). They describe
objects before the frame cuts some of them.
"""

import math
from dataclasses import replace

import numpy as np

from wsol_bench.datasets.demo.figure import Figure, Kind, Pose, spread_of
from wsol_bench.datasets.demo.pose import sample_pose, stand
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.geometry import Size

SINGLE_SHARES = (0.04, 0.13, 0.24, 0.34, 0.43, 0.52, 0.62, 0.74, 0.88, 1.0, 1.15)
"""Deciles of the share of the image that the box of a single object has."""

SEVERAL_SHARE = 0.42
"""Share of the image that several objects in it cover together, about."""

SEVERAL_TRIES = 6
"""Positions tried for each of them; the least crowded one is used."""

MOST_ENLARGED = 1.7
"""An object is made at most this many times larger to make up for a cut side."""

OBJECT_TILT = 0.3
"""How far objects lean from upright, radians."""

FEATURE_MARGIN = 0.07
"""The distinctive feature stays this far inside the frame, as a share of the side."""


def place_single(stream: Stream, kind: Kind, pose: Pose, size: Size) -> Figure:
    """A single object: near the middle, and often as large as the frame."""
    share = _quantile(stream, SINGLE_SHARES)
    width, height = spread_of(kind, pose)
    unit = math.sqrt(share * size.width * size.height / (width * height))
    # A side that the frame cuts adds nothing, so the other one has to make it up.
    if unit * width > size.width:
        unit = min(share * size.height / height, MOST_ENLARGED * unit)
    elif unit * height > size.height:
        unit = min(share * size.width / width, MOST_ENLARGED * unit)
    x = size.width * stream.normal(0.505, 0.095)
    y = size.height * stream.normal(0.52, 0.09)
    return _with_feature_in_view(stand(kind, pose, unit, x, y), size)


def place_several(stream: Stream, kind: Kind, count: int, size: Size) -> list[Figure]:
    """Objects of one kind, of similar sizes, that cover each other little."""
    area = size.width * size.height * SEVERAL_SHARE / count
    common = math.exp(stream.normal(0.0, 0.35))
    placed: list[Figure] = []
    for _ in range(count):
        pose = sample_pose(stream, OBJECT_TILT)
        gain = common * math.exp(stream.normal(0.0, 0.35))
        unit = gain * math.sqrt(area / spread_of(kind, pose).prod())
        tries = [_anywhere(stream, kind, pose, unit, size) for _ in range(SEVERAL_TRIES)]
        placed.append(min(tries, key=lambda one: _crowding(one, placed)))
    return placed


def _anywhere(stream: Stream, kind: Kind, pose: Pose, unit: float, size: Size) -> Figure:
    x = size.width * stream.uniform(0.08, 0.92)
    y = size.height * stream.uniform(0.12, 0.92)
    return _with_feature_in_view(stand(kind, pose, unit, x, y), size)


def _with_feature_in_view(figure: Figure, size: Size) -> Figure:
    # An object's class cannot be recognised without its feature.
    x, y = figure.feature_place()
    margin_x, margin_y = FEATURE_MARGIN * size.width, FEATURE_MARGIN * size.height
    return replace(
        figure,
        x=figure.x + min(max(x, margin_x), size.width - margin_x) - x,
        y=figure.y + min(max(y, margin_y), size.height - margin_y) - y,
    )


def _crowding(figure: Figure, others: list[Figure]) -> float:
    """The largest share that two boxes have in common, of the smaller one."""
    mine = figure.extent()
    worst = 0.0
    for other in others:
        theirs = other.extent()
        sides = np.minimum(mine[2:], theirs[2:]) - np.maximum(mine[:2], theirs[:2])
        smaller = min(np.prod(mine[2:] - mine[:2]), np.prod(theirs[2:] - theirs[:2]))
        worst = max(worst, float(np.prod(np.maximum(sides, 0.0)) / smaller))
    return worst


def _quantile(stream: Stream, deciles: tuple[float, ...]) -> float:
    """A number of the distribution that has these deciles."""
    place = stream.uniform(0.0, len(deciles) - 1)
    low = int(place)
    return deciles[low] + (place - low) * (deciles[low + 1] - deciles[low])
