"""One pass that answers all: gradients against torch.autograd, and what it leaves behind."""

from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from wsol_bench.errors import UsageError
from wsol_bench.networks.forward import PIXELS, Network, Requests

# Both sides compute the same operations in float64, in another order at most.
EXACT = 1e-12

CLASSES = torch.tensor([2, 0, 2])


class Block(nn.Module):
    """Two convolutions side by side; its last step is a function, not a layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.left = nn.Conv2d(inputs, outputs, 1)
        self.right = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.relu(self.left(x)), self.relu(self.right(x))], 1)


class Small(nn.Module):
    """Stem, two blocks, batch norm, dropout and in-place ReLUs; then a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.first = Block(4, 3)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.second = Block(6, 4)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout()
        self.classifier = nn.Linear(8, 3)

    def forward(self, image: Tensor) -> Tensor:
        x = self.second(self.pool(self.first(self.stem(image))))
        return self.classifier(self.dropout(torch.flatten(self.average(x), 1)))


@pytest.fixture
def net() -> Small:
    torch.manual_seed(0)
    small = Small()
    small.stem[1].running_mean.uniform_(-0.3, 0.3)
    small.stem[1].running_var.uniform_(0.5, 2)
    return small.double()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 13, 12, generator=torch.Generator().manual_seed(1)).double()


BLOCKS = ("stem", "first", "pool", "second")


def plainly(net: nn.Module, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """What each block gives and the scores, by running the module itself."""
    kept = {PIXELS: images.clone().requires_grad_()}
    plain = deepcopy(net).eval()
    for name in BLOCKS:
        plain.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: kept.update({name: output})
        )
    return kept, plain(kept[PIXELS])


def asked(**options: Any) -> Requests:
    return Requests(**{name: frozenset(layers) for name, layers in options.items()})


