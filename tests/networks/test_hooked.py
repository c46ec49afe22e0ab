"""A hooked network answers as a traced one does, and leaves nothing behind."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.networks.cells import Cells
from wsol_bench.networks.forward import PIXELS, Network, Requests
from wsol_bench.networks.hooked import Hooked

EXACT = 1e-12
CLASSES = torch.tensor([1, 0])


class Residual(nn.Module):
    """A residual block that adds in place, as torchvision's and timm's do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 5, 3, stride=2)
        self.block = nn.Conv2d(5, 5, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.block(x)
        y += x
        return self.classifier(self.act(y).mean((2, 3)))


class Attending(nn.Module):
    """One attention block over a class token and a grid of 2 x 3 cells."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.embed = nn.Conv2d(3, 8, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        cells = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(x.shape[0], -1, -1), cells], 1)
        read = self.qkv(self.norm(tokens)).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        query, key, value = read.unbind(0)
        if self.fused:
            mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        else:
            mixed = (query @ key.transpose(-2, -1) / 2).softmax(-1) @ value
        tokens = tokens + mixed.transpose(1, 2).flatten(2)
        return self.head(tokens[:, 0])


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(1)).double()


def seeded(net: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    for parameter in net.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return net.double().eval()


def hooked(net: nn.Module, classifier: str, **options: object) -> Network:
    return Network(Hooked(net, classifier, "hooks were requested"), classifier, **options)


def test_features_and_gradients_equal_a_traced_networks(images):
    net = seeded(Residual())
    layers = frozenset({"stem", "block", "act", PIXELS})
    requests = Requests(features=layers, gradients=layers)
    traced = Network(net, "classifier").forward(images, requests)
    found = hooked(net, "classifier").forward(images, requests)
    assert torch.allclose(found.scores, traced.scores, rtol=EXACT, atol=EXACT)
    for layer in layers:
        for values in (found.features(layer), found.gradient(layer, CLASSES)):
            assert not values.requires_grad
        assert torch.allclose(found.features(layer), traced.features(layer), atol=EXACT)
        expected = traced.gradient(layer, CLASSES)
        assert expected.abs().sum() > 0
        assert torch.allclose(found.gradient(layer, CLASSES), expected, atol=EXACT)


def test_the_graph_begins_at_the_lowest_requested_layer(images):
    net = seeded(Residual())
    saved: list[tuple[int, ...]] = []
    requests = Requests(features=frozenset({"act"}), gradients=frozenset({"act"}))
    network = hooked(net, "classifier")
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved.append(tuple(tensor.shape)) or tensor, lambda tensor: tensor
    ):
        network.forward(images, requests)
    assert saved != []
    assert (2, 3, 8, 12) not in saved  # nothing below keeps its input


def test_no_hook_is_left_after_a_pass_nor_after_one_that_fails(images):
    network = hooked(seeded(Residual()), "classifier")
    requests = Requests(features=frozenset({"act"}), gradients=frozenset({"stem"}))
    network.forward(images, requests)
    with pytest.raises(RuntimeError):
        network.forward(images[:, :2], requests)
    assert isinstance(network.way, Hooked)
    assert not any(module._forward_hooks for module in network.way.module.modules())


def test_the_users_module_is_left_as_it_was(images):
    net = seeded(Residual()).train()
    before = deepcopy(net.state_dict())
    requests = Requests(gradients=frozenset({"block", PIXELS}))
    hooked(net, "classifier").forward(images, requests).gradient(PIXELS, CLASSES)
    assert net.training
    assert net.act.inplace
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_excitation_is_not_applicable_and_says_why(images):
    network = hooked(seeded(Residual()), "classifier")
    with pytest.raises(NotApplicable, match="hooks: hooks were requested"):
        network.excitation_path("block")


def test_an_unknown_layer_lists_the_nearest():
    with pytest.raises(UsageError, match="Did you mean block"):
        hooked(Residual(), "classifier").check_layer("blcok")


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("way", ["traced", "hooked"])
def test_attention_and_its_gradient_are_those_worked_out_by_hand(images, fused, way):
    net = seeded(Attending(fused=fused))
    grid = Cells("tokens", 2, 3, prefix=1)
    network = (
        hooked(net, "head", tokens=grid, cells={"norm": grid})
        if way == "hooked"
        else Network(net, "head", tokens=grid, cells={"norm": grid})
    )
    requests = Requests(
        attention=True, attention_gradient=True, features=frozenset({"norm"}), gradients=frozenset()
    )
    forward = network.forward(images, requests)
    (weights,) = forward.attention()
    (gradient,) = forward.attention_gradient(CLASSES)
    assert forward.grid == (2, 3)
    assert forward.prefix_tokens == 1

    cells = net.embed(images).flatten(2).transpose(1, 2)
    tokens = torch.cat([net.token.expand(2, -1, -1), cells], 1)
    query, key, value = net.qkv(net.norm(tokens)).chunk(3, -1)  # (n, 7, 8) each
    for image in range(2):
        for head in range(2):
            span = slice(4 * head, 4 * head + 4)
            expected = (query[image, :, span] @ key[image, :, span].T / 2).softmax(-1)
            assert torch.allclose(weights[image, head], expected, atol=EXACT)
            # Token 0 alone is read: s_c = w_c (t_0 + sum_j A_0j v_j), so dA_0j = w_c . v_j.
            row = net.head.weight[CLASSES[image], span] @ value[image, :, span].T
            assert torch.allclose(gradient[image, head, 0], row, atol=EXACT)
            assert not gradient[image, head, 1:].any()
    maps = forward.features("norm")
    assert maps.shape == (2, 8, 2, 3)
    assert torch.equal(maps[0, :, 1, 2], net.norm(tokens)[0, 6])


def test_fused_attention_stays_where_none_is_requested(images):
    net = seeded(Attending(fused=True))
    forward = hooked(net, "head").forward(images, Requests())
    with pytest.raises(NotApplicable, match="has none"):
        forward.attention()


@pytest.mark.parametrize("way", ["traced", "hooked"])
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("plain", [0.0, 2.0, -3.0, 0.0]),
        ("guided", [0.0, 2.0, 0.0, 0.0]),
        ("deconv", [5.0, 2.0, 0.0, 0.0]),
    ],
)
def test_relu_rules_are_those_of_the_papers_figure(way, rule, expected):
    class Four(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relu = nn.ReLU(inplace=True)
            self.classifier = nn.Linear(4, 1, bias=False)
            self.classifier.weight.data = torch.tensor([[5.0, 2.0, -3.0, -4.0]])

        def forward(self, x: Tensor) -> Tensor:
            return self.classifier(self.relu(x.flatten(1)))

    values = torch.tensor([-1.0, 1.0, 2.0, -2.0]).view(1, 1, 2, 2)
    network = Network(Four(), "classifier") if way == "traced" else hooked(Four(), "classifier")
    requests = Requests(
        gradients=frozenset({PIXELS}),
        ruled_gradients=frozenset({(PIXELS, "guided"), (PIXELS, "deconv")}),
    )
    forward = network.forward(values, requests)
    for _ in range(2):  # one graph serves all rules, in any order
        gradient = forward.gradient(PIXELS, torch.tensor([0]), rule)
        assert gradient.flatten().tolist() == expected
        forward.gradient(PIXELS, torch.tensor([0]))


def test_another_pass_gives_the_scores_of_other_tensors(images):
    network = hooked(seeded(Residual()), "classifier")
    forward = network.forward(images, Requests(gradients=frozenset({"act"})))
    found = forward.again(images.flip(0).repeat(2, 1, 1, 1))
    assert torch.allclose(found, forward.scores.flip(0).repeat(2, 1), atol=EXACT)
    assert not found.requires_grad
    assert torch.equal(forward.inputs, images)


class TokenTuple(nn.Module):
    """Its block returns a tuple, as transformers' do, and it returns an output with `logits`."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.block = Block()
        self.classifier = nn.Linear(3, 2)
        self.answer = answer

    def forward(self, x: Tensor) -> object:
        (hidden, _) = self.block(x)
        return self.answer(self.classifier(hidden.mean((2, 3))))


class Block(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return x * 2, None


class Output(dict):
    def __init__(self, logits: Tensor) -> None:
        super().__init__(logits=logits)
        self.logits = logits


def test_a_tuples_first_tensor_is_the_layer_and_logits_are_the_scores(images):
    network = hooked(seeded(TokenTuple(Output)), "classifier")
    requests = Requests(features=frozenset({"block"}), gradients=frozenset({"block"}))
    forward = network.forward(images, requests)
    assert torch.equal(forward.features("block"), images * 2)
    assert forward.gradient("block", CLASSES).shape == images.shape
    assert forward.scores.shape == (2, 2)


@pytest.mark.parametrize("answer", [lambda s: (s, s), lambda s: {"out": s}, lambda s: None])
def test_an_output_that_is_no_tensor_of_scores_is_refused(images, answer):
    with pytest.raises(UsageError, match="one tensor of scores"):
        hooked(seeded(TokenTuple(answer)), "classifier").forward(images, Requests())


def test_requests_are_merged_field_by_field():
    merged = Requests.merge(
        [
            Requests(features=frozenset({"a"}), attention=True),
            Requests(ruled_gradients=frozenset({("b", "guided")})),
        ]
    )
    assert merged == Requests(
        features=frozenset({"a"}), ruled_gradients=frozenset({("b", "guided")}), attention=True
    )
    assert Requests.merge([]) == Requests()
