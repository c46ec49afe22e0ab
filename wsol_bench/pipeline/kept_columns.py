"""The columns that a run keeps of each map for its metrics."""

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.example import Example
from wsol_bench.datasets.masks import MaskPair
from wsol_bench.errors import DataError, NotApplicable
from wsol_bench.geometry import Boxes, Size
from wsol_bench.pipeline.inference import Pipeline
from wsol_bench.scoring.image_columns import ExampleTruth

BLANK = np.zeros((1, 1), np.float32)
"""In place of the map of an image that could not be read."""


def truth_of(
    pipeline: Pipeline, example: Example, size: Size, masks: MaskPair | None
) -> ExampleTruth:
    """The ground truth that an example's maps are compared with.

    Args:
        pipeline: its view decides which part of the image a map covers.
        example: the example.
        size: of the decoded image; 0 x 0 where it could not be read.
        masks: of the example, or None.
    """
    window = pipeline.view.window(size, pipeline.side, pipeline.crop)
    return ExampleTruth(example.boxes, size, window, masks, example.image_id)


def kept_columns(
    pipeline: Pipeline, values: NDArray[np.float32] | None, box: Boxes, truth: ExampleTruth
) -> dict[str, object]:
    """The value of each of the pipeline's columns under one method.

    Args:
        pipeline: which columns are kept.
        values: (u, v) the joined map; None for a baseline, of which its box is taken.
        box: (4,) predicted for the label.
        truth: of the example.

    Raises:
        DataError: an object has no pixel; names the image.
    """
    kept: dict[str, object] = {}
    for column in pipeline.columns:
        try:
            kept[column.name] = (
                column.value_of_box(box, truth) if values is None else column.of_map(values, truth)
            )
        except NotApplicable:
            kept[column.name] = column.nothing
        except DataError as error:
            raise DataError(f"{truth.image_id}: {error}") from error
    return kept