class Count(TorchDispatchMode):
    """Counts what runs inside."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def test_scores_and_features_are_those_of_the_module(net, images):
    kept, scores = plainly(net, images)
    forward = Network(net, "classifier").forward(images, asked(features=BLOCKS))
    assert torch.allclose(forward.scores, scores, rtol=EXACT, atol=EXACT)
    assert not forward.scores.requires_grad
    for name in BLOCKS:
        found = forward.features(name)
        assert torch.allclose(found, kept[name], rtol=EXACT, atol=EXACT)
        assert not found.requires_grad


@pytest.mark.parametrize(
    "layers",
    [
        ("second",),
        ("pool",),
        ("first",),
        ("stem",),
        (PIXELS,),
        ("stem", "second"),
        (*BLOCKS, PIXELS),
    ],
)
def test_gradients_are_those_of_autograd_on_the_module(net, images, layers):
    kept, scores = plainly(net, images)
    forward = Network(net, "classifier").forward(images, asked(gradients=layers, features=layers))
    assert not forward.scores.requires_grad
    for layer in layers:
        assert not forward.features(layer).requires_grad
        # Image by image, so that a mixing of images would show.
        expected = sum(
            torch.autograd.grad(scores[n, label], kept[layer], retain_graph=True)[0]
            for n, label in enumerate(CLASSES.tolist())
        )
        found = forward.gradient(layer, CLASSES)
        assert found.shape == kept[layer].shape
        assert found.abs().sum() > 0
        assert torch.allclose(found, expected, rtol=EXACT, atol=EXACT)


def test_two_choices_of_classes_can_be_asked_of_one_pass(net, images):
    network, other = Network(net, "classifier"), torch.tensor([1, 1, 0])
    requests = asked(gradients=["second", PIXELS], excitations=[("pool", True)])
    both = network.forward(images, requests)
    answers = {}
    for classes in (CLASSES, other):
        answers[classes] = (
            both.gradient("second", classes),
            both.gradient(PIXELS, classes),
            both.excitation("pool", classes, contrastive=True),
        )
    for classes, found in answers.items():
        alone = network.forward(images, requests)
        assert torch.equal(found[0], alone.gradient("second", classes))
        assert torch.equal(found[1], alone.gradient(PIXELS, classes))
        assert torch.equal(found[2], alone.excitation("pool", classes, contrastive=True))
    assert not torch.equal(answers[CLASSES][0], answers[other][0])
    assert not torch.equal(answers[CLASSES][2], answers[other][2])
    assert torch.equal(both.gradient("second", CLASSES), answers[CLASSES][0])


# One pass


def test_one_pass_answers_every_question(net, images):
    network = Network(net, "classifier")
    requests = asked(
        features=["second", "first"],
        gradients=["second", "first", PIXELS],
        excitations=[("pool", True), ("pool", False)],
    )
    with Count() as whole:
        forward = network.forward(images, requests)
    assert whole.calls["convolution"] == 5  # the stem and two in each block, once
    with Count() as after:
        forward.features("second")
        forward.features("first")
        for layer in requests.gradients:
            forward.gradient(layer, CLASSES)
    # One backward pass for the three gradients: each of five convolutions is passed
    # once, those three of few channels by a convolution (see stem.py).
    assert after.calls["convolution"] == 3
    assert after.calls["convolution_backward"] == 2


def test_a_question_asked_again_costs_nothing(net, images):
    requests = asked(gradients=["second", PIXELS], excitations=[("pool", True), ("pool", False)])
    forward = Network(net, "classifier").forward(images, requests)
    first = [
        forward.gradient("second", CLASSES),
        forward.excitation("pool", CLASSES, contrastive=True),
    ]
    with Count() as again:
        assert forward.gradient("second", CLASSES) is first[0]
        forward.gradient(PIXELS, CLASSES)  # made with the other gradient
        assert forward.excitation("pool", CLASSES, contrastive=True) is not None
        forward.excitation("pool", CLASSES, contrastive=False)  # sent with the other
    assert set(again.calls) <= {"unbind", "detach", "alias"}


def saved_shapes(network: Network, images: Tensor, requests: Requests) -> list[tuple[int, ...]]:
    """The shapes of what a pass keeps for a backward pass."""
    shapes: list[tuple[int, ...]] = []

    def keep(tensor: Tensor) -> Tensor:
        shapes.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.forward(images, requests)
    return shapes


@pytest.mark.parametrize(
    "requests", [asked(), asked(features=BLOCKS), asked(excitations=[("stem", True)])]
)
def test_no_graph_is_recorded_where_no_gradient_is_asked(net, images, requests):
    assert saved_shapes(Network(net, "classifier"), images, requests) == []


def test_only_the_head_is_recorded_where_only_its_gradient_is_asked(net, images):
    network = Network(net, "classifier")
    head = saved_shapes(network, images, asked(gradients=["second"]))
    assert head != []
    assert all(len(shape) < 4 for shape in head)  # no map of any layer
    assert len(saved_shapes(network, images, asked(gradients=["pool"]))) > len(head)


def test_a_gradient_at_the_head_passes_no_convolution_on_the_way_back(net, images):
    forward = Network(net, "classifier").forward(images, asked(gradients=["second"]))
    with Count() as back:
        forward.gradient("second", CLASSES)
    assert back.calls["convolution_backward"] == 0


def test_a_pass_under_no_grad_can_still_be_asked_for_gradients(net, images):
    network, requests = Network(net, "classifier"), asked(gradients=["second", PIXELS])
    expected = network.forward(images, requests)
    with torch.no_grad():
        forward = network.forward(images, requests)
        for layer in requests.gradients:
            assert torch.equal(forward.gradient(layer, CLASSES), expected.gradient(layer, CLASSES))


def test_asks_are_merged_into_all_that_any_of_them_asks():
    merged = Requests.merge(
        [
            asked(features=["a"], gradients=["b"]),
            asked(features=["a", "c"], excitations=[("d", True)]),
            asked(excitations=[("d", False)]),
        ]
    )
    assert merged == asked(
        features=["a", "c"], gradients=["b"], excitations=[("d", True), ("d", False)]
    )
    assert Requests.merge([]) == Requests()


# What it leaves behind


def state_of(net: nn.Module) -> dict[str, Any]:
    """All of a module that a run might change."""
    return {
        name: (
            module.training,
            getattr(module, "inplace", None),
            len(module._forward_hooks) + len(module._forward_pre_hooks),
            len(module._backward_hooks) + len(module._backward_pre_hooks),
            list(module._modules),
            [
                (key, tensor.data_ptr(), tensor._version, tensor.requires_grad, tensor.grad)
                for key, tensor in (*module._parameters.items(), *module._buffers.items())
                if tensor is not None
            ],
        )
        for name, module in net.named_modules()
    }


def use(net: nn.Module, images: Tensor) -> None:
    network = Network(net, "classifier").to(torch.device("cpu"))
    requests = asked(
        features=["second"], gradients=["second", PIXELS], excitations=[("pool", True)]
    )
    forward = network.forward(images, requests)
    forward.gradient(PIXELS, CLASSES)
    forward.excitation("pool", CLASSES, contrastive=True)


@pytest.mark.parametrize("training", [True, False])
def test_the_users_module_and_images_are_left_as_they_were(net, images, training):
    net.train(training)
    net.classifier.bias.requires_grad_(False)
    before, values = state_of(net), deepcopy(net.state_dict())
    pixels = images.clone()
    use(net, images)
    assert state_of(net) == before
    assert all(torch.equal(net.state_dict()[name], value) for name, value in values.items())
    assert torch.equal(images, pixels)
    assert not images.requires_grad
    assert images.grad is None


def test_a_pass_that_fails_leaves_the_users_module_as_it_was(net, images):
    net.train()
    before = state_of(net)
    network = Network(net, "classifier")
    with pytest.raises(RuntimeError):
        network.forward(images[:, :2], asked(gradients=[PIXELS]))  # two channels of three
    forward = network.forward(images, asked(gradients=[PIXELS]))
    with pytest.raises((RuntimeError, IndexError)):
        forward.gradient(PIXELS, torch.tensor([0, 1, 99]))
    assert state_of(net) == before
    use(net, images)  # and it can be used again


class Branching(nn.Module):
    """Its control flow depends on values, which no trace can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.relu(x) if x.sum() > 0 else x)


