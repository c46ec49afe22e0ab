"""One rendered image: determined by its key, and its boxes tight."""

import re
from itertools import pairwise

import numpy as np
import pytest

from wsol_bench.datasets.demo import CLASSES, render
from wsol_bench.datasets.demo.figure import Figure
from wsol_bench.datasets.demo.rendering import label_at, scene_at
from wsol_bench.geometry import Boxes, Size


def test_there_are_at_least_twenty_classes_with_wnids_in_sorted_order() -> None:
    assert len(CLASSES) >= 20
    assert all(first.wnid < second.wnid for first, second in pairwise(CLASSES))
    assert all(re.fullmatch(r"n9\d{7}", one.wnid) for one in CLASSES)
    assert len({one.name for one in CLASSES}) == len(CLASSES)


def test_neither_a_body_nor_a_feature_alone_gives_the_class() -> None:
    for one in CLASSES:
        assert (one.part is None) != (one.texture is None)
        same_body = [other for other in CLASSES if other.body is one.body]
        same_feature = [
            other for other in CLASSES if (other.part, other.texture) == (one.part, one.texture)
        ]
        assert len(same_body) >= 3
        assert len(same_feature) >= 3


def test_the_same_key_gives_the_same_image_twice() -> None:
    first, second = render(5, "val", 3), render(5, "val", 3)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.boxes, second.boxes)
    assert first.label == second.label


@pytest.mark.parametrize("other", [(6, "val", 3), (5, "train", 3), (5, "val", 4)])
def test_another_seed_split_or_index_gives_another_image(other: tuple[int, str, int]) -> None:
    first, second = render(5, "val", 3).pixels, render(*other).pixels
    assert first.shape != second.shape or np.mean(first != second) > 0.5


@pytest.mark.parametrize("seed", [0, 1])
def test_each_run_of_as_many_images_as_classes_holds_every_class_once(seed: int) -> None:
    count = len(CLASSES)
    for start in (0, count):
        labels = [label_at(seed, "val", index) for index in range(start, start + count)]
        assert sorted(labels) == list(range(count))
    assert labels != sorted(labels)


def test_pixels_are_bytes_and_boxes_lie_within_the_image() -> None:
    for index in range(30):
        rendering = render(1, "val", index)
        height, width, channels = rendering.pixels.shape
        assert rendering.pixels.dtype == np.uint8
        assert channels == 3
        assert rendering.label == label_at(1, "val", index)
        assert rendering.boxes.dtype == np.float64
        assert rendering.boxes.shape[0] >= 1
        assert np.all(rendering.boxes[:, :2] >= 0)
        assert np.all(rendering.boxes[:, 2:] <= (width, height))
        assert np.all(rendering.boxes[:, :2] < rendering.boxes[:, 2:])


def _box_of_every_pixel(figure: Figure, size: Size) -> Boxes:
    """The box by the definition: the signed distance at every pixel's centre."""
    y, x = np.mgrid[: size.height, : size.width] + 0.5
    across, down = x - figure.x, y - figure.y
    inverse = np.linalg.inv(figure.pose.matrix) / figure.unit
    affine = np.tensordot(inverse, np.stack([across, down]), axes=1).astype(np.float32)
    inside = figure.kind.distances(*figure.pose.bent(*affine)).nearest() <= 0
    rows, columns = np.nonzero(inside)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def test_a_box_is_tight_on_an_object_that_nothing_covers() -> None:
    checked = 0
    for index in range(30):
        scene = scene_at(2, "val", index)
        if scene.before or len(scene.objects) > 1:
            continue
        expected = _box_of_every_pixel(scene.objects[0], scene.size)
        # Large figures are evaluated at every second pixel, which blunts fine tips.
        assert render(2, "val", index).boxes[0] == pytest.approx(expected, abs=4)
        checked += 1
    assert checked >= 10


def test_what_covers_an_object_can_only_shrink_its_box() -> None:
    shrunk = 0
    for index in range(60):
        scene = scene_at(3, "val", index)
        if not scene.before or len(scene.objects) > 1:
            continue
        whole = _box_of_every_pixel(scene.objects[0], scene.size)
        seen = render(3, "val", index).boxes[0]
        assert np.all(seen[:2] >= whole[:2] - 4)
        assert np.all(seen[2:] <= whole[2:] + 4)
        shrunk += bool(np.any(np.abs(seen - whole) > 4))
    assert shrunk >= 1
