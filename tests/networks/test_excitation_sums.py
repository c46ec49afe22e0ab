"""Excitation backprop through residual sums: by hand, by dense matrices, and against zennit."""

import operator
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from wsol_bench.errors import NotApplicable
from wsol_bench.networks.forward import Network, Requests

EXACT = 1e-12


class Sum(nn.Module):
    """relu(A x + B x), summed in one of several ways, then a classifier; A, B 2 x 2."""

    def __init__(self, add: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        self.classifier = nn.Linear(2, 1, bias=False)
        self.a.weight.data = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
        self.b.weight.data = torch.tensor([[3.0, 0.0], [-1.0, 0.0]])
        self.classifier.weight.data = torch.tensor([[1.0, 1.0]])
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(x)
        return self.classifier(self.relu(self.add(self.a(x), self.b(x))))


def add_in_place(x: Tensor, y: Tensor) -> Tensor:
    x += y
    return x


@pytest.mark.parametrize("add", [operator.add, torch.add, add_in_place])
def test_shares_of_a_sum_worked_by_hand(add):
    # x = (1, 1): A x = (3, 4), B x = (3, -1), the sum (6, 3); the classifier gives 2/3 and 1/3.
    # Branch A gets 3/6 of 2/3 = 1/3 and 4/3 of 1/3 = 4/9; B gets 1/3 and -1/3 of 1/3 = -1/9.
    # A hands 1/3 down by (1, 2)/3 and 4/9 by (3, 1)/4; B hands 1/3 by (1, 0), and its second row
    # has no positive weight, so -1/9 is lost.
    network = Network(Sum(add), "classifier")
    requests = Requests(excitations=frozenset({("relu", False)}))
    network.step("relu")
    forward = network.forward(torch.ones(1, 2), requests)
    # "relu" is called twice and means its last call: the signal after the sum.
    found = forward.excitation("relu", torch.tensor([0]), contrastive=False)
    assert torch.allclose(found, torch.tensor([[2 / 3, 1 / 3]]))


class Named(Sum):
    def __init__(self, add: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(add)
        self.first = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.classifier(self.relu(self.add(self.a(x), self.b(x))))


@pytest.mark.parametrize("add", [operator.add, torch.add, add_in_place])
def test_the_signal_below_a_sum_worked_by_hand(add):
    forward = Network(Named(add), "classifier").forward(
        torch.ones(1, 2), Requests(excitations=frozenset({("first", False)}))
    )
    found = forward.excitation("first", torch.tensor([0]), contrastive=False)
    expected = [1 / 3 * 1 / 3 + 4 / 9 * 3 / 4 + 1 / 3, 1 / 3 * 2 / 3 + 4 / 9 * 1 / 4]
    assert torch.allclose(found, torch.tensor([expected]))


def test_a_sum_of_zero_propagates_nothing_and_twice_a_branch_all():
    net = Named(lambda x, y: x + y)
    net.b.weight.data = -net.a.weight.data
    (nothing,) = excited(net, torch.ones(1, 2))
    assert nothing.tolist() == [0.0, 0.0]
    (all_of_it,) = excited(Named(lambda x, y: x + x), torch.ones(1, 2))
    assert all_of_it.sum() == pytest.approx(1)


def excited(net: nn.Module, x: Tensor) -> Tensor:
    forward = Network(net, "classifier").forward(
        x, Requests(excitations=frozenset({("first", False)}))
    )
    return forward.excitation("first", torch.zeros(len(x), dtype=torch.long), contrastive=False)


@pytest.mark.parametrize("add", [lambda x, y: x + 1.0, lambda x, y: torch.add(x, y, alpha=2)])
def test_a_constant_or_a_multiple_has_no_rule(add):
    with pytest.raises(NotApplicable, match="adds a constant or a multiple"):
        Network(Named(add), "classifier").excitation_path("first")


def shares(weight: Tensor, x: Tensor) -> Tensor:
    """Rows of outputs, columns of inputs: x w+ / sum x w+."""
    products = weight.clamp(min=0) * x
    sums = products.sum(1, keepdim=True)
    return torch.where(sums > 0, products / sums, torch.zeros_like(products))


@pytest.mark.parametrize("seed", range(5))
def test_a_residual_network_equals_its_dense_matrices(seed):
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.ReLU()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
            self.classifier = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.classifier((self.two(self.one(x).relu()) + x).relu())

    torch.manual_seed(seed)
    net, x = Residual().double(), torch.rand(1, 6).double()
    net.classifier.weight.data.abs_()  # else a dead output would have no signal at all
    forward = Network(net, "classifier").forward(
        x, Requests(excitations=frozenset({("first", False)}))
    )
    found = forward.excitation("first", torch.tensor([1]), contrastive=False)

    below = x[0].relu()
    hidden = net.one(below).relu()
    branch = net.two(hidden)
    total = branch + below
    signal = shares(net.classifier.weight[1:2], total.relu())[0]
    to_branch, to_below = signal * branch / total, signal * below / total
    at_hidden = shares(net.two.weight, hidden).T @ to_branch
    expected = to_below + shares(net.one.weight, below).T @ at_hidden
    assert expected.abs().sum() > 0.1
    assert torch.allclose(found[0], expected, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("layer", ["layer3", "layer2"])
def test_a_residual_network_with_batch_norm_equals_zennits_maps(block, layer):
    composites = pytest.importorskip("zennit.composites")
    canonizers = pytest.importorskip("zennit.torchvision")
    torch.manual_seed(0)
    net = ResNet(block, [1, 1, 2, 1], num_classes=6).double().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(-1, 2)  # some filters with gamma < 0
            module.bias.data.uniform_(-0.2, 0.4)
    images, classes = torch.randn(2, 3, 64, 64).double(), torch.tensor([1, 4])
    forward = Network(net, "fc").forward(images, Requests(excitations=frozenset({(layer, False)})))
    found = forward.excitation(layer, classes, contrastive=False).sum(1)

    kept: list[Tensor] = []
    composite = composites.ExcitationBackprop(
        canonizers=[canonizers.ResNetCanonizer()], zero_params="bias"
    )
    hook = net.get_submodule(layer).register_forward_hook(lambda *call: kept.append(call[2]))
    try:
        with composite.context(net) as modified:
            scores = modified(images.clone().requires_grad_())
            start = nn.functional.one_hot(classes, 6).double()
            (signal,) = torch.autograd.grad(scores, kept[-1], start)
    finally:
        hook.remove()
    expected = signal.sum(1)
    assert expected.abs().amax() > 1e-3
    # zennit adds 1e-6 to every denominator, which matters where a sum is next to 0.
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().amax()))
