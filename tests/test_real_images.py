"""The main job on real images and the real BVLC GoogLeNet, where they are at hand.

The figures were measured once with this package, after its rows over all 500 images had
come out as those of an independent implementation. They are counts over 24 images, so
one image may fall to the other side on another machine's arithmetic.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

import wsol_bench
from wsol_bench.result import Row

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
    rate = rows[method].errors.gt_known_loc
    assert rate.n == IMAGES
    assert abs(rate.n - rate.wrong - RIGHT_BOXES[method]) <= 1


def test_classes_of_real_images_are_right_as_often_as_before(rows: Mapping[str, Row]) -> None:
    rate = rows["center"].errors.top1_cls
    assert rate.n - rate.wrong == RIGHT_CLASSES
