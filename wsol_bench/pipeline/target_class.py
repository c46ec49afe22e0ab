"""The target class of a map: the label, or another, as a check on the map.

A map that does not depend on its target class locates what is salient, not the
class. For a wrong target class, a method that distinguishes classes must do worse.

Every choice is made from the image's id alone, so that it depends on no batch and no
run, and two methods get the same wrong class.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType

from wsol_bench.datasets.example import Dataset, Example

TargetClass = Callable[[Example, Dataset], int]
"""(example, its dataset) -> the target class."""


def own_label(example: Example, dataset: Dataset) -> int:
    """The image's own label."""
    return example.label


def other_class(example: Example, dataset: Dataset) -> int:
    """A class that is not the label, every one equally likely; the label if there is no other."""
    others = len(dataset.class_ids) - 1
    if others == 0:
        return example.label
    return (example.label + 1 + _number(example, "other") % others) % (others + 1)


def shuffled_label(example: Example, dataset: Dataset) -> int:
    """The label of an image of the dataset drawn at random, sometimes its own."""
    examples: Sequence[Example] = dataset.examples
    return examples[_number(example, "shuffled") % len(examples)].label


def _number(example: Example, purpose: str) -> int:
    digest = blake2b(f"{purpose}\0{example.image_id}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


TARGET_CLASSES: Mapping[str, TargetClass] = MappingProxyType(
    {"label": own_label, "other": other_class, "shuffled": shuffled_label}
)
