"""Light and colours of a scene."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from wsol_bench.datasets.demo.stream import Stream


class Colour(NamedTuple):
    """Shares of light that a surface returns, each in 0..1."""

    red: float
    green: float
    blue: float


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp and the sky.

    Attributes:
        x, y, z: towards the lamp, a unit vector; z is towards the viewer.
        ambient: the light on a surface that the lamp does not reach, 0..1.
        shadow_length: of a cast shadow, in units of the figure's body.
        shadow_softness: width of its edge, in the same units.
    """

    x: float
    y: float
    z: float
    ambient: float
    shadow_length: float
    shadow_softness: float


def sample_light(stream: Stream) -> Light:
    """A lamp somewhere above, hard or soft."""
    azimuth = stream.normal(-math.pi / 2, 0.8)
    height = stream.uniform(0.5, 1.1)
    return Light(
        x=math.cos(azimuth) * math.cos(height),
        y=math.sin(azimuth) * math.cos(height),
        z=math.sin(height),
        ambient=stream.uniform(0.25, 0.6),
        shadow_length=stream.uniform(0.05, 0.30),
        shadow_softness=stream.uniform(0.05, 0.35),
    )


def sample_colour(stream: Stream) -> Colour:
    """Mostly the muted browns, greens and blues of the world, rarely a vivid one."""
    if stream.chance(0.7):
        hue = stream.normal(stream.pick((0.5, 0.8, 1.7, 3.5)), 0.3)
        saturation = stream.uniform(0.0, 0.6)
    else:
        hue = stream.uniform(0.0, 6.0)
        saturation = 0.8 * stream.uniform() ** 1.5
    value = stream.uniform(0.15, 0.92)
    # A hue is 0..6; each channel is held back around the hue that it is opposite to.
    held_back = [2.0 - abs((hue + turn) % 6.0 - 3.0) for turn in (0.0, 4.0, 2.0)]
    return Colour(*(value * (1.0 - saturation * min(1.0, max(0.0, one))) for one in held_back))


def luminance(colour: Colour) -> float:
    """The luminance of a colour, 0..1 (ITU-R BT.601)."""
    return 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue


def contrasting_colour(stream: Stream, other: Colour, difference: float) -> Colour:
    """A colour whose luminance differs from another's by at least this much."""
    colour = sample_colour(stream)
    while abs(luminance(colour) - luminance(other)) < difference:
        colour = sample_colour(stream)
    return colour


def near_colour(stream: Stream, other: Colour, spread: float) -> Colour:
    """A variation of a colour."""
    gain = math.exp(stream.normal(0.0, spread))
    levels = [level * gain + stream.normal(0.0, spread * 0.2) for level in other]
    return Colour(*(min(0.97, max(0.03, level)) for level in levels))
