"""The bodies that classes share, and the shapes of no class.

A body is drawn about the origin and reaches to about 1 in its longer direction.
It has a main mass and limbs, which take a colour of their own. Every body
defines where a part grows and where a texture lies, so that all combinations are possible.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wsol_bench.datasets.demo.shapes import Field, blend, box, circle, ellipse, ring, rod, star

Outline = Callable[[Field, Field], tuple[Field, Field]]
"""x, y -> signed distances of the main mass and of the limbs."""


@dataclass(frozen=True, slots=True)
class Body:
    """The mass of an object.

    Attributes:
        outline: the main mass and the limbs.
        root_x, root_y: the point at which a part grows.
        root_angle: the direction in which it grows, clockwise from up, radians.
        patch_x, patch_y: the centre of the textured patch.
        patch_radius: how far the texture reaches.
    """

    outline: Outline
    root_x: float
    root_y: float
    root_angle: float
    patch_x: float
    patch_y: float
    patch_radius: float


def _fish(x: Field, y: Field) -> tuple[Field, Field]:
    trunk = ellipse(x - np.float32(0.15), y, 0.78, 0.42)
    tail = np.minimum(
        rod(x, y, (-0.55, 0.0), (-0.98, -0.36), 0.10, 0.12),
        rod(x, y, (-0.55, 0.0), (-0.98, 0.36), 0.10, 0.12),
    )
    fin = rod(x, y, (0.05, 0.35), (-0.20, 0.58), 0.12, 0.04)
    return trunk, np.minimum(tail, fin)


def _jug(x: Field, y: Field) -> tuple[Field, Field]:
    belly = ellipse(x, y - np.float32(0.32), 0.62, 0.62)
    neck = box(x, y + np.float32(0.42), 0.26, 0.45, 0.08)
    lip = box(x, y + np.float32(0.84), 0.40, 0.10, 0.08)
    foot = box(x, y - np.float32(0.92), 0.42, 0.09, 0.06)
    return blend(belly, neck, 0.25), np.minimum(lip, foot)


def _beetle(x: Field, y: Field) -> tuple[Field, Field]:
    back = ellipse(x, y - np.float32(0.18), 0.50, 0.66)
    head = circle(x, y + np.float32(0.58), 0.25)
    side = np.abs(x)
    legs = rod(side, y, (0.35, -0.15), (0.88, -0.50), 0.07, 0.04)
    legs = np.minimum(legs, rod(side, y, (0.40, 0.20), (0.95, 0.18), 0.07, 0.04))
    legs = np.minimum(legs, rod(side, y, (0.35, 0.50), (0.85, 0.88), 0.07, 0.04))
    return np.minimum(back, head), legs


def _mushroom(x: Field, y: Field) -> tuple[Field, Field]:
    dome = ellipse(x, y - np.float32(0.02), 0.92, 0.80)
    cap = np.maximum(dome, y - np.float32(0.12) - np.float32(0.1) * x * x)
    stem = rod(x, y, (0.0, 0.0), (0.06, 0.80), 0.20, 0.27)
    return cap, stem


def _starfish(x: Field, y: Field) -> tuple[Field, Field]:
    arms = star(x, y, 5, 0.98, 0.36) - np.float32(0.06)
    return arms, circle(x, y, 0.16)


def _ladle(x: Field, y: Field) -> tuple[Field, Field]:
    bowl = ellipse(x + np.float32(0.58), y - np.float32(0.12), 0.46, 0.40)
    handle = rod(x, y, (-0.30, 0.0), (0.95, -0.28), 0.08, 0.13)
    return bowl, handle


BODIES: dict[str, Body] = {
    "beetle": Body(_beetle, 0.0, -0.75, 0.0, 0.0, 0.25, 0.50),
    "fish": Body(_fish, 0.35, -0.36, 0.35, 0.15, 0.02, 0.44),
    "jug": Body(_jug, 0.48, -0.02, 0.95, 0.0, 0.32, 0.54),
    "ladle": Body(_ladle, -0.82, -0.18, -0.65, -0.55, 0.10, 0.42),
    "mushroom": Body(_mushroom, 0.30, -0.70, 0.35, -0.15, -0.35, 0.52),
    "starfish": Body(_starfish, 0.30, 0.36, 2.5, 0.0, -0.10, 0.48),
}
"""The bodies of the classes, by the noun of their names."""


def _slab(x: Field, y: Field) -> tuple[Field, Field]:
    return box(x, y, 0.9, 0.5, 0.1), box(x, y - np.float32(0.5), 0.7, 0.08, 0.05)


def _hoop(x: Field, y: Field) -> tuple[Field, Field]:
    return ring(x, y, 0.72, 0.2), circle(x, y + np.float32(0.75), 0.22)


def _stick(x: Field, y: Field) -> tuple[Field, Field]:
    return (
        rod(x, y, (-0.95, 0.1), (0.95, -0.1), 0.09, 0.14),
        rod(x, y, (0.1, 0.0), (0.5, -0.5), 0.08, 0.05),
    )


def _pebble(x: Field, y: Field) -> tuple[Field, Field]:
    lump = blend(ellipse(x, y, 0.8, 0.6), circle(x - np.float32(0.3), y, 0.6), 0.3)
    return lump, circle(x + np.float32(0.5), y + np.float32(0.2), 0.4)


def _cross(x: Field, y: Field) -> tuple[Field, Field]:
    return box(x, y, 0.9, 0.22, 0.08), box(x, y, 0.22, 0.9, 0.08)


def _leaf(x: Field, y: Field) -> tuple[Field, Field]:
    blade = np.maximum(circle(x, y - np.float32(0.75), 1.15), circle(x, y + np.float32(0.75), 1.15))
    return blade, rod(x, y, (-1.1, 0.0), (0.7, 0.0), 0.05, 0.02)


DISTRACTORS: dict[str, Body] = {
    "slab": Body(_slab, 0.4, -0.45, 0.2, 0.0, 0.0, 0.5),
    "hoop": Body(_hoop, 0.5, -0.6, 0.6, 0.0, 0.7, 0.4),
    "stick": Body(_stick, 0.8, -0.1, 0.6, 0.0, 0.0, 0.3),
    "pebble": Body(_pebble, 0.2, -0.55, 0.3, 0.1, 0.0, 0.5),
    "cross": Body(_cross, 0.0, -0.85, 0.0, 0.0, 0.0, 0.4),
    "leaf": Body(_leaf, 0.7, -0.2, 0.8, 0.0, 0.0, 0.4),
}
"""Shapes that belong to no class."""
