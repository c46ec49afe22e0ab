"""MaxBoxAcc and MaxBoxAccV2: the share of right boxes at the best threshold.

With s a map brought to 224x224 and scaled to 0..1 by its minimum and maximum,
box(s, t) the box of the largest component of s >= t, and B an image's ground-truth
boxes,

    BoxAcc(t, d) = 1/N sum_n 1[IoU(box(s_n, t), B_n) >= d],
    MaxBoxAcc    = max_t BoxAcc(t, 0.5).

MaxBoxAccV2 differs in two things: an image is right at t when the box of *any*
component is, and the figure is the mean over d = 0.3, 0.5, 0.7 of max_t BoxAcc(t, d),
each d with its own best t. Thresholds are 0, 0.001, ..., 0.999. The class is given.

Thresholds are chosen as `threshold_choice` describes; the paper's names stand for the
oracle's. The blacklist is left out, an image that could not be read is wrong, and a row
without maps, such as the centred box, has the same box at every threshold.

Source: Choe et al., Evaluating Weakly Supervised Object Localization Methods Right,
CVPR 2020, section 4; for V2 its extended version, arXiv 2007.04178, and the authors'
code, github.com/clovaai/wsolevaluation (evaluation.py, inference.py).

Where the authors' code leaves these definitions, this module keeps to them:

- The code cuts maps and thresholds to 8 bits, so that its 1,000 thresholds are 255
  different ones, and keeps what is strictly above. Here maps keep their precision
  and s >= t is kept.
- The code takes the contour whose polygon through pixel centres encloses most, holes
  filled in; under V2 the outline of a hole gives a box too. Here components are
  8-connected, as contours are, the largest has the most pixels, and holes are none.
- The code's x + w is a half-open end, cut to 223, but it is scored as inclusive: a
  box that ends inside the image is scored a pixel too wide and too high. It rounds
  ground-truth boxes down to whole pixels. Here boxes are half-open and not rounded.
- Where nothing passes, the code scores its empty box (0, 0, 0, 0) as one pixel, and
  it makes a constant or NaN map all 0, which is that case. Here an empty box is never
  right, a constant map's box is the whole image at every threshold, as in the other
  protocols, and a NaN is an error.

How a map is brought to 224x224 is the protocol's `box_rule.upsampling`. The code uses
OpenCV's bicubic (a = -0.75), on maps of centre crops (256 to 224) or of warped images.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wsol_bench.geometry import Boxes, Size
from wsol_bench.protocols.catalog import MAX_BOX_ACC_SWEEP, MAX_BOX_ACC_V2_SWEEP, Protocol, Sweep
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.ilsvrc import TRUTHS
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import PERCENT, Metric
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.threshold_choice import Choice, Verdicts, measure

Threshold = Literal["oracle", "fixed", "tuned"]


def max_box_acc(row: RowData, protocol: Protocol, *, threshold: Threshold = "oracle") -> Measured:
    """MaxBoxAcc: the largest component's box, at the protocol's IoU.

    Args:
        row: the row.
        protocol: its IoU, and of its box rule upsampling, connectivity and strictness.
        threshold: oracle is the best on these images, as the paper has it; fixed is the
            protocol's own; tuned is the best on the run of --tune-on.
    """
    sweep = replace(MAX_BOX_ACC_SWEEP, ious=(protocol.iou,))
    return _measure(row, replace(protocol, sweep=sweep), sweep, threshold)


def max_box_acc_v2(
    row: RowData, protocol: Protocol, *, threshold: Threshold = "oracle"
) -> Measured:
    """MaxBoxAccV2: any component's box, mean over IoU 0.3, 0.5 and 0.7.

    Args:
        row, protocol, threshold: as for `max_box_acc`; the protocol's IoU is not read.
    """
    sweep = MAX_BOX_ACC_V2_SWEEP
    return _measure(row, replace(protocol, sweep=sweep), sweep, threshold)


_SOURCE = "Choe et al., CVPR 2020, section 4"
_READS = ("upsampling", "connectivity", "strict", "truth")
_NOTE = (
    "{name}: images right, by the paper's definition. The authors' program differs in 8-bit maps, "
    "outlines of holes and an extra pixel per side: definition minus program was {points} "
    "percentage points for {method} on 120 images."
)

MAX_BOX_ACC = Metric(
    name="max_box_acc",
    title="MaxBoxAcc",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=(*_READS, "iou"),
    reads_with={"threshold=fixed": ("threshold",)},
    compute=max_box_acc,
    source=_SOURCE,
    note=_NOTE.format(name="MaxBoxAcc", method="Grad-CAM", points="−0.8"),
)
MAX_BOX_ACC_V2 = Metric(
    name="max_box_acc_v2",
    title="MaxBoxAccV2",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"maps"}),
    reads=_READS,
    reads_with={"threshold=fixed": ("threshold",)},
    compute=max_box_acc_v2,
    source=f"{_SOURCE}; arXiv 2007.04178",
    note=_NOTE.format(name="MaxBoxAccV2", method="c-MWP", points="−2.5"),
)


def _measure(row: RowData, protocol: Protocol, sweep: Sweep, threshold: Threshold) -> Measured:
    def judge_row(one: RowData) -> Verdicts:
        return one.remembered(("verdicts", protocol), lambda: verdicts_of(one, protocol, sweep))

    return measure(row, judge_row, Choice(threshold), protocol.box_rule.threshold)


def verdicts_of(row: RowData, protocol: Protocol, sweep: Sweep) -> Verdicts:
    """Whether each image of a row is right at every threshold of a sweep.

    Args:
        row: the row.
        protocol: with this sweep; of its box rule upsampling, connectivity and strictness,
            and which ground-truth boxes may be met.
        sweep: the protocol's.

    Raises:
        DataError: the run kept no maps.
    """
    from wsol_bench.scoring.swept_boxes import thresholds_of

    judged = _judged_maps if row.has_maps else _judged_boxes
    return Verdicts.collect(judged(row, protocol, sweep), thresholds_of(sweep), sweep.ious)


def _judged_maps(row: RowData, protocol: Protocol, sweep: Sweep) -> Iterator[NDArray[np.bool_]]:
    from wsol_bench.scoring.swept_boxes import judge  # imports numba, which `list` does not need

    wrong = np.zeros((sweep.thresholds, len(sweep.ious)), np.bool_)

    def judged(job: tuple[NDArray[np.float32], Size, Boxes, bool]) -> NDArray[np.bool_]:
        values, size, truths, readable = job
        return judge(values, size, truths, protocol) if readable else wrong

    jobs = zip(row.maps(), row.size_of_each(), _truths(row, protocol), row.readable, strict=True)
    return in_threads(judged, jobs)


def _judged_boxes(row: RowData, protocol: Protocol, sweep: Sweep) -> Iterator[NDArray[np.bool_]]:
    """A baseline's box is the same at every threshold; an unreadable image's is never right."""
    from wsol_bench.scoring.swept_boxes import right_boxes

    wrong = np.zeros((1, len(sweep.ious)), np.bool_)
    for box, size, truths in zip(
        row.boxes, row.size_of_each(), _truths(row, protocol), strict=True
    ):
        right = wrong
        if size.height:
            scale = np.array([sweep.side, sweep.side] * 2) / (size[::-1] * 2)
            right = right_boxes((box * scale)[None], truths * scale, sweep.ious)  # (1, d)
        yield np.repeat(right, sweep.thresholds, axis=0)


def _truths(row: RowData, protocol: Protocol) -> Iterator[Boxes]:
    """The ground-truth boxes that may be met, of each image."""
    for boxes in row.true_boxes_of_each():
        yield TRUTHS[protocol.truth](boxes) if len(boxes) else boxes
