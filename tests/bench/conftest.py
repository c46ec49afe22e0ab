"""A case of the benchmark that takes milliseconds, on a net that carries every method."""

from copy import deepcopy
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from wsol_bench.bench.case import Case, bind
from wsol_bench.networks.archs.entry import Arch, Preprocessing, Topology
from wsol_bench.networks.forward import Network

SIDE, BATCH, CLASSES = 32, 3, 6


@dataclass(frozen=True)
class Sizes:
    """Multiply-adds of the small net's layers for one image, by hand."""

    conv1: int = 8 * 32 * 32 * 3 * 3 * 3  # 8 maps of 32x32, each cell of 3 maps, 3x3
    conv2: int = 12 * 16 * 16 * 8 * 3 * 3
    linear: int = 12 * CLASSES

    @property
    def forward(self) -> int:
        return self.conv1 + self.conv2 + self.linear


def small_net(classes: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, classes),
    ).eval()


@pytest.fixture
def sizes() -> Sizes:
    return Sizes()


@pytest.fixture
def case() -> Case:
    roles = {"features": "4", "excitation": "2", "classifier": "7"}
    topology = Topology(small_net, roles, Preprocessing(SIDE, "rgb", 1 / 255, (0.5, 0.5, 0.5)))
    module = small_net(CLASSES)
    plain = deepcopy(module)
    network = Network(module, "7").to(torch.device("cpu"))
    inputs = torch.randn(BATCH, 3, SIDE, SIDE)
    return Case(
        arch=Arch("small", "Small", {"caffe": topology}),
        topology=topology,
        weights="random",
        device=torch.device("cpu"),
        network=network,
        plain=plain,
        bound=bind(network, roles),
        inputs=inputs.contiguous(memory_format=torch.channels_last),
        plain_inputs=inputs,
        labels=torch.tensor([1, 5, 2]),
        rounds=1,
    )
