"""COCO's two files: a dataset with the ground-truth boxes, and results for it.

A result is {"image_id", "category_id", "bbox": [x, y, width, height], "score"}, a dataset
has lists of images, annotations and categories with the same ids. Boxes are in pixels; the
width and height of a half-open box are those of COCO, without an added 1.

Source: https://cocodataset.org/#format-results, "Object Detection (bounding boxes)", and
#format-data, "Object Detection".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pyarrow as pa

from wsol_bench.errors import UsageError
from wsol_bench.report.exports.predictions import Predictions
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import shown


class CocoResult(TypedDict):
    """One box in the format of COCO's evaluation."""

    image_id: int
    category_id: int
    bbox: list[float]
    score: float


def coco_results(
    predictions: Predictions, image_numbers: Mapping[str, int], category_ids: Sequence[int]
) -> list[CocoResult]:
    """One object per prediction, images in the order of their ids, best predictions first.

    A prediction with an empty box is omitted: COCO has no classes without a box.

    Args:
        predictions: of each image, with scores.
        image_numbers: image id -> COCO's image_id; see `image_numbers_of`.
        category_ids: class index -> COCO's category_id, such as `DevkitIds.ids`.

    Raises:
        UsageError: a prediction has no score.
    """
    results: list[CocoResult] = []
    for image_id in sorted(predictions):
        for prediction in predictions[image_id]:
            x0, y0, x1, y1 = prediction.box
            if x1 <= x0 or y1 <= y0:
                continue
            if prediction.score is None:
                raise UsageError(f"{image_id}: a prediction has no score, which COCO results need.")
            results.append(
                CocoResult(
                    image_id=image_numbers[image_id],
                    category_id=category_ids[prediction.label],
                    bbox=[x0, y0, x1 - x0, y1 - y0],
                    score=prediction.score,
                )
            )
    return results


def image_numbers_of(table: pa.Table) -> dict[str, int]:
    """Image id -> its 1-based index in the official list, from records."""
    return dict(zip(table["image_id"].to_pylist(), table["index"].to_pylist(), strict=True))


@dataclass(frozen=True, slots=True)
class Categories:
    """The classes of a COCO dataset.

    Attributes:
        ids: class index -> COCO's category_id.
        wnids, names: of the classes.
    """

    ids: Sequence[int]
    wnids: Sequence[str]
    names: Sequence[str]


def coco_dataset(
    table: pa.Table, categories: Categories, file_names: Mapping[str, str], what: str
) -> dict[str, Any]:
    """The images of some records with their ground-truth boxes; unreadable images are omitted.

    Args:
        table: records of one method.
        categories: the run's classes; all are written.
        file_names: image id -> name of its file.
        what: description of the dataset.
    """
    columns = ("image_id", "index", "label", "height", "width", "true_boxes")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    numbered: set[int] = set()
    for image_id, index, label, height, width, flat in zip(
        *(table[name].to_pylist() for name in columns), strict=True
    ):
        if not height * width:
            continue
        if index not in numbered:  # an image of several classes has a record for each
            numbered.add(index)
            name = file_names[image_id]
            images.append({"id": index, "file_name": name, "width": width, "height": height})
        for at in range(0, len(flat), 4):
            x0, y0, x1, y1 = flat[at : at + 4]
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index,
                    "category_id": categories.ids[label],
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                }
            )
    return {
        "info": {"description": what},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": identity, "name": name, "supercategory": wnid}
            for identity, name, wnid in zip(
                categories.ids, categories.names, categories.wnids, strict=True
            )
        ],
    }


def write_coco(content: Sequence[CocoResult] | dict[str, Any], path: Path) -> None:
    """Writes results or a dataset.

    Raises:
        DataError: the file cannot be written.
    """
    with writing_file(shown(str(path))):
        path.write_text(json.dumps(content) + "\n", encoding="ascii")
