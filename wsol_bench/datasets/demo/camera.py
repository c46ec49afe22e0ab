"""The effects of a camera on a scene: exposure, falloff, blur, noise, 8 bits."""

import math

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.demo.background import Planes
from wsol_bench.datasets.demo.noise import enlarge
from wsol_bench.datasets.demo.stream import Stream


def photograph(stream: Stream, planes: Planes) -> NDArray[np.uint8]:
    """Turns a scene, (3, height, width), into pixels, (height, width, 3)."""
    _expose(stream, planes)
    if stream.chance(0.75):
        planes = _blur(planes, stream.uniform(0.4, 1.3))
    _add_noise(stream, planes)
    levels = np.clip(planes * np.float32(255.0) + np.float32(0.5), 0, 255)
    return np.ascontiguousarray(levels.astype(np.uint8).transpose(1, 2, 0))


def _expose(stream: Stream, planes: Planes) -> None:
    """Brightness, white balance, a gradient of light and a darker rim."""
    _, height, width = planes.shape
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    angle, slope = stream.uniform(0, 2 * math.pi), stream.uniform(0.0, 0.3)
    falloff = stream.uniform(0.0, 0.25)
    gain = 1 + np.float32(slope * math.cos(angle)) * across
    gain = gain + np.float32(slope * math.sin(angle)) * down
    gain -= np.float32(falloff) * (across * across + down * down) * np.float32(0.5)
    exposure = math.exp(stream.normal(0.0, 0.16))
    haze = max(0.0, stream.uniform(-0.1, 0.12))
    for plane in planes:
        tint = exposure * math.exp(stream.normal(0.0, 0.05))
        plane *= gain * np.float32(tint * (1.0 - haze))
        plane += np.float32(haze)


def _blur(planes: Planes, spread: float) -> Planes:
    """A Gaussian of this many pixels, from a lens slightly out of focus."""
    from scipy.ndimage import correlate1d  # a third of a second to import

    reach = math.ceil(2.0 * spread)
    weights = [math.exp(-0.5 * (place / spread) ** 2) for place in range(-reach, reach + 1)]
    kernel = np.array(weights) / sum(weights)
    down = correlate1d(planes, kernel, axis=1, mode="nearest")
    return correlate1d(down, kernel, axis=2, mode="nearest")


def _add_noise(stream: Stream, planes: Planes) -> None:
    """Grain of the sensor: fine in brightness, coarser in colour."""
    _, height, width = planes.shape
    strength = 0.004 + 0.03 * stream.uniform() ** 2
    fine = stream.normals(height, width) * np.float32(strength)
    for plane in planes:
        coarse = stream.normals(height // 2, width // 2) * np.float32(0.7 * strength)
        plane += fine
        plane += enlarge(coarse, height, width)