def test_a_module_that_cannot_be_traced_is_refused_and_left_as_it_was():
    net = Branching().train()
    before = state_of(net)
    with pytest.raises(UsageError, match="cannot trace Branching"):
        Network(net, "classifier")
    assert state_of(net) == before


def test_a_network_shares_the_parameters_it_does_not_fold(net):
    network = Network(net, "classifier")
    assert network.layer("classifier").weight.data_ptr() == net.classifier.weight.data_ptr()


# Finding layers


@pytest.mark.parametrize("block", ["first", "stem", "stem.1", "second.left", "pool"])
def test_a_block_or_layer_is_found_by_its_path(net, images, block):
    hooked: list[Tensor] = []
    plain = deepcopy(net).eval()
    plain.get_submodule(block).register_forward_hook(
        lambda _module, _inputs, output: hooked.append(output.clone())
    )
    plain(images)
    found = Network(net, "classifier").forward(images, asked(features=[block])).features(block)
    assert torch.allclose(found, hooked[0], rtol=EXACT, atol=EXACT)


def test_a_layer_called_twice_means_its_last_call(net, images):
    # Both halves of a block go through one ReLU; the right one comes last.
    forward = Network(net, "classifier").forward(images, asked(features=["first.relu", "first"]))
    assert torch.equal(forward.features("first.relu"), forward.features("first")[:, 3:])


def test_an_unknown_layer_lists_the_nearest_and_all(net):
    network = Network(net, "classifier")
    with pytest.raises(UsageError) as unknown:
        network.step("secnod")
    message = str(unknown.value)
    assert "unknown layer 'secnod'. Did you mean second" in message
    for name in ("classifier", "first.left", "pool", "stem.0"):
        assert name in message
    with pytest.raises(UsageError, match="unknown layer 'fc'"):
        Network(net, "fc")


def test_a_block_is_not_a_single_layer(net):
    network = Network(net, "classifier")
    assert isinstance(network.layer("classifier"), nn.Linear)
    with pytest.raises(UsageError, match="first is not a single layer"):
        network.layer("first")


def test_a_network_that_returns_several_tensors_is_refused():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.classifier = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.classifier(x), F.relu(x)

    with pytest.raises(UsageError, match="one tensor of scores"):
        Network(Two(), "classifier").forward(torch.ones(1, 3), Requests())
