"""Errors of a run while it goes on."""

import numpy as np
import pyarrow as pa
import pytest

from wsol_bench.boxes.map_state import MapState
from wsol_bench.protocols.catalog import PROTOCOLS
from wsol_bench.records.record import Record
from wsol_bench.records.table import outcomes_of, to_table
from wsol_bench.runs.running_errors import RunningErrors
from wsol_bench.scoring.catalog import measure

PROTOCOL = PROTOCOLS["gradcam-iccv17"]
TITLES = {"grad_cam": "Grad-CAM", "center": "Centred box"}


def records(images: int) -> pa.Table:
    """Records of both methods, a third with a wrong class and a fifth blacklisted."""
    random = np.random.default_rng(0)
    return to_table(
        Record(
            image_id=f"image_{image}",
            index=image,
            method=method,
            label=0,
            height=10,
            width=10,
            classes=np.array([1, 0] if image % 3 == 0 else [0, 1]),
            scores=np.array([2, 1], np.float32),
            box=np.zeros(4),
            true_boxes=np.zeros((1, 4)),
            iou=float(random.random()),
            map_state=MapState.OK,
            blacklisted=image % 5 == 0,
        )
        for image in range(images)
        for method in TITLES
    )


@pytest.mark.parametrize("batch", [1, 2, 7, 200])
def test_after_the_last_batch_they_are_the_runs_errors(batch: int) -> None:
    table = records(100)
    running = RunningErrors(PROTOCOL, TITLES)
    notes = [running.take(table.slice(at, batch)) for at in range(0, len(table), batch)]
    errors = {name: measure(outcomes_of(table, name), PROTOCOL)["top1_loc"] for name in TITLES}
    assert errors["center"].n == 80
    assert notes[-1] == (
        "top-1 error so far, %: cls 34.0; loc "
        f"Grad-CAM {errors['grad_cam'].value:.1f}, "
        f"Centred box {errors['center'].value:.1f}"
    )


def test_before_the_first_image_there_is_nothing_to_say() -> None:
    assert RunningErrors(PROTOCOL, TITLES).take(records(0)) == ""


def test_blacklisted_images_alone_say_nothing_of_boxes() -> None:
    running = RunningErrors(PROTOCOL, TITLES)
    assert running.take(records(1)) == "top-1 error so far, %: cls 100.0"
