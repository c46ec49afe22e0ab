"""Images and maps as small data URIs, the largest part of a report."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.boxes.extract import UPSAMPLINGS, reference_of
from wsol_bench.protocols.catalog import BoxRule

THUMBNAIL_SIDES = (512, 448, 384, 320, 256)
"""Of an image's longer side, in pixels: the first for which a page has room is taken."""

_THUMBNAIL_QUALITY = 62

MAP_SIDE = 64
"""Of a map's longer side; a browser smooths it to the image's size."""

_LEVELS = 16
"""Of a drawn map from its threshold on; what is below it is one level more."""

_RAMP: Sequence[tuple[int, int, int]] = (
    (48, 18, 99),
    (97, 24, 122),
    (150, 38, 108),
    (203, 65, 73),
    (240, 110, 36),
    (251, 175, 32),
    (252, 250, 150),
)
"""From the threshold to the maximum: brighter is more, in grey print too."""

_ALPHAS = (90, 150)
"""Opacity at the threshold and at the maximum, 0..255."""

_VEIL = (20, 16, 60, 32)
"""Over what does not pass the threshold."""


def thumbnail(image: Image.Image, side: int) -> str:
    """An image whose longer side is at most `side` pixels, as a WebP data URI."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _uri(small, "WEBP", quality=_THUMBNAIL_QUALITY, method=4)


def map_picture(values: NDArray[np.float32], sides: tuple[float, float], rule: BoxRule) -> str:
    """A map to lay over its image, as a WebP data URI.

    What passes the rule's threshold is coloured, from dark to bright; the rest lies
    under a thin veil. Where the colour ends is where the threshold cuts.

    Args:
        values: (u, v), one map whose largest value is above 0.
        sides: height and width of what it shows, in any unit.
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
    if min(values.shape) >= MAP_SIDE:  # averaging, where a kernel for enlarging would skip
        return np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BOX))
    return UPSAMPLINGS[rule.upsampling](np.ascontiguousarray(values), height, width)


def _levels(values: NDArray[np.float32], rule: BoxRule) -> NDArray[np.uint8]:
    """Which colour each value has: 0 below the threshold, 1.._LEVELS from it on."""
    largest = float(values.max())
    if largest <= 0:
        return np.zeros(values.shape, np.uint8)
    cut = min(max(rule.threshold * reference_of(values, rule) / largest, 0.0), 1.0)
    shares = np.clip(values / largest, 0.0, 1.0)
    levels = 1 + np.floor((shares - cut) / max(1 - cut, 1e-9) * _LEVELS).clip(0, _LEVELS - 1)
    return np.where(shares >= cut, levels, 0).astype(np.uint8)


@lru_cache
def _colours() -> bytes:
    """The palette, RGBA after RGBA."""
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
