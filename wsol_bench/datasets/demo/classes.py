"""The classes: a body with one distinctive feature, a part or a texture.

Six bodies, each with two of four parts and two of four textures. A body is shared
by four classes and a feature by three, so a network needs both: the feature,
which is small, and enough of the body to recognise the body.
"""

from dataclasses import dataclass

from wsol_bench.datasets.demo.bodies import BODIES, Body
from wsol_bench.datasets.demo.parts import PARTS, Part
from wsol_bench.datasets.demo.textures import TEXTURES, Texture

FIRST_NUMBER = 90000001
"""Far from ImageNet's own, which are offsets into WordNet and start with 0 or 1."""

FEATURES: dict[str, tuple[str, str, str, str]] = {
    "beetle": ("horned", "crested", "checked", "spotted"),
    "fish": ("looped", "berried", "striped", "zigzagged"),
    "jug": ("horned", "looped", "striped", "spotted"),
    "ladle": ("crested", "berried", "checked", "zigzagged"),
    "mushroom": ("horned", "berried", "striped", "checked"),
    "starfish": ("crested", "looped", "spotted", "zigzagged"),
}
"""The features with which each body comes."""


@dataclass(frozen=True, slots=True)
class DemoClass:
    """One class of the demo.

    Attributes:
        wnid: an id of ImageNet's form that ImageNet does not use.
        name: as a reader sees it, such as "striped jug".
        body: the mass, shared with other classes.
        part: the distinctive part, or None where a texture distinguishes.
        texture: the distinctive texture, or None where a part does.
    """

    wnid: str
    name: str
    body: Body
    part: Part | None
    texture: Texture | None


def _all_classes() -> tuple[DemoClass, ...]:
    pairs = [(noun, feature) for noun in FEATURES for feature in FEATURES[noun]]
    return tuple(
        DemoClass(
            wnid=f"n{FIRST_NUMBER + place}",
            name=f"{feature} {noun}",
            body=BODIES[noun],
            part=PARTS.get(feature),
            texture=TEXTURES.get(feature),
        )
        for place, (noun, feature) in enumerate(pairs)
    )


CLASSES: tuple[DemoClass, ...] = _all_classes()
"""All classes; position is the class index, and wnids are in sorted order."""
