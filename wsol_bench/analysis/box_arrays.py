"""The boxes of one method's records as flat arrays, for vectorised looks at them.

Images have different numbers of true boxes. All of them stand in one (t, 4) array,
image after image, and `starts` says where each image's begin.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes


@dataclass(frozen=True, slots=True)
class BoxArrays:
    """n images' boxes, t true boxes in all; half-open xyxy in original pixels.

    Attributes:
        boxes: (n, 4) the method's box for the label's class.
        truths: (t, 4) the label's true boxes, image after image.
        starts: (n,) where each image's begin in `truths`.
        counts: (n,) how many each image has, 1 or more.
        image_areas: (n,) width times height in pixels.
    """

    boxes: Boxes
    truths: Boxes
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    image_areas: NDArray[np.float64]

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.boxes)

    @property
    def image_of(self) -> NDArray[np.int64]:
        """(t,) the image of each true box."""
        return np.repeat(np.arange(self.n), self.counts)


def box_arrays_of(table: pa.Table, method: str) -> BoxArrays:
    """The boxes of one method's records, in the table's order.

    Args:
        table: records of `store.SCHEMA`.
        method: whose records count.

    Raises:
        DataError: a record has no true box; names its image.
    """
    part = table.filter(pa.compute.equal(table["method"], method))
    counts = pa.compute.list_value_length(part["true_boxes"]).to_numpy().astype(np.int64) // 4
    if len(counts) and counts.min() < 1:
        name = part["image_id"][int(counts.argmin())]
        raise DataError(f"the record of {name} under {method} has no true box. Run it again.")
    flat = pa.compute.list_flatten(part["true_boxes"]).to_numpy()
    columns = [part[name].to_numpy() for name in ("x0", "y0", "x1", "y1")]
    sides = [part[name].to_numpy().astype(np.float64) for name in ("height", "width")]
    return BoxArrays(
        boxes=np.stack(columns, axis=1),  # (n, 4)
        truths=flat.astype(np.float64).reshape(-1, 4),  # (t, 4)
        starts=np.cumsum(counts) - counts,
        counts=counts,
        image_areas=sides[0] * sides[1],
    )
