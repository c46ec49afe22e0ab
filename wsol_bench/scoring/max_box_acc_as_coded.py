"""MaxBoxAcc and MaxBoxAccV2 as the authors' program computes them, for published tables.

`scoring.as_coded_boxes` has the formula and the source, `scoring.maxboxacc` the paper's
definition. The blacklist is left out, an image that could not be read is wrong, and a row
without maps, such as the centred box, has the same box at every threshold.
"""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import MAX_BOX_ACC_SWEEP, MAX_BOX_ACC_V2_SWEEP, Protocol
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.threshold_choice import Choice, Verdicts, measure

Ends = Literal["dataset", "inclusive", "half-open"]

Job = tuple[NDArray[np.float32] | None, Boxes, Boxes, Size]
"""The map, or None, the predicted box, the ground-truth boxes and the image's size."""


def max_box_acc_as_coded(row: RowData, protocol: Protocol, *, ends: Ends = "dataset") -> Measured:
    """MaxBoxAcc of the authors' program: the largest contour's box at IoU 0.5.

    Args:
        row: the row.
        protocol: not read; the program has one square, resizing and rounding.
        ends: how the authors' metadata has the ground-truth boxes' far corners: inclusive
            on ILSVRC, half-open on CUB-200-2011 and on ImageNetV2's own list. "dataset"
            takes what the dataset's own files have.
    """
    return _measure(row, MAX_BOX_ACC_SWEEP.ious, ends)


def max_box_acc_v2_as_coded(
    row: RowData, protocol: Protocol, *, ends: Ends = "dataset"
) -> Measured:
    """MaxBoxAccV2 of the authors' program: any contour's box, mean over IoU 0.3, 0.5, 0.7.

    Args:
        row, protocol, ends: as for `max_box_acc_as_coded`.
    """
    return _measure(row, MAX_BOX_ACC_V2_SWEEP.ious, ends)


def verdicts_as_coded(row: RowData, ious: tuple[float, ...], ends: BoxEnds) -> Verdicts:
    """Whether each image is right at every threshold of the program.

    Args:
        row: the row.
        ious: minimum IoUs; one takes the largest contour as V1, several any as V2.
        ends: see `max_box_acc_as_coded`.

    Raises:
        DataError: the run kept no maps, or a ground-truth box is negative or inverted.
    """
    from wsol_bench.scoring.as_coded_boxes import (  # imports numba, which `list` does not need
        THRESHOLDS,
        as_coded_ious,
        box_iou_inclusive,
        box_on_square,
        truncated_boxes,
    )

    minimum_ious = np.array(ious)

    def judged(job: Job) -> NDArray[np.bool_]:
        values, box, truths, size = job
        if not size.height or not len(truths):
            return np.zeros((THRESHOLDS.size, minimum_ious.size), np.bool_)
        scaled = truncated_boxes(truths, size, inclusive=ends == "inclusive")
        if values is None:
            best = box_iou_inclusive(box_on_square(box, size), scaled).max()
            return np.tile(best >= minimum_ious, (THRESHOLDS.size, 1))
        found = as_coded_ious(values, scaled)
        of_threshold = found.largest if minimum_ious.size == 1 else found.best  # (T,)
        return of_threshold[:, None] >= minimum_ious

    return Verdicts.collect(in_threads(judged, jobs(row)), THRESHOLDS, ious)


def _measure(row: RowData, ious: tuple[float, ...], ends: Ends) -> Measured:
    def judge_row(one: RowData) -> Verdicts:
        taken = one.corners if ends == "dataset" else ends
        key = ("verdicts as coded", ious, taken)
        return one.remembered(key, lambda: verdicts_as_coded(one, ious, taken))

    return measure(row, judge_row, Choice.ORACLE, 0.0)


def jobs(row: RowData) -> Iterator[Job]:
    """A job for each image of a row."""
    maps = row.maps() if row.has_maps else (None for _ in range(row.n))
    yield from zip(maps, row.boxes, row.true_boxes_of_each(), row.size_of_each(), strict=True)


_NOTE = (
    "As coded: the figure of the authors' program, with its 8-bit maps, contours and rounding, "
    "for comparison with published tables; the threshold is the best on these images."
)
_SOURCE = "Choe et al., CVPR 2020; github.com/clovaai/wsolevaluation, evaluation.py"

_as_coded = partial(
    Metric, unit=PERCENT, higher_is_better=True, needs=frozenset({"maps"}), reads=(), note=_NOTE
)

MAX_BOX_ACC_AS_CODED = _as_coded(
    name="max_box_acc_as_coded",
    title="MaxBoxAcc as coded",
    compute=max_box_acc_as_coded,
    source=_SOURCE,
)
MAX_BOX_ACC_V2_AS_CODED = _as_coded(
    name="max_box_acc_v2_as_coded",
    title="MaxBoxAccV2 as coded",
    compute=max_box_acc_v2_as_coded,
    source=f"{_SOURCE}; arXiv 2007.04178",
)
