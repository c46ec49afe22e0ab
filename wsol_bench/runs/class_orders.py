"""Detection of predictions that are right except for the order of the classes.

A network whose outputs are in an order that nobody can guess still gives most images of one class
the same output, and another output to each class.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from wsol_bench.scoring.intervals import Rate

MINIMUM = 20
"""Minimum number of images, of classes with several, that such a conclusion needs."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """The top-1 error if each class had the output that most of its images get.

    Attributes:
        rate: of images of classes with several images, those that do not get the output that is
            given to their class; each output is given to one class, the most frequent first, and
            only where two images of the class get it.
        moved: (class, the class whose output its images get, how many of them, images of the
            class), the clearest first.
    """

    rate: Rate
    moved: tuple[tuple[int, int, int, int], ...]


def consistency(labels: Sequence[int], best: Sequence[int]) -> Consistency | None:
    """Measures it on the images of classes with several images.

    Args:
        labels: of some images.
        best: the class of each image's best score; below 0 for one that is no class.

    Returns:
        None where there are too few images, or no class is moved.
    """
    by_class: defaultdict[int, list[int]] = defaultdict(list)
    for label, predicted in zip(labels, best, strict=True):
        by_class[label].append(predicted)
    several = {label: Counter(found) for label, found in by_class.items() if len(found) > 1}
    n = sum(found.total() for found in several.values())
    if n < MINIMUM:
        return None
    pairs = [
        (count, label, output)
        for label, found in several.items()
        for output, count in found.items()
        if output >= 0 and count > 1  # the image itself and another
    ]
    right, moved, taken = 0, [], set()
    for count, label, output in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:])):
        if ("class", label) in taken or ("output", output) in taken:
            continue
        taken |= {("class", label), ("output", output)}
        right += count
        if output != label:
            moved.append((label, output, count, several[label].total()))
    moved.sort(key=lambda each: (-each[2], each[0]))
    return Consistency(Rate(n - right, n), tuple(moved)) if moved else None
