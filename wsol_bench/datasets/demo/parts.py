"""The distinctive parts: small things that grow on a body.

A part is drawn at the origin, grows towards negative y, and is about 1 long; the
body defines where it sits. Each is shared by several bodies, so that neither the
part nor the body alone gives the class.
"""

from collections.abc import Callable

import numpy as np

from wsol_bench.datasets.demo.shapes import Field, circle, ring, rod

Part = Callable[[Field, Field], Field]
"""x, y -> signed distance of the part."""

PART_LENGTH = 0.52
"""Length of a part in units of the body."""


def _horns(x: Field, y: Field) -> Field:
    side = np.abs(x)
    lower = rod(side, y, (0.10, 0.10), (0.42, -0.45), 0.17, 0.13)
    upper = rod(side, y, (0.42, -0.45), (0.30, -1.00), 0.13, 0.04)
    return np.minimum(lower, upper)


def _comb(x: Field, y: Field) -> Field:
    distance = rod(x, y, (-0.5, 0.05), (0.5, 0.05), 0.12, 0.12)
    for end_x, end_y in ((-0.80, -0.45), (-0.30, -0.80), (0.30, -0.80), (0.80, -0.45)):
        tooth = rod(x, y, (end_x * 0.5, 0.0), (end_x, end_y), 0.18, 0.07)
        distance = np.minimum(distance, tooth)
    return distance


def _loop(x: Field, y: Field) -> Field:
    return ring(x, y + np.float32(0.48), 0.42, 0.12)


def _berries(x: Field, y: Field) -> Field:
    distance = circle(x, y + np.float32(0.72), 0.29)
    for centre_x, centre_y in ((-0.36, -0.18), (0.36, -0.18)):
        berry = circle(x - np.float32(centre_x), y - np.float32(centre_y), 0.29)
        distance = np.minimum(distance, berry)
    return distance


PARTS: dict[str, Part] = {
    "horned": _horns,
    "crested": _comb,
    "looped": _loop,
    "berried": _berries,
}
"""The parts, by the adjective that a class's name has from them."""
