"""Mean best IoU: how well boxes overlap, without a threshold on the IoU.

With b_n the predicted box of image n for its label and B_n its ground-truth boxes,

    mean_best_iou = 1/N sum_n max_{b in B_n} IoU(b_n, b),

a mean over images. Boxes are half-open, so the IoU is the plain one. An image without
ground-truth boxes has 0. Records keep this maximum, so no map is needed.

Source: the detection literature's mean best overlap (Uijlings et al., Selective search
for object recognition, IJCV 2013, section 5.1, there a mean over an image's objects), with
one predicted box per image in place of many.
"""

from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.measured import Measured, mean
from wsol_bench.scoring.metric import BOX_FIELDS, IOU_FIELDS, PERCENT, Metric
from wsol_bench.scoring.row_data import RowData


def mean_best_iou(row: RowData, protocol: Protocol) -> Measured:
    """The mean over images of the predicted box's best IoU, in per cent.

    Args:
        row: the row; its blacklist is left out.
        protocol: decides the predicted box and the IoU, which the records have.
    """
    return mean(100.0 * row.ious, row.image_ids, row.counted)


MEAN_BEST_IOU = Metric(
    name="mean_best_iou",
    title="Mean best IoU",
    unit=PERCENT,
    higher_is_better=True,
    needs=frozenset({"boxes"}),
    reads=(*BOX_FIELDS, *IOU_FIELDS),
    compute=mean_best_iou,
    source="after Uijlings et al., IJCV 2013, section 5.1, with one predicted box per image",
    note="Mean best IoU: a mean over images, without a minimum IoU.",
)
