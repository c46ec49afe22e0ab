"""Which entries of a weights file a net takes, and which files it refuses."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.layered_net import LayeredNet
from wsol_bench.networks.archs.layers import convolution, flatten, linear, relu
from wsol_bench.networks.weights.files import WeightsFile, as_it_is, without_leading_ones
from wsol_bench.networks.weights.fit import fit

CLASSES = 5

State = dict[str, Tensor]


def tiny_net() -> LayeredNet:
    return LayeredNet(
        [
            convolution("conv", (4, 6), 3, groups=2),
            relu("relu"),
            flatten(),
            linear("fc", (6, CLASSES)),
        ]
    )


def tiny_state() -> State:
    torch.manual_seed(1)
    return dict(tiny_net().state_dict())


def state_dict(state: State) -> WeightsFile:
    return WeightsFile(Path("net.pth"), state, as_it_is)


def caffe(state: State) -> WeightsFile:
    return WeightsFile(Path("net.caffemodel"), state, without_leading_ones)


def fitted(file: WeightsFile) -> tuple[nn.Module, tuple[str, ...]]:
    with torch.device("meta"):
        net = tiny_net()
    return net, fit(net, file, "fc")


@pytest.mark.parametrize("arch", ["vgg16", "alexnet", "googlenet", "squeezenet1_1"])
def test_torchvisions_own_state_gives_torchvisions_own_scores(arch):
    torch.manual_seed(0)
    with torch.device("meta"):  # its own initialisation takes seconds
        theirs = torchvision.models.get_model(arch, num_classes=CLASSES, **UNINITIALISED[arch])
    theirs = theirs.to_empty(device="cpu").eval()
    for value in theirs.state_dict().values():
        if value.is_floating_point():
            # Above 0, since some of them are variances.
            value.uniform_(0.001, 0.003)
    topology = ARCHS[arch].topologies["torchvision"]
    with torch.device("meta"):
        ours = topology.build(CLASSES)
    ignored = fit(ours, state_dict(theirs.state_dict()), topology.roles["classifier"])
    images = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images))
    assert all(name.startswith("aux") for name in ignored)


UNINITIALISED: dict[str, dict[str, bool]] = {
    "vgg16": {"init_weights": False},
    "alexnet": {},
    "googlenet": {"init_weights": False},
    "squeezenet1_1": {},
}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(kind):
    halves = {name: value.to(kind) for name, value in tiny_state().items()}
    net, _ = fitted(state_dict(halves))
    for name, value in net.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, halves[name].float())


def test_batch_norms_keep_their_measured_values_and_need_no_counter():
    net = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False), nn.BatchNorm2d(3))
    state = {name: torch.rand_like(value.float()) for name, value in net.state_dict().items()}
    del state["1.num_batches_tracked"]  # files from before torch 0.4.1
    fit(net, state_dict(state), "0")
    assert all(torch.equal(net.state_dict()[name], state[name]) for name in state)


def test_a_grouped_convolution_reads_its_own_half_of_the_channels():
    state = tiny_state()
    net, _ = fitted(caffe(state))
    images = torch.randn(2, 4, 3, 3)
    halves = zip(
        images.chunk(2, 1), state["conv.weight"].chunk(2), state["conv.bias"].chunk(2), strict=True
    )
    expected = torch.cat([nn.functional.conv2d(*half) for half in halves], 1)
    torch.testing.assert_close(net.get_submodule("conv")(images), expected)


def test_caffe_shapes_padded_with_ones_on_the_left_are_taken():
    state = tiny_state()
    padded = {name: value[(None,) * (4 - value.dim())] for name, value in state.items()}
    net, ignored = fitted(caffe(padded))
    assert padded["fc.bias"].shape == (1, 1, 1, CLASSES)
    assert all(torch.equal(value, state[n]) for n, value in net.state_dict().items())
    assert ignored == ()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("fc.weight", (1, 1, 6, 5), "'fc': weight: expected shape 5 x 6, found 1 x 1 x 6 x 5"),
        ("fc.weight", (5, 6, 1, 1), "'fc': weight: expected shape 5 x 6, found 5 x 6 x 1 x 1"),
        ("fc.weight", (3, 1, 5, 6), "'fc': weight: expected shape 5 x 6, found 3 x 1 x 5 x 6"),
        ("fc.weight", (30,), "'fc': weight: expected shape 5 x 6, found 30"),
        ("conv.weight", (6, 3, 2, 3), "'conv': weight: expected shape 6 x 2 x 3 x 3, found 6 x 3"),
        ("conv.bias", (2, 1, 1, 3), "'conv': bias: expected shape 6, found 2 x 1 x 1 x 3"),
        ("fc.weight", (1, 1, 20, 6), "'fc': the weights are for 20 classes, the dataset has 5"),
    ],
)
def test_caffe_shapes_that_would_need_a_guess_are_refused(name, shape, message):
    with pytest.raises(WeightsError, match=message):
        fitted(caffe(tiny_state() | {name: torch.zeros(shape)}))


def test_entries_of_layers_that_the_net_lacks_are_named():
    extra = {"aux.weight": torch.full((2,), torch.nan), "loss1/fc.bias": torch.zeros(1)}
    assert fitted(caffe(extra | tiny_state()))[1] == ("aux.weight", "loss1/fc.bias")


def test_a_name_that_cannot_be_written_is_written_otherwise():
    extra = {"a\udcff\x1b.weight": torch.zeros(1)}
    assert fitted(state_dict(extra | tiny_state()))[1] == ("a\\udcff\\x1b.weight",)


def changed(name: str, value: Tensor | None) -> State:
    state = tiny_state()
    state.pop(name, None)
    return state if value is None else state | {name: value}


BAD_STATES = {
    "missing": (changed("conv.bias", None), "'conv': expected bias of shape 6, found nothing"),
    "misshapen": (
        changed("conv.weight", torch.zeros(6, 4, 3, 3)),
        "'conv': weight: expected shape 6 x 2 x 3 x 3, found 6 x 4 x 3 x 3",
    ),
    "transposed": (changed("fc.weight", torch.zeros(6, 5)), "expected shape 5 x 6, found 6 x 5"),
    "padded": (changed("fc.bias", torch.zeros(1, 5)), "expected shape 5, found 1 x 5"),
    "other classes": (
        changed("fc.weight", torch.zeros(1000, 6)),
        "'fc': the weights are for 1000 classes, the dataset has 5",
    ),
    "NaN": (changed("fc.bias", torch.tensor([0, 1, 2, 3, torch.nan])), "'fc': bias: 1 of its 5"),
    "infinite": (changed("fc.bias", torch.tensor([0, 1, 2, 3, -torch.inf])), "1 of its 5 numbers"),
    "too large": (changed("fc.bias", torch.full((5,), 1e300, dtype=torch.float64)), "5 of its 5"),
    "integers": (changed("fc.bias", torch.zeros(5, dtype=torch.int8)), "found torch.int8"),
    "complex": (changed("fc.bias", torch.zeros(5, dtype=torch.complex64)), "found torch.complex64"),
    "eight bits": (
        changed("fc.bias", torch.zeros(5).to(torch.float8_e4m3fn)),
        "expected torch.float32 or .*, found torch.float8_e4m3fn",
    ),
    "no numbers": (changed("fc.bias", torch.zeros(5, device="meta")), r"found no numbers \(meta\)"),
    "sparse": (changed("fc.weight", torch.zeros(5, 6).to_sparse()), "'fc': weight: expected"),
    "a parameter too many": (
        changed("conv.scale", torch.ones(6)),
        "'conv': found scale of shape 6, expected none",
    ),
    "another net": ({"layer.weight": torch.zeros(1)}, "3 more entries are missing.*another net"),
    "nothing": ({}, "3 more entries are missing"),
}


@pytest.mark.parametrize("case", BAD_STATES)
def test_a_state_that_does_not_fit_is_refused_by_layer(case):
    state, message = BAD_STATES[case]
    with pytest.raises(WeightsError, match=message) as error:
        fitted(state_dict(state))
    assert "net.pth: layer" in str(error.value)
    assert "\n" not in str(error.value)
