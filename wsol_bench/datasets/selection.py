"""The selection of the annotated images of a dataset, and how its files are read."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Selection"]

BoxEnds = Literal["inclusive", "half-open"]
"""Whether the maximum corner of a box is its last pixel or the pixel after it."""

BOX_ENDS: tuple[BoxEnds, ...] = get_args(BoxEnds)


@dataclass(frozen=True, slots=True)
class Selection:
    """The selection of the annotated images.

    Attributes:
        limit: at most N images, or None for all.
        allow_missing: whether to continue without the images whose file is absent.
        list_faults: whether to continue without what is bad and list it in the dataset's
            `faults`, as `data check` does, instead of refusing the dataset.
        split: a split that the layout found in the path, or None where it has none.
        box_ends: of the corners in the files; None takes what the format states.
        images_needed: False where only annotations are used: absent images are then
            examples too.
    """

    limit: int | None = None
    allow_missing: bool = False
    list_faults: bool = False
    split: str | None = None
    box_ends: BoxEnds | None = None
    images_needed: bool = True


def select(
    annotated: Sequence[str], present: Collection[str], limit: int | None
) -> tuple[list[str], list[str]]:
    """Walks the annotated ids until enough images are found.

    Args:
        annotated: sorted ids.
        present: ids of the images that are present.
        limit: where to stop, or None.

    Returns:
        The ids to take, and the ids passed over because the image is absent: ids after
        the last one taken are not examined, so they are not among the absent.
    """
    chosen: list[str] = []
    missing: list[str] = []
    for image_id in annotated:
        if limit is not None and len(chosen) >= limit:
            break
        (chosen if image_id in present else missing).append(image_id)
    return chosen, missing


def in_order(names: Iterable[str], first: Sequence[str]) -> list[str]:
    """Names of splits: those of `first` in its order, then the others in theirs."""
    ranks = {name: rank for rank, name in enumerate(first)}
    return sorted(names, key=lambda name: ranks.get(name, len(ranks)))
