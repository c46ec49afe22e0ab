"""Methods over features and gradients: by hand, against other libraries, and by identity."""

import warnings
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wsol_bench.errors import NotApplicable
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.networks.cells import Cells
from wsol_bench.networks.forward import PIXELS, Network, Requests
from wsol_bench.networks.hooked import Hooked

# Sums of at most 432 products in float32, in another order.
CLOSE = {"rtol": 1e-4, "atol": 1e-6}

IMAGES = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(2))
LABELS = torch.tensor([0, 1, 2, 4])


@pytest.fixture(autouse=True)
def quiet():
    """The other libraries warn of gradients that they set themselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def hand_set(*rows: list[float]) -> nn.Sequential:
    """Features of 2 channels, the red and green channel of 2x2 pixels, and linear scores.

    Each row holds the 8 weights of one class: 4 cells of red, 4 of green, so the gradient at a
    feature is that weight.
    """
    net = nn.Sequential(
        OrderedDict(
            features=nn.Conv2d(3, 2, 1, bias=False),
            flatten=nn.Flatten(),
            linear=nn.Linear(8, len(rows), bias=False),
        )
    )
    net.features.weight.data = torch.eye(2, 3)[..., None, None]
    net.linear.weight.data = torch.tensor(rows)
    return net


RED, GREEN = [[4.0, 0], [2, 1]], [[1.0, 0], [1, 3]]
IMAGE = torch.tensor([[RED, GREEN, [[9.0, 9], [9, 9]]]])
WEIGHTS = [1.0, 2, 0, -1, -2, 0, 1, 0.5]


def maps_of(spec: str, network: Network, images: Tensor, classes: Tensor, **roles: str) -> Tensor:
    (row,) = find_methods([spec])
    row = row.to(network, roles)
    return row.maps(network.forward(images, row.requests()), classes)


def by_hand(spec: str, weights: list[float] = WEIGHTS) -> list[list[float]]:
    network = Network(hand_set(weights), "linear")
    found = maps_of(spec, network, IMAGE, torch.tensor([0]), features="features")
    return [[pytest.approx(value) for value in row] for row in found[0].tolist()]


def test_grad_cam_of_either_sign_by_hand():
    # Mean gradients: red (1 + 2 + 0 - 1) / 4 = 0.5, green (-2 + 0 + 1 + 0.5) / 4 = -0.125.
    assert by_hand("grad_cam") == [[2 - 0.125, 0], [1 - 0.125, 0.5 - 0.375]]
    assert by_hand("grad_cam:sign=negative", [-each for each in WEIGHTS]) == by_hand("grad_cam")
    green = [0.0, 0, 0, 0, -2, 0, 1, 0.5]
    assert by_hand("grad_cam:sign=negative", green) == [[0.125, 0], [0.125, 0.375]]


def test_grad_cam_pp_by_hand():
    # Sum of red: 7, of green: 5. alpha = 1 / (2 + G sum); only cells with G > 0 count.
    red = 1 / (2 + 7) * 1 + 1 / (2 + 14) * 2
    green = 1 / (2 + 5) * 1 + 1 / (2 + 2.5) * 0.5
    expected = [[red * 4 + green, 0], [red * 2 + green, red + green * 3]]
    assert by_hand("grad_cam_pp") == expected


def test_grad_cam_pps_weight_is_0_where_the_denominator_is():
    # Sum of red 7 and G = -2/7: 2 G^2 + G^3 sum = 0. It is negative, so it counts for nothing.
    assert by_hand("grad_cam_pp", [-2 / 7, 0, 0, 0, 0, 0, 0, 0]) == [[0, 0], [0, 0]]


def test_xgrad_cam_by_hand():
    red = (4 * 1 + 0 * 2 + 2 * 0 + 1 * -1) / 7
    green = (1 * -2 + 0 + 1 * 1 + 3 * 0.5) / 5
    assert by_hand("xgrad_cam") == [
        [4 * red + green, 0],
        [2 * red + green, red + 3 * green],
    ]


def test_xgrad_cams_weight_is_0_where_the_features_sum_to_0():
    network = Network(hand_set(WEIGHTS), "linear")
    image = IMAGE.clone()
    image[0, 0] = torch.tensor([[1.0, -1], [0, 0]])
    found = maps_of("xgrad_cam", network, image, torch.tensor([0]), features="features")
    green = (1 * -2 + 0 + 1 * 1 + 3 * 0.5) / 5
    expected = [[green, 0], [green, 3 * green]]
    assert found[0].tolist() == [[pytest.approx(value) for value in row] for row in expected]


def test_hires_cam_by_hand():
    # Cell by cell: 4 - 2, 0, 0 + 1, -1 + 1.5.
    assert by_hand("hires_cam") == [[2, 0], [1, 0.5]]


def test_layer_cam_by_hand():
    # Cell by cell, positive gradients only: 4, 0, 1, 1.5.
    assert by_hand("layer_cam") == [[4, 0], [1, 1.5]]


def test_layer_cam_fuses_the_maximum_of_scaled_layers():
    net = nn.Sequential(OrderedDict(fine=nn.ReLU(), **hand_set(WEIGHTS)._modules))
    net.features.weight.data[0, 1] = -1  # red less green, so the layers' maps differ
    network = Network(net, "linear")
    row = torch.tensor([0])
    single = [
        maps_of("layer_cam", network, IMAGE, row, features=name)[0] for name in ("fine", "features")
    ]
    fused = maps_of("layer_cam:layer=fine+features", network, IMAGE, row, features="features")[0]
    scaled = [(2 * each / each.max()).tanh() for each in single]
    assert torch.allclose(fused, torch.maximum(*scaled))
    assert not torch.allclose(*scaled)


def test_layer_cam_enlarges_coarse_layers_to_the_finest_grid():
    net = small_net()
    network = Network(net, "8")
    found = maps_of("layer_cam:layer=1+4", network, IMAGES, LABELS, features="4")
    fine, coarse = (
        maps_of("layer_cam", network, IMAGES, LABELS, features=name) for name in ("1", "4")
    )
    coarse = (2 * coarse / coarse.amax(dim=(1, 2), keepdim=True)).tanh()
    coarse = F.interpolate(coarse[:, None], fine.shape[1:], mode="bilinear")[:, 0]
    fine = (2 * fine / fine.amax(dim=(1, 2), keepdim=True)).tanh()
    assert found.shape == (4, 12, 12)
    assert torch.allclose(found, torch.maximum(fine, coarse), **CLOSE)


def test_eigen_cam_by_hand():
    # One channel alone: its direction is the first, and the map is the channel itself.
    network = Network(hand_set(WEIGHTS), "linear")
    image = IMAGE.clone()
    image[0, 1] = 0
    for sign in (1, -1):
        found = maps_of("eigen_cam", network, sign * image, torch.tensor([0]), features="features")
        assert found[0].tolist() == [[pytest.approx(v, abs=1e-6) for v in row] for row in RED]


def test_eigen_cam_is_the_direction_of_the_largest_sum_of_squares():
    network = Network(small_net(), "8")
    found = maps_of("eigen_cam", network, IMAGES, LABELS, features="4")
    features = network.forward(IMAGES, Requests(features=frozenset({"4"}))).features("4")
    for one, values in zip(found, features, strict=True):
        matrix = values.flatten(1).double().T
        squares, directions = torch.linalg.eigh(matrix.T @ matrix)  # another decomposition
        expected = matrix @ directions[:, -1]
        expected = (expected * expected.sum().sign()).float()
        assert one.square().sum().item() == pytest.approx(squares[-1].item(), rel=1e-5)
        assert torch.allclose(one.flatten(), expected, rtol=1e-3, atol=1e-4)


# Against other libraries


def small_net() -> nn.Sequential:
    """Features and two linear layers, for gradients that differ from cell to cell."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 6 * 6, 9),
        nn.ReLU(),
        nn.Linear(9, 5),
    ).eval()


