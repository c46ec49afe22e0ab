"""Images, thresholds, the pipeline and the machine: that what is timed is the right work."""

import io
import json
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wsol_bench.bench.case import Case
from wsol_bench.bench.images import DECODE, image_tasks, synthetic_jpeg
from wsol_bench.bench.methods import FIVE, IMAGE, groups, method_tasks
from wsol_bench.bench.pipeline import BARE, BARE_OURS, measure_pipeline, pipeline_of
from wsol_bench.bench.thresholds import (
    LABELLING,
    ONE_SWEEP,
    SWEEP,
    by_contours,
    by_labelling,
    by_one_sweep,
    maps_from,
    measure_sweep,
    smooth_maps,
)
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.pipeline.pipeline import records_of
from wsol_bench.runtime.machine import cpu_name, machine, versions


def test_the_synthetic_image_has_the_commonest_size_and_weight() -> None:
    data = synthetic_jpeg()
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (IMAGE.width, IMAGE.height))
    assert 60_000 < len(data) < 250_000


def test_every_task_runs(case: Case) -> None:
    tasks = method_tasks(case) | image_tasks(case)
    for task in tasks.values():
        task()
    assert {DECODE, FIVE, "grad_cam", "grad_cam+cam", "grad_cam+backprop+c_mwp"} <= set(tasks)


def test_a_network_that_cannot_carry_a_method_is_timed_without_it(case: Case) -> None:
    without = {name: placed for name, placed in case.bound.items() if name != "cam"}
    names = groups(replace(case, bound=without))
    assert ("grad_cam",) in names
    assert len(names) == len(set(names))
    assert not any("cam" in group for group in names)


def test_labelling_and_the_sweep_give_the_same_boxes_of_a_map() -> None:
    (values,) = smooth_maps(1)
    assert np.array_equal(by_one_sweep(values), by_labelling(values))


def test_contours_box_a_plain_rectangle_as_the_sweep_does() -> None:
    pytest.importorskip("cv2")
    values = np.zeros((SWEEP.side, SWEEP.side), np.float32)
    values[20:60, 30:100] = 1
    boxes = by_contours()(values)
    assert np.array_equal(boxes[500], [30, 20, 100, 60])
    assert np.array_equal(boxes[500], by_one_sweep(values)[500])


def test_a_sweep_is_told_with_its_ratios(case: Case) -> None:
    cost = measure_sweep(maps_from(case)[:1], "a map", 1)
    told = cost.to_json()
    assert told["ratios"][ONE_SWEEP] == 1.0
    assert told["ratios"][LABELLING] > 1.0
    assert (told["count"], told["slow_count"], told["same_boxes_as_labelling"]) == (1, 1, 1)


def test_the_pipeline_is_timed_over_all_images_with_each_group(
    case: Case, small_dataset: Path
) -> None:
    dataset = open_dataset(small_dataset)  # 9 images, so that the last batch of 3 is whole
    smaller = replace(dataset, examples=dataset.examples[:5])  # and here it is not
    cost = measure_pipeline(case, smaller)
    assert cost.images == 5
    assert list(cost.bare) == [BARE, BARE_OURS]
    assert cost.bare[BARE].bare_loops.ends == [1.0, 1.0]
    assert list(cost.runs) == [
        "grad_cam+cam",
        "grad_cam+backprop+c_mwp",
        "grad_cam+cam+c_mwp+mwp+backprop",
    ]
    assert cost.main is cost.runs["grad_cam+cam"]


def test_with_all_methods_the_baselines_come_along(case: Case, small_dataset: Path) -> None:
    dataset = open_dataset(small_dataset)
    pipeline = pipeline_of(case, tuple(case.bound))
    made = list(records_of(pipeline, dataset, [dataset.examples[:2]], threads=1))
    methods = {record.method for each in made for record in each.records}
    assert methods > set(case.bound)
    assert "center" in methods


def test_the_machine_is_told_without_its_name(case: Case) -> None:
    told = json.dumps(machine(case.device) | versions())
    assert cpu_name() in told
    assert platform.node() not in told
