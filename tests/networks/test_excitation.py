"""Excitation backprop, derived a second time on the dense matrix of each operation."""

import operator
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from wsol_bench.errors import NotApplicable
from wsol_bench.networks import graph, rules
from wsol_bench.networks.archs.layered_net import Concat
from wsol_bench.networks.forward import PIXELS, Network, Requests

# The code runs in float32; here in float64, so that a wrong share cannot hide in a
# tolerance. What is left are sums of some hundred terms in another order.
EXACT = 1e-12

SEEDS = range(3)
IMAGES, SIGNALS = 2, 3


# The dense derivation. A matrix P, (outputs, inputs), says in which shares an
# output hands its signal on; the signal at the inputs is then P^T p.

Operation = Callable[[Tensor], Tensor]
Shares = Callable[[Operation, Tensor], Tensor]


def matrix_of(operation: Operation, shape: torch.Size) -> Tensor:
    """The matrix of a linear operation less its bias, column by column."""
    count = shape.numel()
    units = torch.eye(count, dtype=torch.float64).view(count, *shape)
    columns = operation(units) - operation(torch.zeros_like(units))
    return columns.flatten(1).T


def _normalised(products: Tensor) -> Tensor:
    """Each row divided by its sum; rows that sum to 0 stay 0."""
    sums = products.sum(dim=1, keepdim=True)
    return torch.where(sums > 0, products / sums, torch.zeros_like(products))


def shares_of_weights(operation: Operation, x: Tensor) -> Tensor:
    return _normalised(matrix_of(operation, x.shape).clamp(min=0) * x.flatten())


def shares_of_window(operation: Operation, x: Tensor) -> Tensor:
    """Average pooling: x / sum x over the inputs of a window, whatever its divisor."""
    return _normalised((matrix_of(operation, x.shape) != 0) * x.flatten())


def winner_takes_all(operation: Operation, x: Tensor) -> Tensor:
    """Max pooling: the winner is the input without whose value the output is lower."""
    lower = x.flatten() - 1e-6 * torch.eye(x.numel(), dtype=x.dtype)
    return (operation(lower.view(-1, *x.shape)) < operation(x[None])).flatten(1).T.to(x.dtype)


def all_of_it(_: Operation, x: Tensor) -> Tensor:
    return torch.eye(x.numel(), dtype=x.dtype)


def hand_down(shares: Shares, operation: Operation, x: Tensor, signal: Tensor) -> Tensor:
    """The signal of one image at the operation's input, x's shape."""
    return (shares(operation, x).T @ signal.flatten()).view(x.shape)


# One operation at a time


class Calls(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Tensor], *args: Any, **options: Any) -> None:
        super().__init__()
        self.function, self.args, self.options = function, args, options

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *self.args, **self.options)


@dataclass(frozen=True)
class Case:
    """An operation, the key of `RULES` it is under, and how it hands on."""

    key: object
    build: Callable[[], nn.Module]
    shares: Shares
    channels: int = 4
    size: tuple[int, ...] = (7, 6)


def conv(*args: Any, **options: Any) -> Case:
    return Case(nn.Conv2d, lambda: nn.Conv2d(*args, **options), shares_of_weights, args[0])


def average(*args: Any, **options: Any) -> Case:
    return Case(nn.AvgPool2d, lambda: nn.AvgPool2d(*args, **options), shares_of_window, 2)


def adaptive(size: Any) -> Case:
    return Case(nn.AdaptiveAvgPool2d, lambda: nn.AdaptiveAvgPool2d(size), shares_of_window, 2)


def largest(*args: Any, **options: Any) -> Case:
    return Case(nn.MaxPool2d, lambda: nn.MaxPool2d(*args, **options), winner_takes_all, 2)


def same(build: Callable[[], nn.Module]) -> Case:
    return Case(type(build()), build, all_of_it)


def called(
    function: Callable[..., Tensor], shares: Shares, *args: Any, channels: int = 2, **options: Any
) -> Case:
    return Case(function, lambda: Calls(function, *args, **options), shares, channels)


