"""Networks of the user's own that cannot be run: one message each."""

import pytest
import torch
from torch import nn

from wsol_bench.errors import WsolBenchError
from wsol_bench.networks.archs.catalog import open_arch
from wsol_bench.networks.opening import open_network
from wsol_bench.networks.weights.load import load_weights

SECTION = "Networks of one's own"
NETS = """
import torch
from torch import nn


class Small(nn.Module):
    def __init__(self, wrap=None):
        super().__init__()
        self.conv, self.head, self.wrap = nn.Conv2d(3, 8, 16, stride=16), nn.Linear(8, 24), wrap

    def forward(self, x):
        scores = self.head(self.conv(x).relu().mean((2, 3)))
        return self.wrap(scores) if self.wrap else scores


def in_a_dict():
    return Small(lambda scores: {"logits": scores})


def in_a_tuple():
    return Small(lambda scores: (scores, scores))


def nothing():
    return Small(lambda scores: None)


def planes():
    return Small(lambda scores: scores[:, :, None, None].expand(-1, -1, 2, 2))


def squeezed():
    return Small(lambda scores: scores.squeeze())


def text():
    return "a network"


def a_class():
    return Small


def state():
    return Small().state_dict()


def needs_more(width):
    return Small()


def fails():
    raise KeyError("no such file")


def grey():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten())


def lazy():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(24))


def on_meta():
    with torch.device("meta"):
        return Small()
"""
CASES = {
    "scores in a dict": "in_a_dict",
    "scores in a tuple": "in_a_tuple",
    "no output": "nothing",
    "a plane per class": "planes",
    "scores without the axis of images": "squeezed",
    "a function that returns a text": "text",
    "a function that returns a class": "a_class",
    "a function that returns a state dict": "state",
    "a function with a parameter that nobody gives": "needs_more",
    "a function that fails": "fails",
    "a function that is not there": "biuld",
    "a network for grey images": "grey",
    "a network that was never called": "lazy",
    "parameters on the device meta": "on_meta",
}


@pytest.mark.parametrize("what", CASES)
def test_a_network_that_cannot_be_run_is_one_message(what, expect_row, tmp_path, monkeypatch):
    (tmp_path / "nets.py").write_text(NETS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WsolBenchError) as refused:
        load_weights(open_arch(f"nets.py:{CASES[what]}"), "none", 24)
    expect_row(SECTION, what, str(refused.value), refused.value.exit_code)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 8, stride=8), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


@pytest.mark.parametrize("change", ["half", "bfloat16", "double", "train"])
def test_half_precision_and_training_mode_are_put_right_in_a_copy(change):
    torch.manual_seed(0)
    plain = Plain().eval()
    given = getattr(Plain(), change)()
    given.load_state_dict(plain.state_dict())
    kept = {name: each.dtype for name, each in given.named_parameters()}
    opened = open_network(given, (32, 32))
    parameters = list(opened.network.parameters())
    assert {each.dtype for each in parameters} == {torch.float32}
    assert not opened.network.module().training
    assert {name: each.dtype for name, each in given.named_parameters()} == kept
    assert given.training == (change != "eval")
