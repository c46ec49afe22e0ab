"""The boxes of one method's records as flat arrays, for vectorised computations.

Images have different numbers of ground-truth boxes. One (t, 4) array holds all of them,
image after image, and `starts` holds the index of each image's first one.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.row_data import RowData


@dataclass(frozen=True, slots=True)
class BoxArrays:
    """The boxes of n images, t ground-truth boxes in all; half-open xyxy in original pixels.

    Attributes:
        boxes: (n, 4) the method's box for the label's class.
        truths: (t, 4) the label's ground-truth boxes, image after image.
        starts: (n,) the index in `truths` of each image's first box.
        counts: (n,) the number of boxes of each image, at least 1.
        image_areas: (n,) width times height in pixels.
    """

    boxes: Boxes
    truths: Boxes
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    image_areas: NDArray[np.float64]

    @property
    def n(self) -> int:
        """The number of images."""
        return len(self.boxes)

    @property
    def image_of(self) -> NDArray[np.int64]:
        """(t,) the image of each ground-truth box."""
        return np.repeat(np.arange(self.n), self.counts)


def boxes_of_row(row: RowData) -> BoxArrays:
    """The boxes of a row's records, in their order.

    Raises:
        DataError: a record has no ground-truth box; names its image.
    """
    counts = row.box_counts
    if len(counts) and counts.min() < 1:
        name = row.image_ids[int(counts.argmin())]
        raise DataError(f"the record of {name} has no ground-truth box. Run it again.")
    return BoxArrays(
        boxes=row.boxes,
        truths=row.true_boxes,
        starts=np.cumsum(counts) - counts,
        counts=counts,
        image_areas=row.sizes.astype(np.float64).prod(axis=1),
    )


def box_arrays_of(table: pa.Table, method: str) -> BoxArrays:
    """The boxes of one method's records, in the table's order.

    Raises:
        DataError: a record has no ground-truth box; names its image.
    """
    return boxes_of_row(outcomes_of(table, method))
