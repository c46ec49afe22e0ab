"""Noise with the spectrum of photographs, and enlarging of fields.

The amplitude of a natural image's spectrum falls as 1/f (Field 1987). A sum of
noise on ever finer grids, each with a smaller weight, has such a spectrum.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.datasets.demo.shapes import Field
from wsol_bench.datasets.demo.stream import Stream

COARSEST = 3
"""Cells of the coarsest grid along the shorter side."""


def enlarge(field: Field, height: int, width: int) -> Field:
    """Bilinear interpolation to another size, pixel centres aligned."""
    if field.shape == (height, width):
        return field
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def fractal(
    stream: Stream, height: int, width: int, roughness: float, streak: float = 1.0
) -> Field:
    """Noise of mean 0 and spread about 1.

    Args:
        stream: where the noise comes from.
        height, width: of the result, in cells.
        roughness: weight of each grid relative to the one twice as coarse; 0.5
            gives clouds, 0.9 gravel.
        streak: how many times longer than high the grain is; below 1 upright.

    Returns:
        (height, width) float32.
    """
    rows, columns = _coarsest(height, width, streak)
    total = stream.normals(rows, columns)
    weight, energy = 1.0, 1.0
    while rows < height or columns < width:
        rows, columns = min(2 * rows, height), min(2 * columns, width)
        weight *= roughness
        energy += weight * weight
        finer = stream.normals(rows, columns)
        finer *= np.float32(weight)
        finer += enlarge(total, rows, columns)
        total = finer
    total *= np.float32(energy**-0.5)
    return total


def _coarsest(height: int, width: int, streak: float) -> tuple[int, int]:
    cell = max(1.0, min(height, width) / COARSEST)
    rows = round(height / cell * max(1.0, streak))
    columns = round(width / cell * max(1.0, 1.0 / streak))
    return max(1, min(rows, height)), max(1, min(columns, width))


def soft_step(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """0 below -1, 1 above 1, smooth between."""
    ramp = np.clip(values * np.float32(0.5) + np.float32(0.5), 0, 1)
    return ramp * ramp * (np.float32(3.0) - np.float32(2.0) * ramp)