PEERS = {
    "xgrad_cam": "XGradCAM",
    "hires_cam": "HiResCAM",
    "layer_cam": "LayerCAM",
}


@pytest.mark.parametrize("layer", ["1", "4"])
@pytest.mark.parametrize("name", PEERS)
def test_maps_equal_pytorch_grad_cams(name, layer):
    library = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    net = small_net()
    with getattr(library, PEERS[name])(model=net, target_layers=[net[int(layer)]]) as method:
        explained = method(IMAGES, [targets.ClassifierOutputTarget(int(c)) for c in LABELS])
    found = maps_of(name, Network(net, "8"), IMAGES, LABELS, features=layer)
    # The library scales each map to 0..1, enlarges it to the image and scales it again.
    enlarged = F.interpolate(scaled(found)[:, None], (12, 12), mode="bilinear")[:, 0]
    assert found.amax() > 0
    # It adds 1e-7 to each divisor and resizes with OpenCV.
    assert (scaled(enlarged) - torch.from_numpy(explained)).abs().max() < 1e-5


def scaled(maps: Tensor) -> Tensor:
    low, high = (getattr(maps, end)(dim=(1, 2), keepdim=True) for end in ("amin", "amax"))
    return (maps - low) / (high - low)


def test_xgrad_cam_equals_torch_cams():
    methods = pytest.importorskip("torchcam.methods")
    net = small_net()
    found = maps_of("xgrad_cam", Network(net, "8"), IMAGES, LABELS, features="4")
    with methods.XGradCAM(net, "4", input_shape=(3, 12, 12)) as extractor:
        (explained,) = extractor(LABELS.tolist(), net(IMAGES), normalized=False)
    assert torch.allclose(found, explained.detach().relu(), **CLOSE)


