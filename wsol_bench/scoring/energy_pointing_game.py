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

from wsol_bench.errors import DataError, NotApplicable, RunError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.image_columns import ExampleTruth, ImageColumn, boxes_as_mask, on_image
from wsol_bench.scoring.measured import Measured, mean
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData


def energy_pointing_game(row: RowData, protocol: Protocol) -> Measured:
    """The mean over examples of the share of the map inside the label's boxes, in per cent.

    Args:
        row: the row; its blacklist is left out, and an image that could not be read has 0.
        protocol: not read; the map is brought bilinearly to the image's own pixels.

    Raises:
        NotApplicable: the row makes no maps, or the dataset has no boxes.
        DataError: the run kept neither the shares nor maps, or an example has no box.
    """
    if row.lacks_boxes:
        raise NotApplicable("the dataset has no boxes")
    shares = np.asarray(row.column(ENERGY), np.float64)
    if np.isnan(shares).any():
        raise DataError(
            f"{row.image_ids[np.isnan(shares)][0]}: has no box of its label. Expected one for "
            "each example. Correct the annotation, or leave energy_pointing_game out."
        )
    return mean(100.0 * shares, row.image_ids, row.counted)


def _share_of_example(values: NDArray[np.float32], truth: ExampleTruth) -> float:
    """An example's share; 0 where the image could not be read, NaN where it has no box."""
    if not truth.readable:
        return 0.0
    if not len(truth.boxes):
        return float("nan")
    return energy_share(on_image(values, truth), boxes_as_mask(truth.boxes, truth.size))


ENERGY = ImageColumn(
    name="energy", dtype=np.float64, width=0, needs_masks=False, of_map=_share_of_example
)


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


ENERGY_POINTING_GAME = Metric(
    name="energy_pointing_game",
    title="Energy pointing game",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=(),
    compute=energy_pointing_game,
    columns=(ENERGY,),
    source="Wang et al., Score-CAM, CVPR workshops 2020, section 4.3",
    note=(
        "Energy pointing game: a mean over examples; negative values count as 0 and a map "
        "without a positive value has 0, by our rule."
    ),
)
