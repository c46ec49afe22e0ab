"""Every arch in every topology: sizes, names, and the same function derived twice."""

import operator
import re

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, fx, nn

from wsol_bench.networks import graph
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.archs.layered_net import LayeredNet
from wsol_bench.networks.archs.layers import local_response_norm, max_pool, scaled
from wsol_bench.networks.archs.preprocessing import torchvision_input

ALL = [(arch, topology) for arch, entry in ARCHS.items() for topology in entry.topologies]
TORCHVISION = [(arch, topology) for arch, topology in ALL if topology == "torchvision"]

# Full networks; a demo network has fewer channels than its Caffe topology.
FULL = [(arch, topology) for arch, topology in ALL if topology != "demo"]

IN_PLACE = {
    getattr(operator, name)
    for name in ("iadd", "iand", "imatmul", "imul", "ior", "ipow", "isub", "itruediv", "ixor")
}
"""operator.iadd and the like, which `x += y` calls."""

CAFFE = [arch for arch, entry in ARCHS.items() if "caffe" in entry.topologies]

# VGG-16's, BVLC's (main branch) and the authors' own counts, with 1,000 classes.
CAFFE_COUNTS = {
    "vgg16": 138_357_544,
    "alexnet": 60_965_224,
    "googlenet": 6_998_552,
    "squeezenet1_1": 1_235_496,
}


def on_meta(arch: str, topology: str, classes: int = 1000, **options: float) -> nn.Module:
    with torch.device("meta"):
        return ARCHS[arch].topologies[topology].build(classes, **options)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def narrow_net(arch: str, classes: int = 10) -> tuple[LayeredNet, Tensor]:
    """A net of the Caffe topology at an eighth of its width, and two images for it."""
    torch.manual_seed(0)
    topology = ARCHS[arch].topologies["caffe"]
    side = topology.preprocessing.size
    # Pixels, so that the values are large enough for the normalisation to matter.
    return topology.build(classes, width=0.125), 500 * torch.randn(2, 3, side, side)


def test_the_table_is_keyed_by_the_names_of_its_archs():
    assert [entry.name for entry in ARCHS.values()] == list(ARCHS)


@pytest.mark.parametrize(("arch", "topology"), FULL)
def test_every_topology_states_the_sizes_of_its_maps(arch, topology):
    assert set(ARCHS[arch].topologies[topology].map_sizes) == {"features", "excitation"}


def map_sizes(arch: str, topology: str) -> tuple[tuple[int, int], ...]:
    """Channels and side at the features and at the excitation role, by running the net."""
    entry = ARCHS[arch].topologies[topology]
    net = on_meta(arch, topology, classes=21)
    shapes: dict[str, torch.Size] = {}
    for role in ("features", "excitation"):
        layer = net.get_submodule(entry.roles[role])
        layer.register_forward_hook(
            lambda _module, _inputs, output, role=role: shapes.update({role: output.shape})
        )
    side = entry.preprocessing.size
    assert net(torch.empty(2, 3, side, side, device="meta")).shape == (2, 21)
    for n, _, height, width in shapes.values():
        assert (n, height) == (2, width)
    return tuple((shape[1], shape[2]) for shape in (shapes["features"], shapes["excitation"]))


@pytest.mark.parametrize(("arch", "topology"), FULL)
def test_maps_and_scores_have_the_documented_sizes(arch, topology):
    stated = ARCHS[arch].topologies[topology].map_sizes
    assert map_sizes(arch, topology) == (stated["features"], stated["excitation"])


@pytest.mark.parametrize("arch", [arch for arch, topology in ALL if topology == "demo"])
def test_a_demo_net_has_the_full_nets_maps_and_fewer_channels(arch):
    for (channels, side), (full_channels, full_side) in zip(
        map_sizes(arch, "demo"), map_sizes(arch, "caffe"), strict=True
    ):
        assert side == full_side
        assert channels < full_channels


@pytest.mark.parametrize(("arch", "topology"), ALL)
def test_the_classifier_gives_one_output_per_class(arch, topology):
    net = on_meta(arch, topology, classes=21)
    layer = net.get_submodule(ARCHS[arch].topologies[topology].roles["classifier"])
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    assert layer.weight.shape[0] == 21


