"""Every method on every arch, and each method against another library's."""

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wsol_bench.datasets.example import Example
from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.geometry import Size
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.methods.entry import BoxMethod, Frame, MapMethod
from wsol_bench.methods.smoothing import smooth
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.forward import PIXELS, Network, Requests

MAP_METHODS = {
    name: method
    for name, method in METHODS.items()
    if isinstance(method, MapMethod) and method.passes is None  # the others are in test_passes
}
BOX_METHODS = {name: method for name, method in METHODS.items() if isinstance(method, BoxMethod)}
NETS = [(arch, topology) for arch, entry in ARCHS.items() for topology in entry.topologies]

every_map_method = pytest.mark.parametrize("method", MAP_METHODS.values(), ids=MAP_METHODS)

RAW = {
    name: {"sigma": 0.0}
    for name, method in MAP_METHODS.items()
    if any(option.name == "sigma" for option in method.options)
}
"""Options under which a method is compared with a library that does not smooth."""


# Contracts, over the tables


def filled(module: nn.Module) -> nn.Module:
    """Random weights under which signals neither vanish nor grow from layer to layer."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            if layer.bias is not None:
                nn.init.normal_(layer.bias, std=0.1)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
            nn.init.normal_(layer.bias, std=0.1)
    return module


def maps_of(
    method: MapMethod, network: Network, layer: str, images: Tensor, classes: list[int]
) -> Tensor:
    """Its maps of one class per image, by a pass of its own."""
    forward = network.forward(images, method.requests(layer))
    return method.maps(forward, layer, torch.tensor(classes))


CLASSES, OTHERS = [5, 0, 5], [4, 1, 2]


class Tiny:
    """A net as narrow as it can be had, for 6 classes, and three images for it."""

    def __init__(self, arch: str, topology: str, dtype: torch.dtype = torch.float32) -> None:
        entry = ARCHS[arch].topologies[topology]
        side = entry.preprocessing.size
        if "width" in inspect.signature(entry.build).parameters:
            module = entry.build(6, width=1 / 16)
        else:  # torchvision's own: as wide as they are, but they take small images
            side = 64
            with torch.device("meta"):
                module = entry.build(6)
            module = module.to_empty(device="cpu")
        self.arch, self.topology, self.roles = arch, topology, entry.roles
        self.network = Network(filled(module).to(dtype), entry.roles["classifier"])
        seeded = torch.Generator().manual_seed(1)
        self.images = torch.randn(3, 3, side, side, generator=seeded).to(dtype)

    def layer(self, method: MapMethod) -> str:
        return self.roles.get(method.role, self.roles["features"]) if method.role else PIXELS

    @cached_property
    def placed(self) -> dict[str, str]:
        """The methods that the network can carry, at their layers."""
        found = {}
        for name, method in MAP_METHODS.items():
            with suppress(NotApplicable):
                method.check(self.network, self.layer(method))
                found[name] = self.layer(method)
        return found

    def run(self, *rows: int) -> dict[str, list[Tensor]]:
        """Every method's maps of CLASSES and of OTHERS, by one pass over some of the images."""
        requests = Requests.merge(
            MAP_METHODS[name].requests(layer) for name, layer in self.placed.items()
        )
        forward = self.network.forward(self.images[list(rows)], requests)
        choices = [torch.tensor(classes)[list(rows)] for classes in (CLASSES, OTHERS)]
        return {
            name: [MAP_METHODS[name].maps(forward, layer, one) for one in choices]
            for name, layer in self.placed.items()
        }

    @cached_property
    def precise(self) -> "Tiny":
        """The same in double precision."""
        return Tiny(self.arch, self.topology, torch.float64)

    @cached_property
    def batch(self) -> dict[str, list[Tensor]]:
        return self.run(0, 1, 2)

    @cached_property
    def one_by_one(self) -> list[dict[str, list[Tensor]]]:
        return [self.run(row) for row in range(3)]

    def maps(self, method: MapMethod) -> list[Tensor]:
        """Its maps in `batch`; where the network cannot carry it, a skipped test."""
        if method.name not in self.placed:
            pytest.skip("n/a, which is tested by itself")
        return self.batch[method.name]

    def allowed(self, method: MapMethod) -> Tensor:
        """How far two ways to the same maps may lie apart, in each map, (n, 1, 1).

        Passes over other batches, or with other signals stacked, add in another
        order: some twenty layers of sums of a thousand terms, each with a relative
        error near 2^-24 * sqrt(1000), make 4e-5 of the largest value. A contrast is
        the difference of two signals as large as the plain one, so its error is a
        share of that; those sums have one sign and err by far less.
        """
        of, share = ("mwp", 2e-6) if method.name == "c_mwp" else (method.name, 1e-4)
        return share * self.batch[of][0].abs().amax(dim=(1, 2), keepdim=True)


