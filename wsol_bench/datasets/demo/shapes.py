"""Signed distances: negative inside a shape, 0 on its outline, positive outside.

All take coordinates x (to the right) and y (down), float32 arrays of one shape,
and return distances of that shape in the same units. Distances are exact on the
outline and close to it; far away some are only bounds, which drawing tolerates.
The formulas follow Quilez, "2D distance functions" (iquilezles.org/articles).
"""

import math

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""A number at each point of a grid, (h, w) float32."""


def circle(x: Field, y: Field, radius: float) -> Field:
    """A disc around the origin."""
    return np.sqrt(x * x + y * y) - np.float32(radius)


def ring(x: Field, y: Field, radius: float, thickness: float) -> Field:
    """A hoop around the origin; its tube is 2 x thickness wide."""
    return np.abs(circle(x, y, radius)) - np.float32(thickness)


def ellipse(x: Field, y: Field, half_width: float, half_height: float) -> Field:
    """An ellipse around the origin; a first-order distance."""
    across, down = x / np.float32(half_width), y / np.float32(half_height)
    level = np.sqrt(across * across + down * down)
    across /= np.float32(half_width)
    down /= np.float32(half_height)
    slope = np.sqrt(across * across + down * down) + np.float32(1e-6)
    return level * (level - np.float32(1.0)) / slope


def box(x: Field, y: Field, half_width: float, half_height: float, rounding: float) -> Field:
    """A rectangle around the origin with rounded corners."""
    across = np.abs(x) - np.float32(half_width - rounding)
    down = np.abs(y) - np.float32(half_height - rounding)
    outside = np.sqrt(np.maximum(across, 0) ** 2 + np.maximum(down, 0) ** 2)
    return outside + np.minimum(np.maximum(across, down), 0) - np.float32(rounding)


def rod(
    x: Field,
    y: Field,
    start: tuple[float, float],
    end: tuple[float, float],
    start_radius: float,
    end_radius: float,
) -> Field:
    """A straight limb from start to end whose radius changes on the way."""
    along_x, along_y = end[0] - start[0], end[1] - start[1]
    length_squared = along_x**2 + along_y**2
    from_x, from_y = x - np.float32(start[0]), y - np.float32(start[1])
    share = (from_x * np.float32(along_x) + from_y * np.float32(along_y)) / np.float32(
        length_squared
    )
    share = np.clip(share, 0, 1)
    from_x -= share * np.float32(along_x)
    from_y -= share * np.float32(along_y)
    radius = np.float32(start_radius) + share * np.float32(end_radius - start_radius)
    return np.sqrt(from_x * from_x + from_y * from_y) - radius


def star(x: Field, y: Field, arms: int, outer: float, inner: float) -> Field:
    """A star with its first arm up; radii of the tips and of the notches."""
    sector = 2.0 * math.pi / arms
    angle = np.arctan2(x, -y)
    angle = np.abs(angle - np.float32(sector) * np.round(angle / np.float32(sector)))
    radius = np.sqrt(x * x + y * y)
    across, along = radius * np.sin(angle), radius * np.cos(angle)
    notch_x, notch_y = inner * math.sin(sector / 2), inner * math.cos(sector / 2)
    length = math.hypot(notch_x, outer - notch_y)
    # The outward normal of the edge from the tip (0, outer) to the notch.
    return across * np.float32((outer - notch_y) / length) + (
        along - np.float32(outer)
    ) * np.float32(notch_x / length)


def blend(first: Field, second: Field, reach: float) -> Field:
    """The union of two shapes with a fillet of this reach where they meet."""
    overlap = np.maximum(np.float32(reach) - np.abs(first - second), 0)
    return np.minimum(first, second) - overlap * overlap * np.float32(0.25 / reach)


def turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    """Coordinates in which a shape drawn upright appears turned clockwise."""
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return x * cosine + y * sine, y * cosine - x * sine
