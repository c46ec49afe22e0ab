"""Energy pointing game: the share of a map that lies inside the object's boxes.

With m a map on the pixels of the image and D the pixels in any of the object's boxes,

    energy_n = sum_{p in D} max(m(p), 0) / sum_p max(m(p), 0),

and the figure is the mean over examples (an image with several classes is an example for
each). The paper's code takes one box and states no rule for negative values or a map
without positive ones. Ours: negative values count as 0, a map without a positive value has
an energy of 0, and of several boxes the union counts, so that nothing counts twice.

A pixel belongs to a box when its centre does; for boxes in whole pixels that is exact.

Source: Wang et al., Score-CAM: Score-weighted visual explanations for convolutional neural
networks, CVPR workshops 2020, section 4.3.
"""

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import DataError, RunError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.measured import Measured, mean
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData


def energy_pointing_game(row: RowData, protocol: Protocol) -> Measured:
    """The mean over examples of the share of the map inside the label's boxes, in per cent.

    Args:
        row: the row; its blacklist is left out, and an image that could not be read has 0.
        protocol: not read; the map is brought bilinearly to the image's own pixels.

    Raises:
        NotApplicable: the row makes no maps.
        DataError: the run kept no maps, or an example has no pixel in its boxes.
    """
    from wsol_bench.boxes.upsampling import enlarge  # numba, for which `list` need not wait

    shares = [
        energy_share(enlarge(values, *size), boxes_as_mask(boxes, size)) if size.height else 0.0
        for values, boxes, size in zip(
            row.maps(), row.true_boxes_of_each(), row.size_of_each(), strict=True
        )
    ]
    return mean(100.0 * np.array(shares), row.image_ids, row.counted)


def energy_share(values: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """The share 0..1 of a map's positive values that lies inside.

    Args:
        values: (height, width), the map on the image's own pixels.
        inside: (height, width), the object's pixels.

    Returns:
        0 where no value is positive.

    Raises:
        RunError: the map holds NaN or infinite values.
        DataError: no pixel is inside: there is no object to point at.
        ValueError: the two differ in shape.
    """
    if values.shape != inside.shape:
        raise ValueError(f"the map is {values.shape}, the object's mask {inside.shape}")
    if not np.isfinite(values).all():
        raise RunError("the map holds NaN or infinite values")
    if not inside.any():
        raise DataError("the object's boxes or mask hold no pixel; check the annotation")
    positive = np.maximum(values, 0).astype(np.float64)
    whole = positive.sum()
    return float(positive[inside].sum() / whole) if whole > 0 else 0.0


def boxes_as_mask(boxes: Boxes, size: Size) -> NDArray[np.bool_]:
    """The pixels whose centres lie in any of some boxes, (height, width) bool.

    Args:
        boxes: (m, 4) half-open xyxy in pixels of the image; m may be 0.
        size: of the image.
    """
    rows, columns = np.arange(size.height) + 0.5, np.arange(size.width) + 0.5
    inside = np.zeros(size, np.bool_)
    for x0, y0, x1, y1 in np.reshape(np.asarray(boxes, np.float64), (-1, 4)):
        down = slice(*np.searchsorted(rows, [y0, max(y0, y1)]))
        inside[down, slice(*np.searchsorted(columns, [x0, max(x0, x1)]))] = True
    return inside


def energy_column(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """What examples add to `replicated_sums`, (n, 1); its `mean` reads the sums.

    Args:
        shares: (n,) from `energy_share`.
    """
    return np.asarray(shares, np.float64).reshape(-1, 1)


ENERGY_POINTING_GAME = Metric(
    name="energy_pointing_game",
    title="Energy pointing game",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=(),
    compute=energy_pointing_game,
    source="Wang et al., Score-CAM, CVPR workshops 2020, section 4.3",
    note=(
        "Energy pointing game: a mean over examples; negative values count as 0 and a map "
        "without a positive value has 0, by our rule."
    ),
)