FIRST = dict(reversed(NETS))
"""The topology of each arch that the default suite runs; the others differ in few layers."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            net, id="-".join(net), marks=() if FIRST[net[0]] == net[1] else pytest.mark.slow
        )
        for net in NETS
    ],
)
def tiny(request: pytest.FixtureRequest) -> Tiny:
    return Tiny(*request.param)


@every_map_method
def test_maps_are_finite_float32_of_the_size_of_their_layer(method, tiny):
    layer = tiny.layer(method)
    for maps in tiny.maps(method):
        read = tiny.network.forward(tiny.images, Requests(features=frozenset({layer}))).features(
            layer
        )
        # A method that reads pixels and a layer makes its map at the pixels.
        both = method.role is not None and PIXELS in method.requests(layer).graph_starts
        assert maps.shape == (3, *(tiny.images if both else read).shape[2:])
        assert maps.dtype == torch.float32
        assert not maps.requires_grad
        assert torch.isfinite(maps).all()


@every_map_method
def test_maps_differ_from_cell_to_cell_and_from_class_to_class(method, tiny):
    # Else what the other tests say of them would be empty. Grad-CAM's ReLU leaves
    # some maps of a random network all zero.
    maps, others = tiny.maps(method)
    both = torch.cat([maps, others]).flatten(1)
    assert (both.amax(1) > both.amin(1)).any()
    assert torch.equal(maps, others) is not method.knows_class


def test_a_pass_made_again_gives_the_same_maps_bit_for_bit(tiny):
    again = tiny.run(0, 1, 2)
    for name, maps in tiny.batch.items():
        assert all(map(torch.equal, maps, again[name]))


@every_map_method
def test_the_maps_of_a_batch_are_those_of_its_images_one_by_one(method, tiny):
    # In single precision another order of sums may turn a ReLU on or choose another
    # winner of a pooling window, and then a whole map differs; which, depends on the machine.
    maps, _ = tiny.precise.maps(method)
    alone = torch.cat([found[method.name][0] for found in tiny.precise.one_by_one])
    largest = tiny.precise.batch["mwp" if method.name == "c_mwp" else method.name][0].abs().amax()
    assert ((maps - alone).abs() <= 1e-10 * largest).all()


@every_map_method
def test_one_pass_for_all_methods_gives_what_each_gives_by_itself(method, tiny):
    maps, _ = tiny.maps(method)
    alone = maps_of(method, tiny.network, tiny.layer(method), tiny.images, CLASSES)
    assert ((maps - alone).abs() <= tiny.allowed(method)).all()


def test_signals_are_positive_and_sum_to_at_most_one_and_contrasts_to_about_nothing(tiny):
    plain, contrast = tiny.batch["mwp"][0], tiny.batch["c_mwp"][0]
    sums = plain.sum(dim=(1, 2))
    rounding = 1e-5  # of some twenty layers of shares in float32
    assert (plain >= 0).all()
    assert (sums <= 1 + rounding).all()
    assert (sums > 0.1).all()
    # Dead units lose signal. Where none did, the contrast's two halves are whole too.
    whole = sums >= 1 - rounding
    assert (contrast.sum(dim=(1, 2)).abs()[whole] <= rounding).all()
    assert (contrast.amin(dim=(1, 2)) < 0).all()


CAM_NETS = {name for name, arch in ARCHS.items() if "cam" not in arch.unsupported}


@every_map_method
def test_only_cam_and_what_reads_attention_is_not_for_every_network(method, tiny):
    if method.name == "cam" and tiny.arch not in CAM_NETS:
        with pytest.raises(NotApplicable, match="CAM needs average pooling") as refused:
            method.check(tiny.network, tiny.layer(method))
        assert tiny.network.classifier in str(refused.value)
    elif method.requests(tiny.layer(method)).wants_attention:
        with pytest.raises(NotApplicable, match="needs attention between all tokens"):
            method.check(tiny.network, tiny.layer(method))
    else:
        method.check(tiny.network, tiny.layer(method))


def test_grad_cam_is_cam_on_every_arch_that_ends_in_pooling(tiny):
    if tiny.arch not in CAM_NETS:
        pytest.skip("does not end in pooling")
    for cam, grad_cam in zip(tiny.batch["cam"], tiny.batch["grad_cam"], strict=True):
        cells = cam[0].numel()
        assert torch.allclose(grad_cam, cam.relu() / cells, rtol=1e-4, atol=1e-6 * cam.abs().max())


def ends_in(*layers: nn.Module) -> nn.Sequential:
    """A convolution, a ReLU and the layers, the last of them the classifier."""
    *between, classifier = layers
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), *between)
    net.add_module("classifier", classifier)
    return net


@pytest.mark.parametrize(
    ("net", "layer", "reason"),
    [
        (ends_in(nn.Flatten(), nn.Linear(8, 5)), "1", "classifier comes after 1$"),
        (ends_in(nn.AdaptiveAvgPool2d(1), nn.Conv2d(2, 5, 1)), "1", "classifier is Conv2d"),
        (
            ends_in(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 5)),
            "0",
            "the layer that is pooled, 1, not 0",
        ),
        (
            ends_in(nn.AdaptiveAvgPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(8, 5)),
            "1",
            "one weight per feature map; classifier takes 8 inputs from 2 maps",
        ),
    ],
)
def test_cam_says_what_stands_in_its_way(net, layer, reason):
    with pytest.raises(NotApplicable, match=reason):
        METHODS["cam"].check(Network(net, "classifier"), layer)


@pytest.mark.parametrize(
    "method", [each for each in MAP_METHODS.values() if each.layers], ids=lambda each: each.name
)
def test_an_unknown_layer_is_a_usage_error_that_names_the_nearest(method):
    with pytest.raises(UsageError, match=r"'faetures'.* Did you mean features"):
        method.check(Network(hand_set_net(), "linear"), "faetures")


@pytest.mark.parametrize("name", ["grad_cam", "mwp", "c_mwp", "backprop"])
def test_a_layer_without_cells_is_a_usage_error(name):
    with pytest.raises(UsageError, match="'flatten' can give no map"):
        maps_of(
            MAP_METHODS[name],
            Network(hand_set_net(), "linear"),
            "flatten",
            torch.ones(1, 3, 2, 2),
            [0],
        )


@pytest.mark.parametrize("size", [Size(3, 7), Size(500, 375), Size(1, 1)])
@pytest.mark.parametrize("method", BOX_METHODS.values(), ids=BOX_METHODS)
def test_a_box_without_a_map_lies_in_the_image(method, size):
    examples = [example("a", (0, 0, 1, 1)), example("b", (0, 0, 1, 1))]
    x0, y0, x1, y1 = bound(method, examples).box(Frame(size, "an image"))
    assert 0 <= x0 < x1 <= size.width
    assert 0 <= y0 < y1 <= size.height


def bound(method: BoxMethod, examples: list[Example]) -> BoundMethod:
    """A baseline with its default options, and what it learns from examples."""
    options = {option.name: option.default for option in method.options}
    dataset = SimpleNamespace(examples=examples)
    return BoundMethod(method.name, method.title, method, options).on(dataset)


SIZE = Size(10, 20)


def example(image_id: str, *boxes: tuple[float, ...], size: Size | None = SIZE) -> Example:
    return Example(image_id, 1, 0, np.array(boxes, dtype=float), size)


def test_the_centred_box_is_71_per_cent_of_each_side():
    box = bound(METHODS["center"], []).box(Frame(Size(height=200, width=1000), ""))
    # Half of 29 % is left at each side. The products are rounded in float64.
    assert box == pytest.approx([145, 29, 855, 171], abs=1e-9)


def test_a_random_box_depends_on_the_images_id_and_the_seed_alone():
    size, method = Size(100, 300), METHODS["random_box"]
    boxes = [bound(method, []).box(Frame(size, name)).tolist() for name in ("a", "b", "a")]
    assert boxes[0] == boxes[2] != boxes[1]
    (other,) = find_methods(["random_box:seed=1"])
    assert other.box(Frame(size, "a")).tolist() != boxes[0]


def test_a_random_box_has_sides_of_the_given_share_or_more_and_any_place():
    (method,) = find_methods(["random_box:low=0.5"])
    boxes = np.array([method.box(Frame(Size(1, 1), str(number))) for number in range(2_000)])
    sides = boxes[:, 2:] - boxes[:, :2]
    assert sides.min() >= 0.5
    # Uniform from 0.5 to 1: mean 0.75, and a standard error of 0.0032 over 2,000.
    assert sides.mean(axis=0) == pytest.approx([0.75, 0.75], abs=0.013)
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    assert centres.mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.013)


def test_the_prior_box_is_right_for_most_images_of_the_other_half():
    # Every box is the left half but that of one image; its own box does not sway its prior.
    images = [f"image{number}" for number in range(40)]
    for odd in images[:4]:
        examples = [
            example(name, (14, 0, 20, 10) if name == odd else (0, 0, 10, 10)) for name in images
        ]
        x0, y0, x1, y1 = bound(METHODS["prior"], examples).box(Frame(Size(60, 40), odd))
        left_half = 20 * 60
        inner = (min(x1, 20) - x0) * (y1 - y0)
        assert inner >= 0.5 * ((x1 - x0) * (y1 - y0) + left_half - inner)


def test_the_prior_box_of_one_box_is_the_first_of_those_that_hit_it():
    # The whole image is the box; the first candidate whose area is half of it or more.
    examples = [example(f"image{number}", (0, 0, 20, 10)) for number in range(9)]
    box = bound(METHODS["prior"], examples).box(Frame(Size(1, 1), "another"))
    assert box == pytest.approx([0, 0, 0.55, 0.95])


def test_no_image_decides_its_own_prior_box():
    examples = [example("lone", (2, 1, 4, 3)), example("no size", (0, 0, 9, 9), size=None)]
    assert bound(METHODS["prior"], examples).box(Frame(Size(10, 20), "lone")).tolist() == [
        0,
        0,
        20,
        10,
    ]


@pytest.mark.parametrize("name", METHODS)
def test_the_table_is_keyed_by_the_names_of_its_methods(name):
    assert METHODS[name].name == name


# Against other libraries


def pooled_net() -> nn.Sequential:
    """Features, global average pooling, one linear layer."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    ).eval()