CASES = {
    "convolution": conv(3, 4, 3),
    "convolution, 1x1": conv(5, 4, 1),
    "convolution, padded": conv(3, 4, 3, padding=1),
    "convolution, strided": conv(3, 4, 3, stride=2),
    "convolution, strided and padded": conv(3, 4, 5, stride=2, padding=2),
    "convolution, strides that leave a rest": conv(3, 4, 2, stride=(3, 4)),
    "convolution, dilated": conv(3, 4, 2, dilation=3, padding=1),
    "convolution, not square": conv(3, 4, (1, 4), stride=(1, 2), padding=(0, 2)),
    "convolution, without bias": conv(3, 4, 3, padding=1, bias=False),
    "convolution, 2 groups": conv(4, 6, 3, padding=1, groups=2),
    "convolution, 2 groups, strided and dilated": conv(
        4, 6, 3, stride=2, padding=2, dilation=2, groups=2
    ),
    "convolution, depthwise": conv(4, 4, 3, padding=1, groups=4),
    "linear": Case(nn.Linear, lambda: nn.Linear(12, 7), shares_of_weights, 12, ()),
    "linear, without bias": Case(
        nn.Linear, lambda: nn.Linear(12, 7, bias=False), shares_of_weights, 12, ()
    ),
    "average pooling": average(2),
    "average pooling, overlapping": average(3, stride=2),
    "average pooling, padded": average(3, stride=2, padding=1),
    "average pooling, padding left out": average(3, stride=2, padding=1, count_include_pad=False),
    "average pooling, ceil": average(3, stride=2, ceil_mode=True),
    "average pooling, ceil and padded": average(3, stride=2, padding=1, ceil_mode=True),
    "average pooling, another divisor": average(2, divisor_override=3),
    "adaptive average pooling to 1": adaptive(1),
    "adaptive average pooling, windows of several sizes": adaptive((3, 4)),
    "adaptive average pooling that enlarges": adaptive((9, 6)),
    "adaptive average pooling, function": called(F.adaptive_avg_pool2d, shares_of_window, (3, 2)),
    "max pooling": largest(2),
    "max pooling, overlapping": largest(3, stride=2),
    "max pooling, padded": largest(3, stride=2, padding=1),
    "max pooling, ceil": largest(3, stride=2, ceil_mode=True),
    "max pooling, ceil and padded": largest(3, stride=2, padding=1, ceil_mode=True),
    "max pooling, stride 1": largest(3, stride=1, padding=1),
    "max pooling, dilated": largest(2, stride=1, dilation=2),
    "max pooling, function": called(F.max_pool2d, winner_takes_all, 3, stride=2, padding=1),
    "relu": same(nn.ReLU),
    "relu, function": called(F.relu, all_of_it),
    "relu, torch's function": called(torch.relu, all_of_it),
    "relu, method": Case("relu", lambda: Calls(lambda x: x.relu()), all_of_it),
    "local response norm": same(lambda: nn.LocalResponseNorm(3, alpha=0.5, beta=0.75, k=1.0)),
    "dropout": same(nn.Dropout),
    "dropout, function": called(F.dropout, all_of_it, training=False),
    "identity": same(nn.Identity),
    "flatten": same(nn.Flatten),
    "flatten, function": called(torch.flatten, all_of_it, 1),
}


def positive_inputs(case: Case) -> Tensor:
    """Distinct values > 0 for max pooling, where a tie has no one winner; else 3 in 10 are 0."""
    shape = (IMAGES, case.channels, *case.size)
    values = torch.randperm(torch.Size(shape).numel()).double().view(shape) + 1
    return values if case.shares is winner_takes_all else values * (torch.rand(shape) > 0.3)


