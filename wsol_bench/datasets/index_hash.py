"""The identity of a dataset: its content, independent of the layout of its files."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Protocol as Interface

import numpy as np

from wsol_bench.datasets.example import Example


class Index(Interface):
    """The fields that identify a dataset."""

    @property
    def class_ids(self) -> Sequence[str]:
        """The ids of its classes; position is the class index."""

    @property
    def examples(self) -> Sequence[Example]:
        """All examples."""


def index_sha256(dataset: Index) -> str:
    """The sha256 of the examples' ids, labels (as class ids) and boxes.

    The order of examples, the order of an image's boxes, the images' bytes and
    the annotated sizes do not matter: the same images with the same boxes give
    the same digest from XML files and from the Kaggle table.

    Returns:
        64 hexadecimal digits.
    """
    digest = sha256(b"wsol_bench index 1\n")
    for example in sorted(dataset.examples, key=lambda each: (each.image_id, each.label)):
        boxes = np.asarray(example.boxes, dtype="<f8").reshape(-1, 4)
        boxes = boxes[np.lexsort(boxes.T)] + 0.0  # -0.0 and 0.0 are one number
        head = f"{example.image_id}\0{dataset.class_ids[example.label]}\0{len(boxes)}\n"
        digest.update(head.encode("utf-8"))
        digest.update(boxes.tobytes())
    return digest.hexdigest()
