"""Guesses as COCO results: a JSON list with one object per box.

Each is {"image_id", "category_id", "bbox": [x, y, width, height], "score"}, in pixels;
a half-open box has its width and height without an added 1, as COCO's boxes do.

Source: https://cocodataset.org/#format-results, "Object Detection (bounding boxes)".
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import pyarrow as pa

from wsol_bench.datasets.wording import shown
from wsol_bench.errors import DataError, UsageError
from wsol_bench.guesses import Guesses


class CocoResult(TypedDict):
    """One box, as COCO's evaluation reads it."""

    image_id: int
    category_id: int
    bbox: list[float]
    score: float


def coco_results(
    guesses: Guesses, image_numbers: Mapping[str, int], category_ids: Sequence[int]
) -> list[CocoResult]:
    """One object per guess, images in the order of their ids, best guesses first.

    A guess with a box that covers no pixel is left out: COCO has no place for a class
    without a box.

    Args:
        guesses: of each image, with scores.
        image_numbers: image id -> COCO's image_id; see `image_numbers_of`.
        category_ids: class index -> COCO's category_id, such as `DevkitIds.ids`.

    Raises:
        UsageError: a guess has no score.
    """
    results: list[CocoResult] = []
    for image_id in sorted(guesses):
        for guess in guesses[image_id]:
            x0, y0, x1, y1 = guess.box
            if x1 <= x0 or y1 <= y0:
                continue
            if guess.score is None:
                raise UsageError(f"{image_id}: a guess has no score, and COCO results need one.")
            results.append(
                CocoResult(
                    image_id=image_numbers[image_id],
                    category_id=category_ids[guess.label],
                    bbox=[x0, y0, x1 - x0, y1 - y0],
                    score=guess.score,
                )
            )
    return results


def image_numbers_of(table: pa.Table) -> dict[str, int]:
    """Image id -> its 1-based place in the official list, from records."""
    return dict(zip(table["image_id"].to_pylist(), table["index"].to_pylist(), strict=True))


def write_coco(results: Sequence[CocoResult], path: Path) -> None:
    """Writes the JSON list.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(list(results)) + "\n", encoding="ascii")
    except OSError as error:
        raise DataError(f"{shown(str(path))}: cannot be written ({error.strerror}).") from error
