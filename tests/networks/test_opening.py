"""Any module is opened: traced where that gives the same scores, else hooked."""

import pytest
import torch
from torch import Tensor, nn

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.networks.cells import Cells
from wsol_bench.networks.forward import PIXELS, Requests
from wsol_bench.networks.opening import open_network
from wsol_bench.networks.outputs import NONE, Outputs

SIZE = (32, 48)


class Convolutional(nn.Module):
    """Convolutions, a pooling before the flattening, and two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.ReLU(inplace=True))
        self.body = nn.Sequential(nn.Conv2d(8, 12, 3, stride=4, padding=1), nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Linear(16, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.body(self.stem(x))))


class BranchOnValues(Convolutional):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.sum() > -1e9 else -x)


class Forgetful(Convolutional):
    """Traces to a constant: the trace sees the numbers of one moment."""

    def forward(self, x: Tensor) -> Tensor:
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(x) * self.calls


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, 2, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    """Patches of 8 pixels, a class token and two registers, two blocks, a class-token head."""

    def __init__(self, *, pooled: bool = False) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.tokens = nn.Parameter(torch.randn(1, 3, 16))
        self.blocks = nn.Sequential(Block(16), Block(16))
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        cells = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.tokens.expand(cells.shape[0], -1, -1), cells], 1)
        return self.head(self.norm(self.blocks(x))[:, 0])


class MergedTokens(nn.Module):
    """Tokens alone after the patches, merged 2x2, plus a table that looks like cells."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, stride=4)
        self.merge = nn.Linear(64, 20)
        self.table = nn.Embedding(24, 20)
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)  # (n, 16, 8, 12)
        cells = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 4, 1, 3, 5)
        merged = self.merge(cells.flatten(3).flatten(1, 2))  # (n, 24, 20)
        bias = self.table(torch.arange(24)[None])  # (1, 24, 20), of no image
        return self.head((merged + bias).mean(1))


class LateClassToken(nn.Module):
    """Attention over two counts of tokens; a class token alone leads to the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.first, self.last = Block(16), Block(16)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.patch(x).flatten(2).transpose(1, 2))
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        return self.head(self.norm(self.last(x))[:, 0])


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 8, stride=8)
        self.norm = nn.LayerNorm(16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.patch(x).permute(0, 2, 3, 1)).mean((1, 2)))


def test_roles_of_a_convolutional_network():
    opened = open_network(Convolutional(), SIZE)
    assert opened.network.opening == "traced"
    assert opened.network.reason == ""
    assert opened.roles == {"features": "body", "classifier": "head.3", "excitation": "body"}
    assert opened.network.cells["body"] == Cells("channels_first", 2, 3)
    assert opened.classes == 5
    assert opened.notes == ()


def test_roles_of_a_transformer_and_tokens_on_a_grid_that_is_not_square():
    opened = open_network(Transformer(), SIZE)
    grid = Cells("tokens", 4, 6, prefix=3)
    assert opened.roles["features"] == "blocks.1.norm1"
    assert opened.roles["classifier"] == "head"
    assert opened.network.tokens == opened.network.cells["blocks.1.norm1"] == grid
    requests = Requests(
        features=frozenset({"blocks.1.norm1"}),
        gradients=frozenset({"blocks.1.norm1"}),
        attention=True,
        attention_gradient=True,
    )
    images, classes = torch.randn(2, 3, *SIZE), torch.tensor([0, 4])
    forward = opened.network.forward(images, requests)
    assert forward.features("blocks.1.norm1").shape == (2, 16, 4, 6)
    assert forward.gradient("blocks.1.norm1", classes).abs().sum() > 0
    assert [each.shape for each in forward.attention()] == [(2, 2, 27, 27)] * 2
    assert all(each.abs().sum() > 0 for each in forward.attention_gradient(classes))


def test_merged_tokens_lie_on_a_coarser_grid_and_a_table_is_no_feature():
    opened = open_network(MergedTokens(), SIZE)
    assert opened.roles["features"] == "merge"
    assert opened.network.cells["merge"] == Cells("tokens", 4, 6)
    assert "table" not in opened.network.cells


def test_features_are_the_last_norm_whose_cells_lead_to_the_scores():
    """The final norm's cells have no gradient: the class token alone is read there."""
    opened = open_network(LateClassToken(), SIZE)
    layer = opened.roles["features"]
    assert layer == "last.norm1"
    images = torch.randn(1, 3, *SIZE)
    forward = opened.network.forward(images, Requests(gradients=frozenset({layer})))
    assert forward.gradient(layer, torch.tensor([2])).abs().sum() > 0


@pytest.mark.parametrize("hooked", [True, False])
def test_a_trunk_under_no_grad_has_features_with_a_gradient(hooked):
    class Frozen(Convolutional):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = self.pool(self.body(self.stem(x)))
            return self.head(x)

    opened = open_network(Frozen(), SIZE, hooked=hooked)
    assert opened.roles["features"] == "body"
    images, classes = torch.randn(2, 3, *SIZE), torch.tensor([0, 3])
    requests = Requests(gradients=frozenset({"body"}))
    found = opened.network.forward(images, requests).gradient("body", classes)
    assert found.abs().sum() > 0


