"""Views: image to tensors, and maps back to the image."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import center_crop, resize

from wsol_bench.geometry import Crop, Size, Window
from wsol_bench.protocols import views
from wsol_bench.protocols.resample import KERNELS, matrix
from wsol_bench.protocols.views import CANVAS, VIEWS, join_ten, ten_crops

SIDE = 224


def gradient_image(width: int, height: int) -> Image.Image:
    """Red grows to the right, green downwards: a pixel says where it is from."""
    x = np.linspace(0, 255, width)[None, :].repeat(height, 0)
    y = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([x, y, 0 * x], axis=2).astype(np.uint8))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("side", [224, 227])
def test_a_view_gives_as_many_tensors_as_it_says(name: str, side: int) -> None:
    view = VIEWS[name]
    tensors = view.tensors(gradient_image(500, 375), side)
    assert tensors.shape == (view.count, side, side, 3)
    assert tensors.dtype == np.uint8


@pytest.mark.parametrize("name", VIEWS)
def test_a_joined_map_shows_what_the_window_says(name: str) -> None:
    """A map of the red channel, joined and placed, must say each pixel's own place."""
    view, size = VIEWS[name], Size(375, 500)
    tensors = view.tensors(gradient_image(size.width, size.height), SIDE)
    joined = view.join(tensors[..., 0].astype(np.float32), SIDE)
    shown = view.join(np.ones((view.count, SIDE, SIDE), np.float32), SIDE)
    window = view.window(size, SIDE)
    red = joined / shown  # ten crops overlap, so they are a sum over those that show a pixel
    columns = np.arange(red.shape[1]) + 0.5
    expected = (window.x0 + columns / red.shape[1] * window.sides[1]) / size.width * 255
    # resizing an 8-bit ramp is exact to about a grey level, and two at the border
    assert np.abs(red.mean(axis=0) - expected)[2:-2].max() < 2.0


def test_a_networks_own_crop_is_that_of_torchvisions_transforms() -> None:
    """Shorter side 248 under the bicubic filter, then the centre, as ViT-Tiny's weights need."""
    image = gradient_image(744, 496)
    (found,) = VIEWS["center-crop"].tensors(image, SIDE, Crop(248, "bicubic"))
    resized = resize(image, [248], InterpolationMode.BICUBIC)
    assert np.array_equal(found, np.asarray(center_crop(resized, [SIDE])))
    window = VIEWS["center-crop"].window(Size(496, 744), SIDE, Crop(248, "bicubic"))
    assert window == Window(148, 24, 596, 472)  # 224 of 248 pixels, twice as large


def test_other_views_have_a_geometry_of_their_own() -> None:
    image = gradient_image(500, 375)
    for name in ("warp", "ten-crops"):
        plain = VIEWS[name].tensors(image, SIDE, None)
        assert np.array_equal(VIEWS[name].tensors(image, SIDE, Crop(248, "bicubic")), plain)


def test_ten_crops_are_the_corners_the_centre_and_their_mirrors() -> None:
    crops = ten_crops(gradient_image(CANVAS, CANVAS), SIDE)
    far = CANVAS - SIDE
    corners = [(0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2)]
    whole = np.asarray(gradient_image(CANVAS, CANVAS))
    for crop, (y, x) in zip(crops[:5], corners, strict=True):
        assert np.array_equal(crop, whole[y : y + SIDE, x : x + SIDE])
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


def test_joining_ten_sums_absolute_values_of_un_mirrored_maps() -> None:
    maps = np.zeros((10, SIDE, SIDE), np.float32)
    maps[0, 3, 5] = -2.0  # the top left crop
    maps[5, 3, SIDE - 1 - 5] = 1.0  # its mirror: the same pixel
    joined = join_ten(maps, SIDE)
    assert joined.shape == (CANVAS, CANVAS)
    assert joined[3, 5] == pytest.approx(3.0)
    assert joined.sum() == pytest.approx(3.0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("source", "target"), [(7, 224), (14, 33), (14, 14), (1, 5), (9, 4)])
def test_a_kernels_weights_sum_to_one_and_keep_a_constant(
    kernel: str, source: int, target: int
) -> None:
    dense = matrix(kernel, source, target)
    assert np.allclose(dense.sum(axis=1), 1.0, atol=1e-6)  # float32 weights


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_kernel_changes_nothing_at_the_same_size(kernel: str) -> None:
    assert np.allclose(matrix(kernel, 9, 9), np.eye(9), atol=1e-6)


def test_bicubic_is_pillows_away_from_the_border() -> None:
    values = np.random.default_rng(0).random((12, 12)).astype(np.float32)
    enlarged = matrix("bicubic", 12, 60) @ values @ matrix("bicubic", 12, 60).T
    pillow = np.asarray(Image.fromarray(values).resize((60, 60), Image.Resampling.BICUBIC))
    # the same kernel; at the border Pillow renormalises where this repeats the edge
    assert np.abs(enlarged - pillow)[10:-10, 10:-10].max() < 1e-5


def test_opencvs_bicubic_is_torchs() -> None:
    values = torch.rand(1, 1, 14, 14, generator=torch.Generator().manual_seed(0))
    there = torch.nn.functional.interpolate(values, size=(75, 40), mode="bicubic")[0, 0].numpy()
    rows, columns = (matrix("bicubic-opencv", 14, side) for side in (75, 40))
    # torch computes positions in float32, as `tests/boxes/test_extract.py` explains
    assert np.abs(rows @ values[0, 0].numpy() @ columns.T - there).max() < 1e-4


@pytest.mark.parametrize("size", [(3, 40_000), (40_000, 2)])
def test_the_centre_of_a_very_long_image_takes_no_memory_for_its_rest(size, monkeypatch):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))
    resized = []
    resize = Image.Image.resize

    def watched(self, size, *arguments, **options):
        resized.append(size)
        return resize(self, size, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", watched)
    VIEWS["center-crop"].tensors(image, 224)
    assert resized == [(224, 224)]


def test_the_centre_of_a_long_image_is_that_of_the_whole_one_resized(monkeypatch):
    values = np.random.default_rng(0).integers(0, 256, (700, 90, 3), dtype=np.uint8)
    whole = VIEWS["center-crop"].tensors(Image.fromarray(values), 224)
    monkeypatch.setattr(views, "_MOST_RESIZED", 0)
    strip = VIEWS["center-crop"].tensors(Image.fromarray(values), 224)
    assert np.abs(whole.astype(int) - strip).max() <= 1