@pytest.mark.parametrize(("arch", "topology"), ALL)
def test_nothing_is_overwritten_in_place_once_a_network_is_traced(arch, topology):
    traced = graph.trace(on_meta(arch, topology, classes=5))
    assert not any(getattr(module, "inplace", False) for module in traced.modules())
    for step in traced.graph.nodes:
        assert not step.kwargs.get("inplace")
        assert step.op != "call_function" or step.target not in IN_PLACE
        assert step.op != "call_method" or not re.fullmatch(r"[a-z]\w*[a-z]_", step.target)


@pytest.mark.parametrize(("arch", "topology"), ALL)
def test_nets_are_built_in_evaluation_mode(arch, topology):
    assert not any(module.training for module in on_meta(arch, topology, classes=5).modules())


@pytest.mark.parametrize("arch", CAFFE_COUNTS)
def test_caffe_topologies_have_the_known_number_of_parameters(arch):
    assert count(on_meta(arch, "caffe")) == CAFFE_COUNTS[arch]


@pytest.mark.parametrize(("arch", "topology"), TORCHVISION)
def test_torchvision_topologies_agree_with_torchvisions_own_record(arch, topology):
    meta = torchvision.models.get_model_weights(arch)["IMAGENET1K_V1"].meta
    accuracy = meta["_metrics"]["ImageNet-1K"]
    published = ARCHS[arch].topologies[topology].published
    assert count(on_meta(arch, topology)) == meta["num_params"]
    assert published.top1 == pytest.approx(100 - accuracy["acc@1"], abs=0.006)
    assert published.top5 == pytest.approx(100 - accuracy["acc@5"], abs=0.006)


@pytest.mark.parametrize("arch", CAFFE)
def test_a_traced_net_gives_the_same_scores(arch):
    net, images = narrow_net(arch)
    assert torch.equal(fx.symbolic_trace(net)(images), net(images))


@pytest.mark.parametrize("arch", CAFFE)
@pytest.mark.parametrize("width", [0.01, 0.125, 0.3, 0.5])
def test_a_scaled_net_keeps_its_layers_and_its_classes(arch, width):
    full, small = on_meta(arch, "caffe", 10), on_meta(arch, "caffe", 10, width=width)
    assert [name for name, _ in full.named_modules()] == [name for name, _ in small.named_modules()]
    assert count(small) < count(full)
    classifier = ARCHS[arch].topologies["caffe"].roles["classifier"]
    for name, layer in small.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear) and name != classifier:
            assert layer.weight.shape[0] == scaled(full.get_submodule(name).weight.shape[0], width)
    side = ARCHS[arch].topologies["caffe"].preprocessing.size
    assert small(torch.empty(1, 3, side, side, device="meta")).shape == (1, 10)


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(4096, 0.25, 1024), (16, 0.25, 8), (96, 0.125, 16), (208, 0.25, 56), (10, 1.0, 10)],
)
def test_channels_are_scaled_to_multiples_of_eight(channels, width, expected):
    assert scaled(channels, width) == expected


def test_pooling_counts_a_window_that_hangs_over_the_edge():
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    # Windows of 3 at 0 and 2: the second sees two rows and columns only.
    assert max_pool("pool", 3, 2).build()(image).tolist() == [[[[10, 11], [14, 15]]]]


def test_local_response_norm_follows_caffes_formula():
    image = 100 * torch.rand(1, 7, 2, 2, generator=torch.Generator().manual_seed(0))
    expected = torch.empty_like(image)
    for channel in range(7):
        near = image[:, max(0, channel - 2) : channel + 3]
        # Krizhevsky et al. 2012, section 3.3; Caffe divides alpha by the size.
        scale = 1 + 1e-4 / 5 * near.square().sum(1)
        expected[:, channel] = image[:, channel] / scale**0.75
    torch.testing.assert_close(local_response_norm("norm").build()(image), expected)


def by_hand(net: LayeredNet, images: Tensor, *, pools_first: bool) -> Tensor:
    """AlexNet's features once more, from the papers' words and torch's functions."""

    def convolve(number: int, x: Tensor, **options: int) -> Tensor:
        layer = net.get_submodule(f"conv{number}")
        return F.relu(F.conv2d(x, layer.weight, layer.bias, **options))

    def pool_and_norm(x: Tensor) -> Tensor:
        if pools_first:
            return F.local_response_norm(F.max_pool2d(x, 3, 2), 5)
        return F.max_pool2d(F.local_response_norm(x, 5), 3, 2)

    x = pool_and_norm(convolve(1, images, stride=4))
    x = pool_and_norm(convolve(2, x, padding=2, groups=2))
    x = convolve(4, convolve(3, x, padding=1), padding=1, groups=2)
    return convolve(5, x, padding=1, groups=2)


