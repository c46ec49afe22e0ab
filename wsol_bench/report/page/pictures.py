"""Images and maps as small data URIs, the largest part of a report."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.boxes.extract import reference_of
from wsol_bench.boxes.upsampling import UPSAMPLINGS
from wsol_bench.protocols.catalog import BoxRule

THUMBNAIL_SIDES = (512, 448, 384, 320, 256)
"""Lengths of the longer side of a thumbnail, in pixels; the first that fits the page is used."""

_THUMBNAIL_QUALITY = 62

MAP_SIDE = 64
"""Length of the longer side of a map in pixels; the browser scales it to the image."""

_LEVELS = 16
"""Number of colours from the threshold to the maximum; below it there is one more."""

_RAMP: Sequence[tuple[int, int, int]] = (
    (48, 18, 99),
    (97, 24, 122),
    (150, 38, 108),
    (203, 65, 73),
    (240, 110, 36),
    (251, 175, 32),
    (252, 250, 150),
)
"""Colours from the threshold to the maximum, of ascending lightness."""

_ALPHAS = (90, 150)
"""Opacity at the threshold and at the maximum, 0..255."""

_VEIL = (20, 16, 60, 32)
"""Colour of what lies below the threshold."""


def thumbnail(image: Image.Image, side: int) -> str:
    """An image whose longer side is at most `side` pixels, as a WebP data URI."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _uri(small, "WEBP", quality=_THUMBNAIL_QUALITY, method=4)


def map_picture(values: NDArray[np.float32], sides: tuple[float, float], rule: BoxRule) -> str:
    """A map to be laid over its image, as a WebP data URI.

    Values that pass the rule's threshold are coloured from dark to bright, the others are
    dimmed, so that the border of the colour is the threshold.

    Args:
        values: (u, v), one map whose maximum is above 0.
        sides: height and width of the part that it shows, in any unit.
        rule: its upsampling and threshold.
    """
    scale = MAP_SIDE / max(sides)
    height, width = (max(1, round(side * scale)) for side in sides)
    levels = _levels(_resized(values, height, width, rule), rule)
    picture = Image.fromarray(levels)
    picture.putpalette(_colours(), "RGBA")
    return _uri(picture.convert("RGBA"), "WEBP", lossless=True, quality=60, method=4)


def _resized(
    values: NDArray[np.float32], height: int, width: int, rule: BoxRule
) -> NDArray[np.float32]:
    if min(values.shape) >= MAP_SIDE:  # average: an upsampling kernel would skip values
        return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BOX))
    return UPSAMPLINGS[rule.upsampling](np.ascontiguousarray(values), height, width)


def _levels(values: NDArray[np.float32], rule: BoxRule) -> NDArray[np.uint8]:
    """The colour index of each value: 0 below the threshold, else 1.._LEVELS."""
    maximum = float(values.max())
    if maximum <= 0:
        return np.zeros(values.shape, np.uint8)
    cut = min(max(rule.threshold * reference_of(values, rule) / maximum, 0.0), 1.0)
    shares = np.clip(values / maximum, 0.0, 1.0)
    levels = 1 + np.floor((shares - cut) / max(1 - cut, 1e-9) * _LEVELS).clip(0, _LEVELS - 1)
    return np.where(shares >= cut, levels, 0).astype(np.uint8)


@lru_cache
def _colours() -> bytes:
    """The palette as RGBA bytes."""
    found = list(_VEIL)
    ramp = np.array(_RAMP, dtype=np.float64)
    for share in np.linspace(0, 1, _LEVELS):
        place = share * (len(ramp) - 1)
        colour = [np.interp(place, range(len(ramp)), ramp[:, channel]) for channel in range(3)]
        alpha = _ALPHAS[0] + share * (_ALPHAS[1] - _ALPHAS[0])
        found += [round(float(each)) for each in (*colour, alpha)]
    return bytes(found)


def _uri(picture: Image.Image, form: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{form.lower()};base64,{text}"
