"""Paints a figure over a picture and returns the pixels that it covers.

A large figure is evaluated on a grid of half the resolution: its colours and its
signed distance are smooth, so that its outline is sharp again once enlarged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.demo.background import Planes
from wsol_bench.datasets.demo.figure import Figure
from wsol_bench.datasets.demo.light import Light
from wsol_bench.datasets.demo.noise import enlarge
from wsol_bench.datasets.demo.shapes import Field
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.datasets.demo.surface import Look, cast_shadow, light_up, surface_colours

COARSE_FROM = 12000
"""Crops of more pixels than this are evaluated at half the resolution."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A rectangle of the image, half-open, and the grid that evaluates it.

    Attributes:
        top, left, bottom, right: in pixels.
        step: pixels per cell of the grid.
    """

    top: int
    left: int
    bottom: int
    right: int
    step: int

    def cells(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return (
            -(-(self.bottom - self.top) // self.step),
            -(-(self.right - self.left) // self.step),
        )

    def enlarged(self, field: Field) -> Field:
        """A field of the grid at the image's resolution."""
        rows, columns = self.cells()
        full = enlarge(field, rows * self.step, columns * self.step)
        return full[: self.bottom - self.top, : self.right - self.left]


def paint(
    planes: Planes, figure: Figure, look: Look, light: Light, stream: Stream
) -> NDArray[np.bool_]:
    """Paints a figure and its shadow over a picture.

    Args:
        planes: (3, height, width), changed in place.

    Returns:
        (height, width) bool: the pixels at least half covered by the figure.
    """
    covered = np.zeros(planes.shape[1:], dtype=bool)
    crop = _crop_of(figure, light, *planes.shape[1:])
    if crop is None:
        return covered
    x, y = _coordinates(figure, crop)
    pitch = crop.step / figure.unit
    distances = figure.kind.distances(x, y)
    nearest = distances.nearest()
    colours = surface_colours(figure.kind, look, distances, x, y, pitch)
    colours = light_up(colours, nearest, look, light, pitch, stream)
    reach = crop.enlarged(nearest) * np.float32(figure.unit / look.softness)
    opacity = np.clip(np.float32(0.5) - reach, 0, 1)
    kept = (1 - opacity) * crop.enlarged(cast_shadow(nearest, look, light, pitch))
    window = planes[:, crop.top : crop.bottom, crop.left : crop.right]
    for plane, colour in zip(window, colours, strict=True):
        plane *= kept
        plane += opacity * crop.enlarged(colour)
    covered[crop.top : crop.bottom, crop.left : crop.right] = opacity >= 0.5
    return covered


def _crop_of(figure: Figure, light: Light, height: int, width: int) -> Crop | None:
    """The part of the image that a figure and its shadow can touch, if any."""
    margin = figure.unit * (0.15 + light.shadow_length) + 4
    x0, y0, x1, y1 = figure.extent()
    left, right = max(0, int(x0 - margin)), min(width, int(x1 + margin) + 1)
    top, bottom = max(0, int(y0 - margin)), min(height, int(y1 + margin) + 1)
    if right - left < 2 or bottom - top < 2:
        return None
    step = 2 if (right - left) * (bottom - top) > COARSE_FROM else 1
    return Crop(top, left, bottom, right, step)


def _coordinates(figure: Figure, crop: Crop) -> tuple[Field, Field]:
    """The body's coordinates at the centres of a crop's cells, in units."""
    rows, columns = crop.cells()
    inverse = (np.linalg.inv(figure.pose.matrix) / figure.unit).astype(np.float32)
    down = (np.arange(rows) + 0.5) * crop.step + (crop.top - figure.y)
    across = (np.arange(columns) + 0.5) * crop.step + (crop.left - figure.x)
    down, across = down.astype(np.float32)[:, None], across.astype(np.float32)[None, :]
    x = inverse[0, 0] * across + inverse[0, 1] * down
    y = inverse[1, 0] * across + inverse[1, 1] * down
    return figure.pose.bent(x, y)
