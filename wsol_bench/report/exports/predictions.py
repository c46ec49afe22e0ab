"""The predictions of a method for an image: up to five classes, each with a box."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from wsol_bench.errors import DataError, UsageError

Corners = tuple[float, float, float, float]
"""One box, half-open (x0, y0, x1, y1) in original pixels."""

EMPTY_BOX: Corners = (0.0, 0.0, 0.0, 0.0)
"""Covers no pixel and is never right; stands for a box that does not exist."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and its box.

    Attributes:
        label: class index; -1 for a class that the dataset does not have.
        box: half-open; `EMPTY_BOX` if there is none.
        score: before the softmax; None if a file has none.
    """

    label: int
    box: Corners
    score: float | None = None


Predictions = Mapping[str, Sequence[Prediction]]
"""Image id -> its predictions in descending order of score."""


def predictions_of(
    table: pa.Table,
    method: str,
    boxes: Mapping[str, Mapping[int, Corners]] | None = None,
    *,
    empty_others: bool = False,
) -> dict[str, tuple[Prediction, ...]]:
    """The predictions in one method's records: the best classes, each with its box.

    A record holds the box of the label's class only. The boxes of the other classes come
    from `boxes`, or are empty. That changes no error, because a class that is not the label
    is wrong whatever its box, but such a file has no information about those classes.

    Args:
        table: records of `store.SCHEMA`.
        method: whose records count.
        boxes: image id -> class index -> box, for classes other than the label.
        empty_others: use `EMPTY_BOX` for a class whose box is not known.

    Raises:
        UsageError: a box is not known and `empty_others` is False.
        DataError: the table has no record of the method.
    """
    part = table.filter(pa.compute.equal(table["method"], method))
    if not len(part):
        raise DataError(f"there are no records of {method}. Export a method that the run has.")
    columns = ("image_id", "label", "classes", "scores", "x0", "y0", "x1", "y1")
    found: dict[str, tuple[Prediction, ...]] = {}
    for image_id, label, classes, scores, *corners in zip(
        *(part[name].to_pylist() for name in columns), strict=True
    ):
        classes = [one for one in classes if one >= 0]  # none of an unreadable image
        known = {**(boxes or {}).get(image_id, {}), label: tuple(corners)}
        unknown = [one for one in classes if one not in known]
        if unknown and not empty_others:
            raise UsageError(
                f"{image_id}: the records of {method} hold only the box of the label's class, and "
                f"{len(unknown)} of the {len(classes)} best classes are others. Run with --boxes "
                "top5 for all five boxes, or allow empty boxes for the others."
            )
        found[image_id] = tuple(
            Prediction(one, known.get(one, EMPTY_BOX), score)
            for one, score in zip(classes, scores[: len(classes)], strict=True)
        )
    return found
