"""Records: the data that a run keeps of each image under each method.

`Example` comes out of a dataset, `Record` goes into the store. Both are frozen:
a stage makes a new value and never edits the one before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.map_state import MapState
from wsol_bench.geometry import Boxes

__all__ = ["Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """The data kept of one image under one method: enough to score it again.

    Attributes:
        image_id, index, label: the example's.
        method: the method's name.
        height, width: of the decoded image, in pixels.
        classes: (k,) class indices by descending score, ties to the lower index.
        scores: (k,) float32 scores before the softmax, same order.
        box: (4,) the box for the label's class, half-open xyxy, float64.
        true_boxes: (m, 4) the label's ground-truth boxes.
        iou: best IoU of `box` over `true_boxes`.
        map_state: whether the map was degenerate.
        blacklisted: left out of localization errors, counted in classification.
        class_boxes: (k, 4) the box of each of `classes`, or (0, 4) where only the
            label's was made.
        columns: name -> value of each column of `scoring.catalog.COLUMNS` that is kept.
    """

    image_id: str
    index: int
    method: str
    label: int
    height: int
    width: int
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    box: Boxes
    true_boxes: Boxes
    iou: float
    map_state: MapState
    blacklisted: bool = False
    class_boxes: Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    columns: Mapping[str, object] = field(default_factory=dict)
