"""Backgrounds: graded, cluttered, textured and out of focus.

The clutter is a dead-leaves picture: opaque shapes of many sizes that fall on
each other, a model of natural images that keeps their edges and occlusions
(Lee, Mumford and Huang 2001). It is drawn small and enlarged, which is the blur.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.demo.light import Colour, near_colour, sample_colour
from wsol_bench.datasets.demo.noise import enlarge, fractal, soft_step
from wsol_bench.datasets.demo.shapes import Field
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.geometry import Size

Planes = NDArray[np.float32]
"""Red, green and blue planes, (3, height, width) float32, about 0..1."""

LEAF_OUTLINES: tuple[Callable[[Field, Field], Field], ...] = (
    lambda along, aside: along * along + aside * aside,
    np.maximum,
    np.add,
)
"""Round, square and pointed: 1 on the outline, less inside."""


def render_background(stream: Stream, size: Size) -> Planes:
    """The picture before anything stands in it, (3, height, width)."""
    height, width = size
    coarseness = stream.uniform(2.5, 7.0)
    rows, columns = max(8, int(height / coarseness)), max(8, int(width / coarseness))
    small = _graded(stream, rows, columns)
    grain = fractal(stream, rows, columns, 0.75)
    for _ in range(int(200 * stream.uniform() ** 1.3)):
        _drop_leaf(stream, small, grain)
    small = _crumpled(stream, small)
    planes = np.stack([enlarge(plane, height, width) for plane in small])
    _add_texture(stream, planes)
    return planes


def _graded(stream: Stream, rows: int, columns: int) -> Planes:
    """Two colours that meet at a horizon or fade into each other."""
    first = sample_colour(stream)
    second = near_colour(stream, first, 0.4) if stream.chance(0.5) else sample_colour(stream)
    down = np.linspace(-1, 1, rows, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, columns, dtype=np.float32)[None, :]
    angle = stream.normal(math.pi / 2, 0.5)
    height = across * np.float32(math.cos(angle)) + down * np.float32(math.sin(angle))
    height = height - np.float32(stream.uniform(-0.6, 0.6))
    height += np.float32(0.12) * fractal(stream, rows, columns, 0.6)
    hardness = 1.0 / stream.uniform(0.02, 0.3) if stream.chance(0.4) else 1.0
    share = soft_step(height * np.float32(hardness))
    patches = fractal(stream, rows, columns, 0.6) * np.float32(stream.uniform(0.03, 0.25))
    return np.stack(
        [
            (np.float32(low) + share * np.float32(high - low)) * (1 + patches)
            for low, high in zip(first, second, strict=True)
        ]
    )


def _drop_leaf(stream: Stream, small: Planes, grain: Field) -> None:
    """Paints one opaque shape, shaded from one side to the other and grained."""
    _, rows, columns = small.shape
    # A power law of sizes makes the clutter look alike at every scale.
    radius = min(rows, columns) * min(0.5, 0.035 * stream.uniform(0.01, 1.0) ** -0.7)
    x, y = stream.uniform(0, columns), stream.uniform(0, rows)
    left, right = max(0, int(x - 1.5 * radius)), min(columns, int(x + 1.5 * radius) + 2)
    top, bottom = max(0, int(y - 1.5 * radius)), min(rows, int(y + 1.5 * radius) + 2)
    angle, slimness = stream.uniform(0, math.pi), stream.uniform(0.25, 1.0)
    cosine, sine = math.cos(angle) / radius, math.sin(angle) / radius
    down = (np.arange(top, bottom, dtype=np.float32) + np.float32(0.5 - y))[:, None]
    across = (np.arange(left, right, dtype=np.float32) + np.float32(0.5 - x))[None, :]
    along = across * np.float32(cosine) + down * np.float32(sine)
    aside = down * np.float32(cosine / slimness) - across * np.float32(sine / slimness)
    # Covered in part at the outline, or enlarging would show a staircase.
    cover = np.clip((1 - _level(stream, along, aside)) * np.float32(radius * slimness), 0, 1)
    shade = 1 + along * np.float32(stream.normal(0.0, 0.25))
    shade += grain[top:bottom, left:right] * np.float32(stream.normal(0.0, 0.2))
    colour = _leaf_colour(stream, small, x, y)
    for plane, level in zip(small[:, top:bottom, left:right], colour, strict=True):
        plane += cover * (shade * np.float32(level) - plane)


def _crumpled(stream: Stream, small: Planes) -> Planes:
    """Moves every point a little, so that no outline stays a straight line."""
    from scipy.ndimage import map_coordinates  # a third of a second to import

    _, rows, columns = small.shape
    strength = np.float32(min(rows, columns) * stream.uniform(0.005, 0.04))
    rough = stream.uniform(0.4, 0.75)
    y = np.arange(rows, dtype=np.float32)[:, None]
    x = np.arange(columns, dtype=np.float32)[None, :]
    y = y + fractal(stream, rows, columns, rough) * strength
    x = x + fractal(stream, rows, columns, rough) * strength
    return np.stack([map_coordinates(plane, (y, x), order=1, mode="nearest") for plane in small])


def _level(stream: Stream, along: Field, aside: Field) -> Field:
    """1 on the outline of a round, square or pointed shape, less inside."""
    along, aside = np.abs(along), np.abs(aside)
    return stream.pick(LEAF_OUTLINES)(along, aside)


def _leaf_colour(stream: Stream, small: Planes, x: float, y: float) -> Colour:
    if stream.chance(0.15):
        return sample_colour(stream)
    # Most scattered things have the colour of their surroundings.
    here = Colour(*(float(level) for level in small[:, int(y), int(x)]))
    return near_colour(stream, here, 0.35)


def _add_texture(stream: Stream, planes: Planes) -> None:
    """Multiplies by grain: grass, gravel, fabric, plaster."""
    _, height, width = planes.shape
    streak = stream.pick((1.0, 1.0, 1.0, 6.0, 1.0 / 6.0))
    step = stream.pick((1, 2, 2))
    grain = fractal(stream, height // step, width // step, stream.uniform(0.55, 0.95), streak)
    grain *= np.float32(stream.uniform(0.03, 0.22))
    grain += 1
    planes *= enlarge(grain, height, width)