def test_alexnet_is_the_net_of_its_paper():
    net, images = narrow_net("alexnet")
    x = F.max_pool2d(by_hand(net, images, pools_first=False), 3, 2).flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(net.get_submodule(name)(x))
    torch.testing.assert_close(net(images), net.get_submodule("fc8")(x))


def test_alexnet_cam_is_the_net_of_its_deploy_file():
    net, images = narrow_net("alexnet_cam")
    x = F.max_pool2d(by_hand(net, images, pools_first=True), 3, 1)
    for name in ("conv6", "conv7"):
        layer = net.get_submodule(name)
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, padding=1, groups=2))
    torch.testing.assert_close(net(images), net.get_submodule("fc9")(x.mean((2, 3))))


@pytest.mark.parametrize("arch", ["vgg16_cam", "googlenet_cam"])
def test_a_cam_net_is_its_trunk_with_zhous_head(arch):
    net, images = narrow_net(arch)
    base, _ = narrow_net(arch.removesuffix("_cam"))
    shared = {name: value for name, value in net.state_dict().items() if "CAM" not in name}
    assert not base.load_state_dict(shared, strict=False).unexpected_keys
    last = {"vgg16_cam": "relu5_3", "googlenet_cam": "inception_4e/output"}[arch]
    trunk: list[Tensor] = []
    base.get_submodule(last).register_forward_hook(lambda _m, _i, output: trunk.append(output))
    base(images)
    conv = net.get_submodule("CAM_conv")
    maps = F.relu(F.conv2d(trunk[0], conv.weight, conv.bias, padding=1, groups=2))
    torch.testing.assert_close(net(images), net.get_submodule("CAM_fc")(maps.mean((2, 3))))


@pytest.mark.parametrize("arch", ["vgg16", "squeezenet1_1"])
def test_caffes_and_torchvisions_layers_make_the_same_function(arch):
    torch.manual_seed(0)
    theirs = ARCHS[arch].topologies["torchvision"].build(5)
    ours = on_meta(arch, "caffe", 5)
    values = theirs.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)), assign=True)
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))


def prepared(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """What `Preprocessing` says, in its own words, on (n, 3, h, w) RGB."""
    mean = torch.tensor(preprocessing.mean).reshape(3, 1, 1)
    std = torch.tensor(preprocessing.std).reshape(3, 1, 1)
    return (pixels * preprocessing.scale - mean) / std


def test_googlenets_preprocessing_is_what_torchvision_does_inside():
    torch.manual_seed(0)
    theirs = torchvision.models.GoogLeNet(
        num_classes=5, aux_logits=True, transform_input=True, init_weights=False
    ).eval()
    ours = ARCHS["googlenet"].topologies["torchvision"].build(5)
    ours.load_state_dict(
        {name: value for name, value in theirs.state_dict().items() if "aux" not in name}
    )
    pixels = torch.randint(0, 256, (1, 3, 224, 224))
    own = prepared(pixels, ARCHS["googlenet"].topologies["torchvision"].preprocessing)
    usual = prepared(pixels, torchvision_input(224))
    torch.testing.assert_close(own, theirs._transform_input(usual), rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(ours(own), theirs(usual), rtol=1e-4, atol=1e-5)


def test_torchvisions_preprocessing_is_that_of_its_presets():
    for arch, topology in TORCHVISION:
        preset = torchvision.models.get_model_weights(arch)["IMAGENET1K_V1"].transforms()
        assert ARCHS[arch].topologies[topology].preprocessing.size == preset.crop_size[0]
        assert torchvision_input(224).mean == tuple(preset.mean)
        assert torchvision_input(224).std == tuple(preset.std)


def test_every_relu_has_the_name_that_caffe_gives_it():
    names = {
        name
        for name, module in on_meta("googlenet", "caffe").named_modules()
        if isinstance(module, nn.ReLU)
    }
    assert len(names) == 3 + 9 * 6
    assert all(re.search(r"/relu_(7x7|1x1|(3x3|5x5)(_reduce)?|pool_proj)$", name) for name in names)
    assert "inception_4c/relu_5x5_reduce" in names
    assert hasattr(on_meta("vgg16", "caffe"), "relu5_3")
    assert hasattr(on_meta("squeezenet1_1", "caffe"), "fire9/relu_expand3x3")
