"""A random box: the score of a method without information, even on where objects usually lie.

Its width and height are shares of the image's, each drawn uniformly from `low` to 1, and its place
is uniform among those where it lies inside. The draw is seeded by the image's id, so it is the
same in every run, order and batch.
"""

from hashlib import blake2b
from typing import Annotated

import numpy as np

from wsol_bench.geometry import Boxes
from wsol_bench.methods.entry import BoxMethod, Frame
from wsol_bench.specs.options import Between


def random_box(
    frame: Frame,
    *,
    low: Annotated[float, Between(0, 1, "a share of each side")] = 0.1,
    seed: Annotated[int, Between(0)] = 0,
) -> Boxes:
    """A random box of an image, (4,) half-open xyxy, not rounded.

    Args:
        frame: the image's size and id.
        low: the minimum share of each side that the box covers.
        seed: another seed draws other boxes.
    """
    digest = blake2b(f"{seed}\0{frame.image_id}".encode(), digest_size=8).digest()
    draws = np.random.default_rng(int.from_bytes(digest, "big")).random((2, 2))
    sides = np.array([frame.size.width, frame.size.height], dtype=float)
    extent = sides * (low + (1 - low) * draws[0])
    corner = (sides - extent) * draws[1]
    return np.concatenate([corner, corner + extent])


RANDOM_BOX = BoxMethod(
    name="random_box",
    title="Random box",
    source="no network: a random box, seeded by the image's id",
    box=random_box,
)