def deep_net() -> nn.Sequential:
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


IMAGES = torch.randn(4, 3, 12, 12, generator=torch.Generator().manual_seed(2))
LABELS = [0, 1, 2, 4]
# Sums of at most 216 products in float32, in another order.
CLOSE = {"rtol": 1e-4, "atol": 1e-6}

several_nets = pytest.mark.parametrize(
    ("build", "classifier"), [(pooled_net, "7"), (deep_net, "8")], ids=["pooled", "deep"]
)


@pytest.fixture
def quiet() -> Iterator[None]:
    """Captum warns that it sets requires_grad on the images, which we want."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def ours(name: str, net: nn.Module, classifier: str, layer: str) -> Tensor:
    method = MAP_METHODS[name]
    network = Network(net, classifier)
    method.check(network, layer)
    forward = network.forward(IMAGES, method.requests(layer))
    return method.maps(forward, layer, torch.tensor(LABELS), **RAW.get(name, {}))


@several_nets
@pytest.mark.parametrize("layer", ["1", "4"])
def test_grad_cam_equals_captums(build, classifier, layer, quiet):
    attr = pytest.importorskip("captum.attr")
    net = build()
    found = ours("grad_cam", net, classifier, layer)
    explained = attr.LayerGradCam(net, net[int(layer)]).attribute(
        IMAGES, torch.tensor(LABELS), relu_attributions=True
    )
    assert found.sum() > 0
    assert torch.allclose(found, explained[:, 0].detach(), **CLOSE)


@several_nets
@pytest.mark.parametrize("layer", ["1", "4"])
def test_grad_cam_equals_torch_cams(build, classifier, layer, quiet):
    methods = pytest.importorskip("torchcam.methods")
    net = build()
    found = ours("grad_cam", net, classifier, layer)
    with methods.GradCAM(net, layer, input_shape=(3, 12, 12)) as extractor:
        scores = net(IMAGES)
        (explained,) = extractor(LABELS, scores, normalized=False)
    assert torch.allclose(found, explained.detach().relu(), **CLOSE)


def test_cam_equals_torch_cams(quiet):
    methods = pytest.importorskip("torchcam.methods")
    net = pooled_net()
    found = ours("cam", net, "7", "4")
    with methods.CAM(net, "4", fc_layer="7", input_shape=(3, 12, 12)) as extractor:
        net(IMAGES)
        (explained,) = extractor(LABELS, normalized=False)
    assert found.min() < 0 < found.max()
    assert torch.allclose(found, explained.detach(), **CLOSE)


@several_nets
def test_raw_backprop_equals_captums_saliency(build, classifier, quiet):
    attr = pytest.importorskip("captum.attr")
    net = build()
    explained = attr.Saliency(net).attribute(IMAGES.clone(), torch.tensor(LABELS), abs=True)
    found = ours("backprop", net, classifier, PIXELS)
    assert torch.allclose(found, explained.amax(dim=1), **CLOSE)


# By identity and by hand


def test_grad_cam_on_pooled_features_is_cam_after_a_relu_over_the_number_of_cells():
    net = pooled_net()
    cells = 6 * 6
    cam = ours("cam", net, "7", "4")
    assert torch.allclose(ours("grad_cam", net, "7", "4"), cam.relu() / cells, **CLOSE)
    # And the mean of CAM is the score less its bias.
    scores = net(IMAGES).detach()[torch.arange(4), LABELS] - net[7].bias.detach()[LABELS]
    assert torch.allclose(cam.mean(dim=(1, 2)), scores, **CLOSE)


def hand_set_net() -> nn.Sequential:
    """Two feature maps, the red and the green channel, and scores r - 2 g and g."""
    net = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 2, 1, bias=False),
            features=nn.ReLU(),
            average=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            linear=nn.Linear(2, 2),
        )
    )
    net.conv.weight.data = torch.eye(2, 3)[..., None, None]
    net.linear.weight.data = torch.tensor([[1.0, -2], [0, 1]])
    return net


def test_maps_of_a_hand_set_network():
    image = torch.tensor([[[[4.0, 0], [2, 1]], [[1, 0], [1, 3]], [[9, 9], [9, 9]]]])
    network = Network(hand_set_net(), "linear")

    def maps(name: str, layer: str, label: int) -> list[list[float]]:
        forward = network.forward(image, MAP_METHODS[name].requests(layer))
        options = RAW.get(name, {})
        return MAP_METHODS[name].maps(forward, layer, torch.tensor([label]), **options)[0].tolist()

    assert maps("cam", "features", 0) == [[2, 0], [0, -5]]
    assert maps("grad_cam", "features", 0) == [[0.5, 0], [0, 0]]  # over 4 cells, after a ReLU
    # |dy/dx| is 1/4 for red and 2/4 for green, where the ReLU lets it through.
    assert maps("backprop", PIXELS, 0) == [[0.5, 0], [0.5, 0.5]]
    # Class 0 has one positive weight, on red, which sums to 7; its negative, on green, to 5.
    assert maps("mwp", "features", 0) == [
        [pytest.approx(v / 7) for v in row] for row in [[4, 0], [2, 1]]
    ]
    assert maps("c_mwp", "features", 0) == [
        [pytest.approx(4 / 7 - 1 / 5), 0],
        [pytest.approx(2 / 7 - 1 / 5), pytest.approx(1 / 7 - 3 / 5)],
    ]
    # Class 1 has no negative weight: nothing to subtract.
    assert maps("c_mwp", "features", 1) == maps("mwp", "features", 1) != maps("mwp", "features", 0)


def test_backprop_at_a_layer_is_the_gradient_there():
    found = ours("backprop", pooled_net(), "7", "4")
    weights = pooled_net()[7].weight.detach()[LABELS].abs().amax(1) / 36  # the same in each cell
    assert torch.allclose(found, weights[:, None, None].expand_as(found), **CLOSE)


def test_backprops_sigma_is_a_share_of_the_side():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    net, method = deep_net(), MAP_METHODS["backprop"]
    raw = ours("backprop", net, "8", PIXELS)
    forward = Network(net, "8").forward(IMAGES, method.requests(PIXELS))
    found = method.maps(forward, PIXELS, torch.tensor(LABELS), sigma=0.1)
    for one, smoothed in zip(raw.numpy(), found.numpy(), strict=True):
        expected = scipy_ndimage.gaussian_filter(one, 0.1 * 12)
        assert smoothed == pytest.approx(expected, rel=1e-5)  # float32 sums of 12 weights


# The Gaussian


@pytest.mark.parametrize("shape", [(1, 1), (7, 7), (13, 40), (224, 224)])
@pytest.mark.parametrize("sigma", [0.001, 0.02, 0.1, 0.3, 1.0])
def test_smoothing_equals_scipys_gaussian_filter(shape, sigma):
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    maps = np.random.default_rng(0).random((2, *shape))
    sigmas = tuple(sigma * side for side in shape)
    expected = np.stack([scipy_ndimage.gaussian_filter(one, sigmas) for one in maps])
    # In float64 both sum the same products in another order.
    assert np.abs(smooth(torch.from_numpy(maps), sigma).numpy() - expected).max() < 1e-12
    single = smooth(torch.from_numpy(maps).float(), sigma)
    assert single.dtype == torch.float32
    # Two sums of at most 224 weights that sum to 1.
    assert np.abs(single.numpy() - expected).max() < 1e-5


def test_a_sigma_of_nothing_leaves_the_map_as_it_is():
    maps = torch.rand(2, 5, 5)
    assert torch.equal(smooth(maps, 0.0), maps)


@pytest.mark.parametrize("sigma", [0.02, 0.5])
def test_smoothing_keeps_the_sum_of_a_map(sigma):
    maps = torch.rand(3, 20, 31).double()
    smoothed = smooth(maps, sigma)
    # Mirrored edges lose nothing; sums of 620 numbers in float64.
    assert torch.allclose(smoothed.sum(dim=(1, 2)), maps.sum(dim=(1, 2)), rtol=1e-12)
    assert smoothed.std() < maps.std()