def test_layer_cam_equals_torch_cams():
    methods = pytest.importorskip("torchcam.methods")
    net = small_net()
    found = maps_of("layer_cam", Network(net, "8"), IMAGES, LABELS, features="4")
    with methods.LayerCAM(net, "4", input_shape=(3, 12, 12)) as extractor:
        (explained,) = extractor(LABELS.tolist(), net(IMAGES), normalized=False)
    assert torch.allclose(found, explained.detach().relu(), **CLOSE)


@pytest.mark.parametrize(
    ("name", "theirs"), [("guided_backprop", "GuidedBackprop"), ("deconvnet", "Deconvolution")]
)
def test_ruled_gradients_equal_captums(name, theirs):
    attr = pytest.importorskip("captum.attr")
    net = small_net()
    found = maps_of(f"{name}:sigma=0", Network(net, "8"), IMAGES, LABELS)
    explained = getattr(attr, theirs)(small_net()).attribute(IMAGES.clone(), LABELS)
    assert found.max() > 0
    assert torch.allclose(found, explained.abs().amax(dim=1), **CLOSE)


def test_input_x_gradient_equals_captums():
    attr = pytest.importorskip("captum.attr")
    found = maps_of("input_x_gradient:sigma=0", Network(small_net(), "8"), IMAGES, LABELS)
    explained = attr.InputXGradient(small_net()).attribute(IMAGES.clone(), LABELS)
    assert torch.allclose(found, explained.detach().abs().sum(dim=1), **CLOSE)


def test_guided_grad_cam_equals_captums_guided_backprop_times_its_grad_cam():
    attr = pytest.importorskip("captum.attr")
    net = small_net()
    found = maps_of("guided_grad_cam:sigma=0", Network(net, "8"), IMAGES, LABELS, features="4")
    guided = attr.GuidedBackprop(small_net()).attribute(IMAGES.clone(), LABELS)
    again = small_net()
    coarse = attr.LayerGradCam(again, again[4]).attribute(IMAGES, LABELS, relu_attributions=True)
    enlarged = F.interpolate(coarse.detach(), (12, 12), mode="bilinear")
    assert found.max() > 0
    assert torch.allclose(found, (guided * enlarged).abs().amax(dim=1), **CLOSE)


# By identity