def test_scores_that_the_network_detaches_have_no_gradient():
    class Detached(Convolutional):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach()

    network = open_network(Detached(), SIZE).network
    forward = network.forward(torch.randn(1, 3, *SIZE), Requests(gradients=frozenset({"body"})))
    with pytest.raises(UsageError, match="the scores have no gradient: the network's code cuts it"):
        forward.gradient("body", torch.tensor([0]))


def test_a_head_of_zeros_leaves_the_features_where_they_are():
    net = Transformer()
    nn.init.zeros_(net.head.weight)
    assert open_network(net, SIZE).roles["features"] == "blocks.1.norm1"


def test_a_module_that_takes_no_input_with_a_graph_is_opened():
    class Converting(Convolutional):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.from_numpy(x.numpy()))

    assert open_network(Converting(), SIZE, hooked=True).roles["features"] == "body"


def test_channels_last_become_maps():
    net = ChannelsLast()
    opened = open_network(net, SIZE)
    assert opened.roles["features"] == "norm"
    images = torch.randn(2, 3, *SIZE)
    forward = opened.network.forward(images, Requests(features=frozenset({"norm"})))
    expected = net.norm(net.patch(images).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert torch.allclose(forward.features("norm"), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (BranchOnValues, "torch.fx cannot trace BranchOnValues"),
        (Forgetful, "gives other scores than the module itself"),
    ],
)
def test_what_cannot_be_traced_truly_is_hooked_and_says_why(net, reason):
    opened = open_network(net(), SIZE)
    assert opened.network.opening == "hooked"
    assert reason in opened.network.reason
    assert any("opened with hooks" in note for note in opened.notes)
    with pytest.raises(NotApplicable, match="opened with hooks"):
        opened.network.excitation_path("body")


def test_a_module_in_training_mode_half_precision_is_opened_and_left_as_it_was():
    net = Convolutional().half().train()
    opened = open_network(net, SIZE)
    forward = opened.network.forward(
        torch.randn(1, 3, *SIZE), Requests(gradients=frozenset({PIXELS}))
    )
    assert forward.scores.dtype == torch.float32
    assert net.training
    assert next(net.parameters()).dtype == torch.float16


class Averaging(nn.Module):
    """Mean over the cells in one of two ways, then one linear layer."""

    def __init__(self, hidden: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 8, stride=8)
        self.hidden = nn.Linear(6, hidden) if hidden else nn.Identity()
        self.head = nn.Linear(hidden or 6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.conv(x).relu().relu().mean((2, 3))))


class Rectified(Averaging):
    def __init__(self, hidden: int = 0) -> None:
        super().__init__(hidden)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.relu(self.conv(x)).mean((2, 3))))


@pytest.mark.parametrize("hooked", [True, False])
def test_cam_is_supported_where_the_scores_are_the_linear_layers_of_the_means(hooked):
    net = Rectified()
    opened = open_network(net, SIZE, hooked=hooked)
    assert opened.network.averaged == opened.roles["features"] == "relu"
    images, classes = torch.randn(2, 3, *SIZE), torch.tensor([4, 0])
    forward = opened.network.forward(images, Requests(features=frozenset({"relu"})))
    assert torch.equal(forward.class_weights(classes), net.head.weight[classes])
    maps = torch.einsum("nk,nkuv->nuv", forward.class_weights(classes), forward.features("relu"))
    expected = forward.scores.gather(1, classes[:, None])[:, 0] - net.head.bias[classes]
    assert torch.allclose(maps.mean((1, 2)), expected, atol=1e-5)
    opened.network.outputs = Outputs((4, NONE), 5)
    rows = forward.class_weights(torch.tensor([0, 1]))
    assert torch.equal(rows[0], net.head.weight[4])
    assert not rows[1].any()


@pytest.mark.parametrize("net", [Averaging, lambda: Rectified(hidden=7), Convolutional])
def test_cam_is_not_where_another_step_lies_between(net):
    assert open_network(net(), SIZE).network.averaged == ""


def test_scores_after_a_softmax_are_warned_of():
    opened = open_network(nn.Sequential(Convolutional(), nn.Softmax(1)), SIZE)
    assert any("after a softmax" in note for note in opened.notes)


def test_a_network_without_cells_says_that_only_the_pixels_can_be_read():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 48, 4))
    opened = open_network(net, SIZE)
    assert set(opened.roles) == {"classifier"}
    assert any("no layer with cells" in note for note in opened.notes)


def test_an_input_that_the_network_does_not_take_is_one_message():
    with pytest.raises(UsageError, match=r"fails on an input of \(1, 3, 40, 40\).*--side"):
        open_network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), (40, 40))


def test_given_roles_come_before_those_found():
    opened = open_network(Convolutional(), SIZE, roles={"features": "stem"})
    assert opened.roles["features"] == "stem"
    with pytest.raises(UsageError, match="unknown layer 'trunk'"):
        open_network(Convolutional(), SIZE, roles={"features": "trunk"})


def test_relus_are_seen_wherever_they_are_computed():
    assert open_network(Convolutional(), SIZE).network.has_relu
    network = open_network(Transformer(), SIZE).network
    with pytest.raises(NotApplicable, match="guided rule acts on ReLUs"):
        network.check_rule("guided")
