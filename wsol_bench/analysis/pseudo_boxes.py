"""Thresholds chosen by pseudo-boxes on the scored images, without their ground-truth boxes.

Pseudo-boxes are what a region proposal method or another detector predicts for the scored
images; a threshold that is best for them has used no annotation of the test split.

Source: Murtaza, Belharbi, Pedersoli and Granger, A realistic protocol for evaluation of weakly
supervised object localization, WACV 2025 (arXiv 2404.10034), which estimates the threshold from
pseudo-boxes. The criterion, the accuracy that the metric measures with the pseudo-boxes in place of
ground-truth boxes, is ours: that of a threshold tuned on other images.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes
from wsol_bench.runtime.names import first_names, shown
from wsol_bench.scoring.row_data import RowData


def read_pseudo_boxes(path: Path) -> dict[str, Boxes]:
    """Image id -> pseudo-boxes (m, 4) of a table of boxes; its classes are not read.

    Raises:
        DataError: the file is no table of boxes.
    """
    table = open_dataset(path, "box-table", images_needed=False)
    found: dict[str, list[Boxes]] = {}
    for example in table.examples:
        found.setdefault(example.image_id, []).append(example.boxes)
    return {image_id: np.concatenate(boxes) for image_id, boxes in found.items()}


def with_pseudo_boxes(row: RowData, boxes: dict[str, Boxes], path: Path) -> RowData:
    """The row with pseudo-boxes in place of the ground-truth boxes, to tune a threshold on.

    Args:
        row: of the run that is scored.
        boxes: from `read_pseudo_boxes`.
        path: of the file, for messages.

    Raises:
        DataError: an image has none, or they are the ground-truth boxes themselves.
    """
    ids = row.image_ids.tolist()
    missing = [image_id for image_id in dict.fromkeys(ids) if image_id not in boxes]
    where = f"--tune-on {shown(str(path))}"
    if missing:
        raise DataError(
            f"{where}: no pseudo-box for {len(missing):,} of {row.n:,} images: "
            f"{first_names(missing)}. Expected at least one for each."
        )
    each = [boxes[image_id] for image_id in ids]
    joined = np.concatenate(each) if each else np.empty((0, 4))
    if joined.shape == row.true_boxes.shape and np.array_equal(joined, row.true_boxes):
        raise DataError(
            f"{where}: holds the ground-truth boxes of the images that are scored. A threshold "
            "tuned on them is the oracle's. Give boxes that were predicted."
        )
    counts = np.array([len(some) for some in each], np.int64)
    return replace(row, true_boxes=joined, box_counts=counts, answers={})
