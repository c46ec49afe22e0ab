"""The surface of a figure: its colours, relief, grain, light and shadow."""

import math
from dataclasses import dataclass, replace

import numpy as np

from wsol_bench.datasets.demo.figure import Distances, Kind
from wsol_bench.datasets.demo.light import (
    Colour,
    Light,
    contrasting_colour,
    near_colour,
    sample_colour,
)
from wsol_bench.datasets.demo.noise import fractal, soft_step
from wsol_bench.datasets.demo.shapes import Field, circle
from wsol_bench.datasets.demo.stream import Stream

ROUNDNESS = np.float32(0.30)
"""Distance from the outline at which the relief has become flat, in units."""


@dataclass(frozen=True, slots=True)
class Look:
    """The appearance of a figure's surface.

    Attributes:
        main, limb, part, pattern: colours of its pieces.
        gloss: strength of the highlight.
        grain: contrast of the surface's own texture.
        streak: how many times longer than high that texture's grain is.
        softness: width of the outline's blur, in pixels, at least 1.
        shadow: darkness of the cast shadow, 0..1.
    """

    main: Colour
    limb: Colour
    part: Colour
    pattern: Colour
    gloss: float
    grain: float
    streak: float
    softness: float
    shadow: float


def sample_look(stream: Stream, softness: float) -> Look:
    """Any colours and any material: no class has its own."""
    main = sample_colour(stream)
    return Look(
        main=main,
        limb=near_colour(stream, main, 0.35),
        part=near_colour(stream, main, 0.4) if stream.chance(0.4) else sample_colour(stream),
        pattern=contrasting_colour(stream, main, 0.2),
        gloss=max(0.0, stream.uniform(-0.2, 0.5)),
        grain=stream.uniform(0.03, 0.22),
        streak=stream.pick((1.0, 1.0, 4.0, 0.25)),
        softness=softness,
        shadow=stream.uniform(0.15, 0.65),
    )


def vary_look(stream: Stream, look: Look) -> Look:
    """The surface of another figure of the same group."""
    return replace(
        look,
        main=near_colour(stream, look.main, 0.12),
        limb=near_colour(stream, look.limb, 0.12),
        part=near_colour(stream, look.part, 0.12),
    )


def surface_colours(
    kind: Kind, look: Look, distances: Distances, x: Field, y: Field, pitch: float
) -> list[Field]:
    """Colours before light, one (h, w) field per channel.

    Args:
        x, y: the body's coordinates, in units.
        pitch: distance of two cells of the grid, in units.
    """
    sharpness = np.float32(0.7 / pitch)
    limb = soft_step((distances.main - distances.limb) * sharpness)
    planes = [_mixed(a, b, limb) for a, b in zip(look.main, look.limb, strict=True)]
    if kind.texture is not None:
        from_centre = x - np.float32(kind.body.patch_x), y - np.float32(kind.body.patch_y)
        within = -circle(*from_centre, kind.body.patch_radius) * np.float32(12.0)
        pattern = np.clip(np.float32(0.5) + kind.texture(x, y), 0, 1)
        pattern *= np.clip(within + np.float32(0.5), 0, 1) * (1 - limb)
        planes = [_mixed(a, b, pattern) for a, b in zip(planes, look.pattern, strict=True)]
    if distances.part is not None:
        others = np.minimum(distances.main, distances.limb)
        part = soft_step((others - distances.part) * sharpness)
        planes = [_mixed(a, b, part) for a, b in zip(planes, look.part, strict=True)]
    return planes


def _mixed(first: Field | float, second: float, share: Field) -> Field:
    start = np.asarray(first, dtype=np.float32)
    return start + share * (np.float32(second) - start)


def light_up(
    planes: list[Field], nearest: Field, look: Look, light: Light, pitch: float, stream: Stream
) -> list[Field]:
    """Colours under a light: relief (Lambert), grain and a highlight (Blinn)."""
    rows, columns = nearest.shape
    grain = fractal(stream, rows, columns, 0.75, look.streak)
    depth = np.clip(-nearest / ROUNDNESS, 0, 1)
    relief = np.sqrt(depth * (2 - depth)) * ROUNDNESS
    relief += grain * np.float32(0.04 * look.grain)
    down, across = np.gradient(relief, np.float32(pitch))
    steepness = 1 / np.sqrt(1 + down * down + across * across)
    facing = steepness * (light.z - across * light.x - down * light.y).astype(np.float32)
    shade = np.maximum(facing, 0) * np.float32(1.25 * (1 - light.ambient))
    shade += np.float32(light.ambient)
    shade *= 1 + grain * np.float32(look.grain)
    if look.gloss == 0.0:
        return [plane * shade for plane in planes]
    half = math.sqrt(light.x**2 + light.y**2 + (light.z + 1) ** 2)
    mirror = steepness * ((light.z + 1) - across * light.x - down * light.y).astype(np.float32)
    highlight = np.maximum(mirror * np.float32(1.0 / half), 0)
    for _ in range(5):  # to the power of 32
        highlight *= highlight
    highlight *= np.float32(look.gloss)
    return [plane * shade + highlight for plane in planes]


def cast_shadow(nearest: Field, look: Look, light: Light, pitch: float) -> Field:
    """The share of light that a figure's shadow leaves on the background, 0..1."""
    rows, columns = nearest.shape
    down = -round(light.y * light.shadow_length / pitch)
    across = -round(light.x * light.shadow_length / pitch)
    # Neighbours beyond the edge have the edge's value, since a shift would wrap.
    from_rows = np.clip(np.arange(rows) - down, 0, rows - 1)
    from_columns = np.clip(np.arange(columns) - across, 0, columns - 1)
    moved = nearest[from_rows[:, None], from_columns[None, :]]
    dark = np.clip(np.float32(0.5) - moved / np.float32(light.shadow_softness), 0, 1)
    return 1 - dark * np.float32(look.shadow)
