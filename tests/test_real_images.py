"""The main job on real images and the real BVLC GoogLeNet, where they are at hand.

The figures were measured once with this package, after its rows over all 500 images had
come out as those of an independent implementation. They are counts over 24 images, so
one image may fall to the other side on another machine's arithmetic.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import wsol_bench
from wsol_bench.boxes.components import largest_component
from wsol_bench.boxes.sweep import largest_boxes
from wsol_bench.boxes.upsampling import enlarge
from wsol_bench.records.opened_run import joined_maps, open_networks
from wsol_bench.records.result import Row

pytestmark = pytest.mark.ilsvrc

IMAGES = 24
RIGHT_BOXES = {"grad_cam": 13, "cam": 13, "c_mwp": 3, "mwp": 12, "backprop": 14, "center": 13}
RIGHT_CLASSES = 13


@pytest.fixture(scope="module")
def rows(real_images: Path, real_googlenet: Path) -> Mapping[str, Row]:
    result = wsol_bench.run(
        arch="googlenet",
        weights=f"caffe:{real_googlenet}",
        data=real_images,
        methods=tuple(RIGHT_BOXES),
        limit=IMAGES,
        batch_size=8,
    )
    return {row.method: row for row in result.rows}


@pytest.mark.parametrize("method", RIGHT_BOXES)
def test_boxes_of_real_images_are_right_as_often_as_before(
    method: str, rows: Mapping[str, Row]
) -> None:
    rate = rows[method].figures["gt_known_loc"]
    assert rate.n == IMAGES
    assert abs(round(rate.n * (1 - rate.value / 100)) - RIGHT_BOXES[method]) <= 1


def test_classes_of_real_images_are_right_as_often_as_before(rows: Mapping[str, Row]) -> None:
    rate = rows["center"].figures["top1_cls"]
    assert round(rate.n * (1 - rate.value / 100)) == RIGHT_CLASSES


def test_boxes_of_real_maps_are_those_of_labelling_at_every_threshold(
    real_images: Path, real_googlenet: Path, tmp_path: Path
) -> None:
    wsol_bench.run(
        arch="googlenet",
        weights=f"caffe:{real_googlenet}",
        data=real_images,
        methods=("grad_cam", "c_mwp"),
        limit=4,
        out=tmp_path / "run",
        keep_maps=True,
    )
    (network,) = open_networks(tmp_path / "run")
    thresholds = np.arange(0.0, 1.0, 0.01)
    for method in network.methods:
        for values in joined_maps(network, method):
            square = enlarge(values, 224, 224)
            least, largest = square.min(), square.max()
            steps = float(least) + thresholds * float(largest - least)
            found = largest_boxes(square, steps)
            again = [largest_component(square, step, True) for step in steps]
            assert np.array_equal(found, np.array(again))
