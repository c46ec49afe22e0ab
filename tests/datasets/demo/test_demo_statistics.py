"""The demo's boxes are like ILSVRC's, and its images vary as photographs do."""

import pytest

from wsol_bench.datasets.demo import render
from wsol_bench.datasets.demo.rendering import scene_at
from wsol_bench.datasets.statistics import BoxStatistics, statistics
from wsol_bench.geometry import Size

GEOMETRIES = 1000


@pytest.fixture(scope="module")
def geometry() -> BoxStatistics:
    scenes = (scene_at(2017, "val", index) for index in range(GEOMETRIES))
    return statistics((scene.size, scene.boxes()) for scene in scenes)


# Tolerances: twice the standard error of 1,000 images and the few points between
# what is published of ILSVRC's 50,000 images and what the first 500 show.
@pytest.mark.parametrize(
    ("figure", "ilsvrc", "tolerance"),
    [
        ("median_area_share", 0.22, 0.04),
        ("mean_area_share", 0.32, 0.04),
        ("single_box_share", 0.76, 0.05),
        ("mean_boxes_per_image", 1.54, 0.15),
        ("centred_box_accuracy", 0.55, 0.05),
        ("median_image_aspect", 1.33, 0.05),
        ("median_box_aspect", 1.06, 0.10),
    ],
)
def test_box_statistics_are_near_those_of_ilsvrc(
    geometry: BoxStatistics, figure: str, ilsvrc: float, tolerance: float
) -> None:
    assert getattr(geometry, figure) == pytest.approx(ilsvrc, abs=tolerance)


def test_boxes_of_the_geometry_are_those_of_the_pixels_but_for_occlusion() -> None:
    drawn, estimated = [], []
    for index in range(48):
        rendering, scene = render(4, "val", index), scene_at(4, "val", index)
        assert rendering.pixels.shape[:2] == scene.size
        drawn.append((Size(*rendering.pixels.shape[:2]), rendering.boxes))
        estimated.append((scene.size, scene.boxes()))
    # The probes of the estimate are 0.08 units apart, and neighbours cover a little.
    difference = statistics(drawn).mean_area_share - statistics(estimated).mean_area_share
    assert abs(difference) < 0.02


def test_images_come_in_many_sizes_of_both_orientations() -> None:
    sizes = {scene_at(1, "val", index).size for index in range(200)}
    assert len(sizes) > 25
    assert any(size.height > size.width for size in sizes)
    assert any(size.height < size.width for size in sizes)