def observe(module: nn.Module, x: Tensor) -> tuple[rules.Pass, graph.Step]:
    """A pass that holds the value of every step, and the last step."""
    traced = graph.trace(nn.Sequential(module))  # a layer by itself would be taken apart
    values: dict[graph.Step, Tensor] = {}

    class Recorder(fx.Interpreter):
        def run_node(self, step: graph.Step) -> Any:
            values[step] = super().run_node(step)
            return values[step]

    Recorder(traced).run(x)
    return rules.Pass(traced, values, {}), graph.scores_step(traced)


def handed(state: rules.Pass, step: graph.Step, signals: Tensor) -> list[Tensor]:
    rule = rules.find_rule(state.traced, step)
    assert rule is not None
    return rule(state, step, signals)


def signals_like(output: Tensor) -> Tensor:
    """Signals of either sign, as contrast sends them, (s, n, ...)."""
    return torch.randn(SIGNALS, *output.shape, dtype=torch.float64)


def test_every_rule_of_the_table_has_a_case():
    joins = {torch.cat, operator.add, torch.add}  # of several inputs; tested below
    assert {case.key for case in CASES.values()} | joins == set(rules.RULES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_operation_hands_its_signal_on_as_its_dense_matrix_does(case, seed):
    torch.manual_seed(seed)
    operation = case.build().eval().double()
    x = positive_inputs(case)
    state, step = observe(operation, x)
    signals = signals_like(state.values[step])
    (found,) = handed(state, step, signals)
    assert found.shape == (SIGNALS, *x.shape)
    assert found.abs().sum() > 0
    for signal, handed_on in zip(signals, found, strict=True):
        for n in range(IMAGES):
            expected = hand_down(case.shares, operation, x[n], signal[n])
            assert torch.allclose(handed_on[n], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["convolution, padded", "convolution, 2 groups", "linear"])
def test_the_negated_sign_hands_on_by_the_negated_weights(name):
    torch.manual_seed(0)
    case = CASES[name]
    operation = case.build().double()
    x = positive_inputs(case)
    state, step = observe(operation, x)
    signals = signals_like(state.values[step])
    (found,) = rules.by_weights(state, step, signals, sign=-1)
    for n in range(IMAGES):
        expected = hand_down(shares_of_weights, lambda y: -operation(y), x[n], signals[0, n])
        assert torch.allclose(found[0, n], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_operation_loses_no_signal_where_every_share_is_positive(case):
    torch.manual_seed(0)
    operation = case.build().eval().double()
    for parameter in operation.parameters():
        parameter.data.abs_()
    state, step = observe(operation, positive_inputs(case) + 1)
    signals = signals_like(state.values[step])
    (found,) = handed(state, step, signals)
    # Padding alone makes no window here: each holds an input.
    assert torch.allclose(found.flatten(2).sum(2), signals.flatten(2).sum(2), atol=1e-10)


def test_among_equal_inputs_one_wins_all_of_a_windows_signal():
    state, step = observe(nn.MaxPool2d(2), torch.ones(1, 1, 4, 4).double())
    (found,) = handed(state, step, torch.tensor([[[[[1.0, 2], [3, 4]]]]]).double())
    windows = F.unfold(found[0], 2, stride=2)[0].T  # (windows, cells)
    assert windows.sum(dim=1).tolist() == [1, 2, 3, 4]
    assert (windows != 0).sum(dim=1).tolist() == [1, 1, 1, 1]


class Joined(nn.Module):
    """Three tensors of 2, 3 and 1 channels made of one, and concatenated."""

    def __init__(self, join: Callable[..., Tensor]) -> None:
        super().__init__()
        self.join = join
        self.branches = nn.ModuleList(nn.Conv2d(2, width, 1) for width in (2, 3, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.join([branch(x) for branch in self.branches])


class JoinedByLayer(nn.Module):
    """Concatenates by the layer that Caffe's nets use."""

    def __init__(self) -> None:
        super().__init__()
        self.concat = Concat()

    def forward(self, parts: list[Tensor]) -> Tensor:
        return self.concat(*parts)


@pytest.mark.parametrize(
    "join", [lambda parts: torch.cat(parts, 1), lambda parts: torch.cat(parts, dim=1), None]
)
def test_concatenation_gives_each_branch_its_own_channels(join):
    state, step = observe(Joined(join or JoinedByLayer()).double(), torch.rand(2, 2, 3, 3).double())
    signals = signals_like(state.values[step])
    found = handed(state, step, signals)
    expected = [signals[:, :, :2], signals[:, :, 2:5], signals[:, :, 5:]]
    assert [step.target for step in step.all_input_nodes] == [f"0.branches.{i}" for i in range(3)]
    assert all(map(torch.equal, found, expected))


def test_shares_worked_by_hand():
    layer = nn.Linear(3, 2)
    layer.weight.data = torch.tensor([[2.0, 1, -5], [-1, -1, -1]])
    layer.bias.data = torch.tensor([100.0, 100])  # takes no part
    state, step = observe(layer, torch.tensor([[1.0, 3, 4]]))
    (found,) = handed(state, step, torch.tensor([[[1.0, 0]], [[0, 1.0]]]))
    # 1*2 and 3*1 of 5; the second unit has no positive weight and hands on nothing.
    assert found.tolist() == [[[pytest.approx(0.4), pytest.approx(0.6), 0]], [[0, 0, 0]]]


@pytest.mark.parametrize("name", ["convolution, padded", "linear", "average pooling"])
def test_a_unit_whose_inputs_are_all_zero_hands_on_nothing(name):
    case = CASES[name]
    operation = case.build().double()
    state, step = observe(operation, torch.zeros(1, case.channels, *case.size).double())
    (found,) = handed(state, step, torch.ones_like(state.values[step])[None])
    assert torch.equal(found, torch.zeros_like(found))


def test_dead_units_beside_live_ones_hand_on_nothing_in_float32():
    # Half of the input is 0. A convolution that leaves rounding errors in place of
    # zeros there, as fast transforms do, would divide by them.
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 32, 3, padding=1)
    x = torch.rand(1, 32, 28, 28)
    x[..., :14] = 0
    state, step = observe(layer, x)
    signals = torch.ones_like(state.values[step])[None]
    (found,) = handed(state, step, signals)
    assert torch.equal(found[..., :14], torch.zeros(1, 1, 32, 28, 14))
    # Column 13 sees column 14; all from there on are live and hand on their 1.
    live = 32 * 28 * 15
    assert found.sum().item() == pytest.approx(live, rel=1e-5)  # sums of 13,440 float32


# Whole networks


class Branching(nn.Module):
    """A small Inception: three branches read one tensor, two linear layers on top."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.one = nn.Conv2d(6, 4, 1)
        self.three = nn.Conv2d(6, 4, 3, padding=1, groups=2)
        self.near = nn.MaxPool2d(3, stride=1, padding=1)
        self.projection = nn.Conv2d(6, 3, 1)
        self.concat = Concat()
        self.norm = nn.LocalResponseNorm(3, alpha=0.5)
        self.average = nn.AvgPool2d(2, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout()
        self.hidden = nn.Linear(11 * 2 * 2, 10)
        self.classifier = nn.Linear(10, 5)

    def forward(self, image: Tensor) -> Tensor:
        pooled = self.pool(self.relu(self.conv(image)))
        branches = self.one(pooled), self.three(pooled), self.projection(self.near(pooled))
        joined = self.concat(*map(F.relu, branches))
        flat = torch.flatten(self.dropout(self.average(self.norm(joined))), 1)
        return self.classifier(F.relu(self.hidden(flat)))


def branching(seed: int, *, alive: bool) -> tuple[Branching, Tensor]:
    """A net and two images. Alive, no unit that gets a signal hands on nothing."""
    torch.manual_seed(seed)
    net = Branching().eval().double()
    for layer in (net.conv, net.one, net.three, net.projection, net.hidden):
        layer.bias.data.fill_(1.5 if alive else -0.1)
    return net, torch.randn(2, 3, 6, 6).double()


def dense_signal(net: Branching, image: Tensor, label: int) -> Tensor:
    """The plain signal of one image, (3, 6, 6), at the pooled tensor, by dense matrices."""
    pooled = net.pool(net.relu(net.conv(image[None])))[0]
    near = net.near(pooled[None])[0]
    joined = torch.cat([net.one(pooled), net.three(pooled), net.projection(near)]).relu()
    normed = net.norm(joined[None])[0]
    averaged = net.average(normed[None])[0]
    hidden = net.hidden(averaged.flatten()).relu()
    signal = F.one_hot(torch.tensor(label), 5).double()
    signal = hand_down(shares_of_weights, net.classifier, hidden, signal)
    signal = hand_down(shares_of_weights, lambda x: net.hidden(x.flatten(1)), averaged, signal)
    signal = hand_down(shares_of_window, net.average, normed, signal)
    one, three, projection = signal.split([4, 4, 3])
    at_near = hand_down(shares_of_weights, net.projection, near, projection)
    return (
        hand_down(shares_of_weights, net.one, pooled, one)
        + hand_down(shares_of_weights, net.three, pooled, three)
        + hand_down(winner_takes_all, net.near, pooled, at_near)
    )


def negated(net: Branching) -> Branching:
    """The net whose last layer has the opposite weights."""
    other = deepcopy(net)
    other.classifier.weight.data.neg_()
    return other


def excite(
    net: nn.Module, images: Tensor, layer: str, classes: list[int], *asked: bool
) -> list[Tensor]:
    """The signals asked for, True being the contrastive one."""
    network = Network(net, "classifier")
    forward = network.forward(
        images, Requests(excitations=frozenset((layer, one) for one in asked))
    )
    return [forward.excitation(layer, torch.tensor(classes), contrastive=one) for one in asked]


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_signal_of_a_network_with_branches_is_that_of_its_dense_matrices(seed, alive):
    net, images = branching(seed, alive=alive)
    (found,) = excite(net, images, "pool", [1, 4], False)
    assert found.shape == (2, 6, 3, 3)
    for n, label in enumerate([1, 4]):
        expected = dense_signal(net, images[n], label)
        assert torch.allclose(found[n], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("alive", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_contrast_is_the_signal_less_that_of_the_network_with_negated_weights(seed, alive):
    net, images = branching(seed, alive=alive)
    (found,) = excite(net, images, "pool", [1, 4], True)
    for n, label in enumerate([1, 4]):
        twice = dense_signal(net, images[n], label) - dense_signal(negated(net), images[n], label)
        assert torch.allclose(found[n], twice, rtol=EXACT, atol=EXACT)


# `three` and `near` hold shares of the signal, the other layers all of it.
@pytest.mark.parametrize("layer", ["conv", "relu", "pool", "concat", "norm", "average", "hidden"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_on_the_way_down_a_live_network(seed, layer):
    net, images = branching(seed, alive=True)
    plain, contrast = excite(net, images, layer, [0, 3], False, True)
    assert (plain >= 0).all()
    assert torch.allclose(plain.flatten(1).sum(1), torch.ones(2).double(), atol=EXACT)
    assert torch.allclose(contrast.flatten(1).sum(1), torch.zeros(2).double(), atol=EXACT)
    assert contrast.abs().sum() > 0.01


@pytest.mark.parametrize("seed", range(10))
def test_a_signal_is_never_negative_and_never_sums_to_more_than_one(seed):
    net, images = branching(seed, alive=False)
    (plain,) = excite(net, images, "conv", [0, 3], False)
    assert (plain >= 0).all()
    assert (plain.flatten(1).sum(1) <= 1 + EXACT).all()


@pytest.mark.parametrize("alive", [True, False])
def test_signals_stacked_are_those_sent_one_by_one(alive):
    net, images = branching(0, alive=alive)
    together = excite(net, images, "pool", [2, 2], True, False)
    alone = [excite(net, images, "pool", [2, 2], one)[0] for one in (True, False)]
    for stacked, single in zip(together, alone, strict=True):
        assert torch.allclose(stacked, single, rtol=EXACT, atol=EXACT)


def test_images_of_a_batch_do_not_mix():
    net, images = branching(0, alive=True)
    (both,) = excite(net, images, "pool", [2, 4], True)
    for n, label in enumerate([2, 4]):
        (alone,) = excite(net, images[n : n + 1], "pool", [label], True)
        assert torch.allclose(both[n], alone[0], rtol=EXACT, atol=EXACT)


def test_two_layers_asked_of_one_pass_are_those_of_two():
    net, images = branching(0, alive=True)
    requests = Requests(excitations=frozenset({("conv", True), ("average", False)}))
    forward = Network(net, "classifier").forward(images, requests)
    classes = torch.tensor([1, 2])
    for layer, contrastive in requests.excitations:
        (expected,) = excite(net, images, layer, [1, 2], contrastive)
        found = forward.excitation(layer, classes, contrastive=contrastive)
        assert torch.allclose(found, expected, rtol=EXACT, atol=EXACT)


def test_float32_loses_little_on_the_way_down():
    net, images = branching(0, alive=True)
    (exact,) = excite(net, images, "pool", [1, 2], True)
    (found,) = excite(deepcopy(net).float(), images.float(), "pool", [1, 2], True)
    assert found.dtype == torch.float32
    # Ten operations, each with sums of some 50 rounded products of one sign.
    assert torch.allclose(found.double(), exact, rtol=1e-4, atol=1e-7)


class ScoresOfMaps(nn.Module):
    """SqueezeNet's end: the last weights make class maps, whose mean is the score."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.classifier = nn.Conv2d(6, 5, 1)
        self.average = nn.AdaptiveAvgPool2d(1)

    def forward(self, image: Tensor) -> Tensor:
        maps = F.relu(self.classifier(F.relu(self.conv(image))))
        return torch.flatten(self.average(maps), 1)


def test_contrast_starts_at_the_last_weights_where_scores_are_means_of_maps():
    torch.manual_seed(0)
    net = ScoresOfMaps().double()
    net.classifier.bias.data.fill_(0.5)
    images = torch.randn(2, 3, 6, 5).double()
    plain, contrast = excite(net, images, "conv", [1, 4], False, True)
    for n, label in enumerate([1, 4]):
        x = F.relu(net.conv(images[n]))
        maps = F.relu(net.classifier(x))
        top = hand_down(
            shares_of_window, net.average, maps, F.one_hot(torch.tensor(label), 5).double()
        )
        plus = hand_down(shares_of_weights, net.classifier, x, top)
        minus = hand_down(shares_of_weights, lambda y: -net.classifier(y), x, top)
        assert torch.allclose(plain[n], plus, rtol=EXACT, atol=EXACT)
        assert torch.allclose(contrast[n], plus - minus, rtol=EXACT, atol=EXACT)


# Batch norm


class NormedConvolution(nn.Module):
    """torchvision's BasicConv2d."""

    def __init__(self, inputs: int, outputs: int, **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, bias=False, **options)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)

    def folded(self) -> nn.Conv2d:
        """The convolution that does both: w gamma / s and beta - mean gamma / s."""
        one = nn.Conv2d(
            self.conv.in_channels,
            self.conv.out_channels,
            self.conv.kernel_size,
            padding=self.conv.padding,
        )
        factor = self.bn.weight / torch.sqrt(self.bn.running_var + 0.001)
        one.weight.data = (self.conv.weight * factor[:, None, None, None]).detach()
        one.bias.data = (self.bn.bias - self.bn.running_mean * factor).detach()
        return one


def normed_net() -> nn.Sequential:
    torch.manual_seed(0)
    blocks = (
        NormedConvolution(3, 6, kernel_size=3, padding=1),
        NormedConvolution(6, 6, kernel_size=3),
    )
    for block in blocks:
        for values in (block.bn.weight, block.bn.bias, block.bn.running_mean):
            values.data.normal_()
        block.bn.running_var.uniform_(0.5, 2)
    net = nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    net.add_module("classifier", nn.Linear(6, 4))
    return net.double()


def test_batch_norm_folded_into_its_convolution_gives_the_same_scores():
    net = normed_net()
    images = torch.randn(3, 3, 8, 8).double()
    scores = Network(net, "classifier").forward(images, Requests()).scores
    assert torch.allclose(scores, net.eval()(images), rtol=1e-10, atol=1e-10)


def test_shares_behind_batch_norm_are_those_of_the_folded_weights():
    net = normed_net()
    folded = nn.Sequential(net[0].folded(), nn.ReLU(), net[1].folded(), nn.ReLU(), *net[2:4])
    folded.add_module("classifier", net.classifier)
    images = torch.randn(2, 3, 8, 8).double()
    (found,) = excite(net, images, "0", [0, 3], True)
    (expected,) = excite(folded.double(), images, "1", [0, 3], True)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


# Where it cannot be defined


def ends_in(*layers: nn.Module) -> nn.Sequential:
    """A trunk of convolution and ReLU, the layers, and a classifier of 4 inputs."""
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    net.add_module("classifier", nn.Linear(4, 2))
    return net


@pytest.mark.parametrize(
    ("net", "layer", "reason"),
    [
        (ends_in(nn.Sigmoid()), "1", r"2 \(Sigmoid\) has no excitation rule"),
        (ends_in(Calls(torch.exp)), "1", "exp in 2 has no excitation rule"),
        (ends_in(nn.BatchNorm2d(4)), "1", r"BatchNorm2d\) has no excitation rule"),
        (ends_in(nn.Conv2d(4, 4, 1)), "1", "input of 3 .* can be negative"),  # no ReLU after it
        (ends_in(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1), nn.ReLU()), "1", "3 .* can be negative"),
        (
            ends_in(nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.Conv2d(4, 4, 1)),
            "1",
            "4 .* can be negative",
        ),
        (ends_in(), PIXELS, "input of 0 .* can be negative"),
        (ends_in(), "classifier", "classifier does not lie below classifier"),
    ],
)
def test_a_network_that_cannot_carry_it_says_why(net, layer, reason):
    with pytest.raises(NotApplicable, match=reason):
        Network(net, "classifier").excitation_path(layer)


class Sidetrack(nn.Module):
    """A network with a layer that feeds nothing, and one after the last weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.aside = nn.Conv2d(3, 4, 3)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(4, 2)
        self.last = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        self.aside(image)
        return self.last(self.classifier(torch.flatten(self.pool(F.relu(self.conv(image))), 1)))


@pytest.mark.parametrize("layer", ["aside", "last"])
def test_a_layer_that_does_not_feed_the_last_weights_has_no_signal(layer):
    with pytest.raises(NotApplicable, match=f"layer {layer} does not lie below classifier"):
        Network(Sidetrack(), "classifier").excitation_path(layer)


@pytest.mark.parametrize("layer", [nn.Conv2d(4, 6, 3, padding=1), nn.Linear(5, 7)], ids=str)
def test_noise_of_a_transform_is_taken_out_and_nothing_else(layer):
    torch.manual_seed(0)
    shape = (2, 4, 9, 9) if isinstance(layer, nn.Conv2d) else (2, 5)
    x = torch.rand(shape).clamp(min=0.5) - 0.5
    x[0] = 0  # every unit of the first image is dead
    weight = layer.weight.detach().clamp(min=0)
    exact = rules._weigh(layer, x, weight)
    noisy = exact + 1e-8
    cleaned = rules.without_noise(layer, noisy, x, weight)
    assert torch.equal(cleaned[0], torch.zeros_like(cleaned[0]))
    assert torch.equal(cleaned == 0, exact == 0)
    assert torch.equal(cleaned[exact > 0], noisy[exact > 0])


@pytest.mark.parametrize("how", [{"padding": "same"}, {"padding": 1, "padding_mode": "reflect"}])
def test_padding_without_a_rule_is_not_applicable(how):
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, **how), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    with pytest.raises(NotApplicable, match="pads with other"):
        Network(net, "6").excitation_path("1")
