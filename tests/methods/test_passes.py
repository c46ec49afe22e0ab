"""Methods of many passes: by hand, by identity, against another library, and their seeds."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.methods.passes import AT_ONCE, chunks
from wsol_bench.methods.rise import random_masks
from wsol_bench.networks.forward import Network
from wsol_bench.networks.hooked import Hooked

SIDE = 8
IMAGES = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 1])
SEEDS = (5, 6, 7)

SPECS = (
    "smooth_grad:n=3",
    "integrated_gradients:steps=3",
    "occlusion:patch=4:stride=2",
    "rise:n=40:grid=3",
    "score_cam",
    "ablation_cam",
)


def net(*, linear: bool = False) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1), nn.Identity() if linear else nn.Softplus()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * SIDE**2, 2)).eval()


def maps_of(spec: str, module: nn.Module, images=IMAGES, classes=CLASSES, seeds=SEEDS) -> Tensor:
    (row,) = find_methods([spec])
    network = Network(module, "3")
    row = row.to(network, {"features": "1"}, side=SIDE)
    forward = network.forward(images, row.requests(), seeds[: len(images)])
    return row.maps(forward, classes[: len(images)])


def test_every_method_of_many_passes_is_tested_here():
    names = {name for name, method in METHODS.items() if getattr(method, "passes", None)}
    assert names == {spec.partition(":")[0] for spec in SPECS}


@pytest.mark.parametrize("spec", SPECS)
def test_maps_depend_on_no_neighbour_order_or_batch(spec):
    maps = maps_of(spec, net())
    assert maps.shape == (3, SIDE, SIDE)
    assert torch.isfinite(maps).all()
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    order = [2, 0, 1]
    turned = maps_of(
        spec, net(), IMAGES[order], CLASSES[order], tuple(SEEDS[index] for index in order)
    )
    alone = torch.cat(
        [
            maps_of(spec, net(), IMAGES[[index]], CLASSES[[index]], (SEEDS[index],))
            for index in range(3)
        ]
    )
    # The first pass may add in another order in another batch; later passes are the image's own.
    close = {"rtol": 1e-4, "atol": 1e-5 * float(maps.abs().max())}
    assert torch.allclose(turned, maps[order], **close)
    assert torch.allclose(alone, maps, **close)


@pytest.mark.parametrize("spec", ["smooth_grad:n=3", "rise:n=40:grid=3"])
def test_random_draws_follow_the_seed(spec):
    assert torch.equal(maps_of(spec, net()), maps_of(spec, net()))
    assert not torch.allclose(maps_of(spec, net()), maps_of(spec, net(), seeds=(1, 2, 3)))


def test_passes_are_counted():
    passes = {row.name: row.passes for row in find_methods([*SPECS, "grad_cam", "center"])}
    assert list(passes.values()) == [3, 3, 111**2, 40, 0, 0, None, None]


def test_the_passes_of_occlusion_are_those_of_the_networks_side():
    (row,) = find_methods(["occlusion:patch=32:stride=16"])
    for side, expected in ((224, 13**2), (384, 23**2)):
        assert row.to(Network(net(), "3"), {"features": "1"}, side).passes == expected


def test_chunks_cover_everything_once():
    parts = list(chunks(2 * AT_ONCE + 1))
    assert [part.stop - part.start for part in parts] == [AT_ONCE, AT_ONCE, 1]


@pytest.mark.parametrize("spec", SPECS)
def test_other_classes_of_an_image_cost_no_more_forward_passes(spec, monkeypatch):
    network = Network(net(), "3")
    (row,) = find_methods([spec])
    row = row.to(network, {"features": "1"}, side=SIDE)
    apart = [
        row.maps(network.forward(IMAGES, row.requests(), SEEDS), each)
        for each in (CLASSES, 1 - CLASSES)
    ]
    forward = network.forward(IMAGES, row.requests(), SEEDS)
    forward.expect([CLASSES, 1 - CLASSES])
    first = row.maps(forward, CLASSES)
    monkeypatch.delattr(Network, "forward")
    monkeypatch.delattr(Network, "resume")
    second = row.maps(forward, 1 - CLASSES)
    assert torch.equal(first, apart[0])
    assert torch.equal(second, apart[1])


def test_a_long_batch_reports_how_far_it_is(monkeypatch):
    monkeypatch.setattr("wsol_bench.networks.class_values._SECONDS_BETWEEN_REPORTS", 0.0)
    network = Network(net(), "3")
    (row,) = find_methods(["score_cam"])
    row = row.to(network, {"features": "1"}, side=SIDE)
    forward, said = network.forward(IMAGES, row.requests()), []
    forward.expect([CLASSES], said.append)
    row.maps(forward, CLASSES)
    assert said == [f"score_cam: {number} of 3 inputs of this batch" for number in (1, 2, 3)]


def test_ablation_from_the_layer_on_equals_ablation_of_the_whole_network():
    whole = Network(Hooked(net(), "3", "for this test"), "3")
    (row,) = find_methods(["ablation_cam"])
    row = row.to(whole, {"features": "1"}, side=SIDE)
    expected = row.maps(whole.forward(IMAGES, row.requests()), CLASSES)
    assert Network(net(), "3").way.resumes_at("1")
    assert torch.allclose(maps_of("ablation_cam", net()), expected, rtol=1e-4, atol=1e-6)


# By identity and by hand


def test_smooth_grad_without_noise_is_backprop():
    found = maps_of("smooth_grad:noise=0:n=2", net())
    assert torch.allclose(found, maps_of("backprop", net()), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("baseline", ["black", "mean"])
def test_integrated_gradients_sum_to_the_difference_of_scores(baseline):
    module = net()
    (row,) = find_methods([f"integrated_gradients:steps=200:sigma=0:baseline={baseline}"])
    network = Network(module, "3")
    network.black = (-2.0, -1.5, -1.0)
    black = network.black if baseline == "black" else (0.0, 0.0, 0.0)
    row = row.to(network, {}, side=SIDE)
    found = row.maps(network.forward(IMAGES, row.requests()), CLASSES)
    start = torch.tensor(black)[None, :, None, None].expand_as(IMAGES)
    with torch.no_grad():
        rows = torch.arange(3), CLASSES
        difference = module(IMAGES)[rows] - module(start)[rows]
    # Midpoints of 200 steps of a smooth function.
    assert torch.allclose(found.sum(dim=(1, 2)), difference, atol=1e-4)


def test_integrated_gradients_equal_captums():
    attr = pytest.importorskip("captum.attr")
    found = maps_of("integrated_gradients:steps=64:sigma=0:baseline=mean", net())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explained = attr.IntegratedGradients(net()).attribute(IMAGES, target=CLASSES, n_steps=64)
    # Gauss-Legendre points there, midpoints here, of a smooth function.
    assert torch.allclose(found, explained.sum(dim=1).float(), atol=1e-4)


def test_occlusion_of_a_linear_net_without_overlap_is_the_patchs_part_of_the_score():
    module = net(linear=True)
    found = maps_of("occlusion:patch=4:stride=4", module)
    gradient = maps_of_gradient(module)
    parts = F.avg_pool2d((IMAGES * gradient).sum(dim=1, keepdim=True), 4) * 16
    expected = parts.repeat_interleave(4, 2).repeat_interleave(4, 3)[:, 0]
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-5)


def maps_of_gradient(module: nn.Module) -> Tensor:
    images = IMAGES.clone().requires_grad_()
    module(images)[torch.arange(3), CLASSES].sum().backward()
    return images.grad


def test_occlusion_averages_the_patches_on_a_pixel():
    # One pixel per patch and a stride of 1: its own drop. The corner of patch 2 has one patch.
    module = net(linear=True)
    single = maps_of("occlusion:patch=1:stride=1", module)
    double = maps_of("occlusion:patch=2:stride=1", module)
    assert torch.allclose(double[:, 0, 0], single[:, :2, :2].sum(dim=(1, 2)), rtol=1e-3, atol=1e-5)


def test_rises_masks_are_open_by_p_and_shifted_by_less_than_a_cell():
    generator = torch.Generator().manual_seed(0)
    masks = random_masks(4_000, (6, 9), 3, 0.3, generator)
    assert masks.shape == (4_000, 6, 9)
    assert masks.min() >= 0
    assert masks.max() <= 1
    # 9 cells each: standard error of the mean of one pixel below 0.0073.
    assert (masks.mean(dim=0) - 0.3).abs().max() < 0.03


def test_rise_of_a_class_of_constant_probability_is_that_probability():
    module = net()
    nn.init.zeros_(module[3].weight)
    module[3].bias.data = torch.tensor([0.0, 1.0])
    found = maps_of("rise:n=3000:grid=2", module, IMAGES[:1])
    expected = torch.tensor([0.0, 1.0]).softmax(0)[0]
    # The mean of 3,000 masks over p has a standard error of at most 0.02.
    assert torch.allclose(found, expected.expand_as(found), atol=0.03)


def test_score_cam_by_its_definition():
    module = net()
    found = maps_of("score_cam", module)
    with torch.no_grad():
        for image, label, values in zip(IMAGES, CLASSES, found, strict=True):
            features = module[1](module[0](image[None]))[0]
            total = torch.zeros(SIDE, SIDE)
            for one in features:
                mask = (one - one.min()) / (one.max() - one.min())
                total += module((image * mask)[None]).softmax(1)[0, label] * one
            assert torch.allclose(values, total.relu(), rtol=1e-4, atol=1e-6)


def test_score_cam_skips_channels_that_are_constant():
    module = net()
    module[0].weight.data.zero_()
    assert maps_of("score_cam", module).abs().max() == 0