def pooled_net() -> nn.Sequential:
    """Features after a ReLU, global average pooling, one linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    ).eval()


@pytest.mark.parametrize("name", ["hires_cam", "xgrad_cam"])
def test_where_the_gradient_is_the_same_in_all_cells_the_map_is_grad_cams(name):
    network = Network(pooled_net(), "4")
    found, grad_cam = (
        maps_of(each, network, IMAGES, LABELS, features="1") for each in (name, "grad_cam")
    )
    assert grad_cam.max() > 0
    assert torch.allclose(found, grad_cam, **CLOSE)


def test_hires_cam_before_its_relu_sums_to_the_score_of_a_linear_head():
    network = Network(hand_set(WEIGHTS), "linear")
    scores = network.forward(IMAGE, Requests()).scores
    negative = [-each for each in WEIGHTS]
    against = maps_of(
        "hires_cam",
        Network(hand_set(negative), "linear"),
        IMAGE,
        torch.tensor([0]),
        features="features",
    )
    for_it = maps_of("hires_cam", network, IMAGE, torch.tensor([0]), features="features")
    assert (for_it - against).sum().item() == pytest.approx(scores[0, 0].item())


def test_input_x_gradient_of_a_linear_net_sums_to_its_score():
    weights = [abs(each) for each in WEIGHTS]  # no sign is lost to the absolute value
    network = Network(hand_set(weights), "linear")
    found = maps_of("input_x_gradient:sigma=0", network, IMAGE, torch.tensor([0]))
    score = network.forward(IMAGE, Requests()).scores[0, 0]
    assert found.sum().item() == pytest.approx(score.item())


def test_input_x_gradient_at_a_layer_reads_that_layers_output():
    network = Network(hand_set([abs(each) for each in WEIGHTS]), "linear")
    row = torch.tensor([0])
    there = maps_of("input_x_gradient:sigma=0:layer=features", network, IMAGE, row)
    at_pixels = maps_of("input_x_gradient:sigma=0", network, IMAGE, row)
    assert torch.allclose(there, at_pixels)  # the features are the pixels


# Transformers


class TinyTransformer(nn.Module):
    """One class token and 2x3 cells, single-head attention in some blocks, and a linear head."""

    def __init__(self, blocks: int = 2, width: int = 4) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patch = nn.Conv2d(3, width, 2, stride=2)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.blocks = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(blocks))
        self.head = nn.Linear(width, 3)

    def forward(self, images: Tensor) -> Tensor:
        cells = self.patch(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(cells), -1, -1), cells], dim=1)
        for block in self.blocks:
            query, key, value = block(tokens)[:, None].chunk(3, dim=-1)
            tokens = tokens + F.scaled_dot_product_attention(query, key, value)[:, 0]
        return self.head(tokens[:, 0])


PATCHES = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(3))


def transformer(**options: int) -> Network:
    tokens = Cells("tokens", 2, 3, prefix=1)
    module = Hooked(TinyTransformer(**options), "head", "a test")
    return Network(module, "head", tokens=tokens)


def attention_of(network: Network) -> tuple[Tensor, ...]:
    return network.forward(PATCHES, Requests(attention=True)).attention()


def test_rollout_of_one_block_is_half_the_class_tokens_attention():
    network = transformer(blocks=1)
    found = maps_of("attention_rollout", network, PATCHES, torch.tensor([0, 1]))
    (attention,) = attention_of(network)  # rows of A + I sum to 2
    assert found.shape == (2, 2, 3)
    assert torch.allclose(found, attention[:, 0, 0, 1:].unflatten(1, (2, 3)) / 2)


def test_rollout_multiplies_the_later_block_from_the_left():
    network = transformer(blocks=3)
    found = maps_of("attention_rollout", network, PATCHES, torch.tensor([0, 1]))
    expected = torch.eye(7)
    for attention in attention_of(network):
        expected = (attention[:, 0] + torch.eye(7)) / 2 @ expected
    assert torch.allclose(found.flatten(1), expected[:, 0, 1:], atol=1e-6)
    other = maps_of("attention_rollout", network, PATCHES, torch.tensor([2, 2]))
    assert torch.equal(found, other)


def test_gradient_attention_of_one_block_is_the_positive_part_of_attention_times_gradient():
    network = transformer(blocks=1)
    classes = torch.tensor([0, 2])
    found = maps_of("gradient_attention", network, PATCHES, classes)
    requests = Requests(attention=True, attention_gradient=True)
    forward = network.forward(PATCHES, requests)
    (gradient,), (attention,) = forward.attention_gradient(classes), forward.attention()
    expected = (gradient * attention).relu()[:, 0, 0, 1:]
    assert expected.max() > 0
    assert torch.allclose(found.flatten(1), expected)


def test_gradient_attention_accumulates_from_the_first_block_on():
    network = transformer(blocks=3)
    classes = torch.tensor([1, 2])
    found = maps_of("gradient_attention", network, PATCHES, classes)
    requests = Requests(attention=True, attention_gradient=True)
    forward = network.forward(PATCHES, requests)
    blocks = zip(forward.attention(), forward.attention_gradient(classes), strict=True)
    relevance = torch.eye(7).expand(2, -1, -1)
    for attention, gradient in blocks:
        relevance = relevance + (gradient * attention).relu()[:, 0] @ relevance
    assert torch.allclose(found.flatten(1), relevance[:, 0, 1:], atol=1e-6)
    assert not torch.equal(found, maps_of("gradient_attention", network, PATCHES, 2 - classes))


@pytest.mark.parametrize("name", ["attention_rollout", "gradient_attention"])
def test_attention_without_a_class_token_is_not_applicable(name):
    network = transformer()
    network.tokens = Cells("tokens", 2, 3)
    with pytest.raises(NotApplicable, match="needs a class token"):
        METHODS[name].check(network, PIXELS)


@pytest.mark.parametrize("name", ["guided_backprop", "deconvnet", "guided_grad_cam"])
def test_a_backward_rule_of_relu_is_not_applicable_without_one(name):
    network = Network(hand_set(WEIGHTS), "linear", has_relu=False)
    with pytest.raises(NotApplicable, match="acts on ReLUs; this network has none"):
        METHODS[name].check(network, "features")


def test_tscam_is_the_summed_attention_times_the_semantic_map_of_the_class():
    # Two layers of two heads over a class token and two cells; only its row counts.
    def attention(first: float, second: float) -> torch.Tensor:
        heads = torch.zeros(1, 2, 3, 3)
        heads[0, 0, 0, 1:], heads[0, 1, 0, 1:] = torch.tensor([[first, 0.0], [0.0, second]])
        return heads

    semantic = torch.tensor([[[[9.0, 9.0]], [[2.0, -4.0]]]])
    forward = SimpleNamespace(
        features=lambda layer: semantic,
        attention=lambda: (attention(0.5, 0.25), attention(0.5, 0.75)),
        network=SimpleNamespace(outputs=None),
        grid=(1, 2),
        prefix_tokens=1,
    )
    found = METHODS["tscam"].maps(forward, "head", torch.tensor([1]))
    # Means over heads, summed over layers: 0.25 + 0.25 and 0.125 + 0.375.
    assert found.tolist() == [[[1.0, -2.0]]]
