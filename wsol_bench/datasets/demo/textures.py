"""The distinctive textures: patterns on a patch of the body.

A texture gives a number at each point of the body's frame: positive where the
pattern's colour shows, negative where the body's does, and steep enough that
clip(0.5 + value, 0, 1) is a pattern with slightly soft edges.
"""

import math
from collections.abc import Callable

import numpy as np

from wsol_bench.datasets.demo.shapes import Field

Texture = Callable[[Field, Field], Field]
"""x, y -> how much the pattern's colour shows."""

STEEPNESS = np.float32(3.0)


def _wave(values: Field, period: float) -> Field:
    return np.sin(values * np.float32(2.0 * math.pi / period))


def _stripes(x: Field, y: Field) -> Field:
    return _wave(x + y * np.float32(0.3), 0.24) * STEEPNESS


def _checks(x: Field, y: Field) -> Field:
    return _wave(x, 0.44) * _wave(y, 0.44) * STEEPNESS * np.float32(2.0)


def _spots(x: Field, y: Field) -> Field:
    pitch = np.float32(0.27)
    row = np.round(y / pitch)
    shifted = x / pitch + np.float32(0.5) * (row % 2)
    across = shifted - np.round(shifted)
    down = y / pitch - row
    return (np.float32(0.31) - np.sqrt(across * across + down * down)) * STEEPNESS * 4


def _zigzag(x: Field, y: Field) -> Field:
    saw = np.abs((x / np.float32(0.36)) % 1 - np.float32(0.5)) * np.float32(0.36)
    return _wave(y + saw * np.float32(1.2), 0.24) * STEEPNESS


TEXTURES: dict[str, Texture] = {
    "striped": _stripes,
    "checked": _checks,
    "spotted": _spots,
    "zigzagged": _zigzag,
}
"""The textures, by the adjective that a class's name has from them."""
