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
        rate: of images of classes with several images, those that get another output than most
            others of their class, or one that is the most frequent of several classes.
        moved: (class, the class whose output its images get, how many of them, images of the
            class), the clearest first.
    """

    rate: Rate
    moved: tuple[tuple[int, int, int, int], ...]


def consistency(labels: Sequence[int], best: Sequence[int]) -> Consistency | None:
    """Measures it, each image against the others of its class.

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
    favourites = Counter(found.most_common(1)[0][0] for found in several.values())
    right, moved = 0, []
    for label, found in several.items():
        favourite, count = found.most_common(1)[0]
        if favourite < 0 or favourites[favourite] > 1 or count == 1:
            continue
        right += count  # each of them agrees with the others
        if favourite != label:
            moved.append((label, favourite, count, found.total()))
    moved.sort(key=lambda each: (-each[2], each[0]))
    return Consistency(Rate(n - right, n), tuple(moved)) if moved else None
