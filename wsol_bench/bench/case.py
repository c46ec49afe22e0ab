"""A case of the benchmark: a network and a batch of images on a device."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from itertools import cycle, islice, product

import numpy as np
import torch
from torch import Tensor, nn

from wsol_bench.datasets.example import Dataset
from wsol_bench.errors import NotApplicable, UsageError, find
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.archs.entry import Arch, Topology
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import normalise
from wsol_bench.networks.weights.load import load_weights
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS, Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.runs.checks import find_device
from wsol_bench.runtime.memory import keep_freed_memory
from wsol_bench.settings import ARCH_SETS, DEFAULT_DATA

CLASSES = 1000
"""The number of classes of a network with random weights: that of ILSVRC."""
RANDOM = "random"
RANDOM_TOPOLOGY = "caffe"
PROTOCOL: Protocol = PROTOCOLS[DEFAULT_PROTOCOL]


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """The settings of the benchmark.

    Attributes:
        archs: names of archs, or of a set of them.
        topology: that of random weights; default: Caffe's.
        weights: a value of `run --weights`; default: random.
        device: as torch calls it, or "auto".
        batches: batch sizes, one case each.
        rounds: interleaved repeats, after one that is discarded.
        against: names of other libraries.
        parts: names of the parts to measure.
        data: the folder or tar of a dataset, or the name of an embedded one.
        limit: at most N images for the pipeline.
    """

    archs: tuple[str, ...]
    topology: str | None = None
    weights: str | None = None
    device: str = "auto"
    batches: tuple[int, ...] = (8,)
    rounds: int = 5
    against: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    data: str = DEFAULT_DATA
    limit: int = 32

    def check(self) -> None:
        """Validates names and numbers before anything is opened.

        Raises:
            UsageError: one is wrong; names the flag.
        """
        if not self.archs or not self.batches:
            raise UsageError("--arch and --batch-size: expected at least one each.")
        for name in self.arch_names():
            topologies = find("arch", name, ARCHS).topologies
            find(f"topology of {name}", self.topology or RANDOM_TOPOLOGY, topologies)
        if self.topology and self.weights:
            raise UsageError(
                f"--topology {self.topology}: is of random weights; --weights {self.weights} "
                "names its own. Leave one out."
            )
        numbers = [("--batch-size", each) for each in self.batches]
        for flag, number in [*numbers, ("--rounds", self.rounds), ("--limit", self.limit)]:
            if number < 1:
                raise UsageError(f"{flag} {number}: expected 1 or more.")
        find_device(self.device)

    def arch_names(self) -> tuple[str, ...]:
        """The archs, with sets expanded, each once."""
        names = [one for each in self.archs for one in ARCH_SETS.get(each, (each,))]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Case:
    """A network with its inputs.

    Attributes:
        arch: its entry in the table.
        topology: its topology.
        weights: "random", or the topology and file.
        device: the device of network and inputs.
        network: ours, on the device.
        plain: the same network as unmodified torch modules, which other libraries take.
            It has its own parameters, and these require gradients.
        bound: method -> the method bound to its layer, for those that the network supports.
        inputs: (n, 3, side, side) float32 of n images, in the memory format of our pipeline.
        plain_inputs: the same in torch's default memory format.
        labels: (n,) int64 on the CPU.
        rounds: interleaved repeats.
    """

    arch: Arch
    topology: Topology
    weights: str
    device: torch.device
    network: Network
    plain: nn.Module
    bound: Mapping[str, BoundMethod]
    inputs: Tensor
    plain_inputs: Tensor
    labels: Tensor
    rounds: int

    @property
    def batch(self) -> int:
        """Images per pass."""
        return len(self.inputs)

    def forward(self) -> Tensor:
        """Runs a forward pass of our network without a graph: the unit of all costs."""
        with torch.no_grad():
            scores: Tensor = self.network.traced(self.inputs)
        return scores

    def plain_forward(self) -> Tensor:
        """Runs a forward pass of the unmodified network."""
        with torch.no_grad():
            scores: Tensor = self.plain(self.plain_inputs)
        return scores


def cases(settings: BenchSettings, dataset: Dataset) -> Iterator[Case]:
    """Yields a case for each arch and batch size.

    Args:
        settings: validated.
        dataset: provides the images of the batches, which repeat if it has too few.

    Raises:
        WeightsError: the weights are missing, or not of this arch or dataset.
        DataError: an image cannot be decoded.
    """
    device = find_device(settings.device)
    if device.type == "cpu":
        keep_freed_memory()  # as the pipeline does, and here for everything compared
    for name, batch in product(settings.arch_names(), settings.batches):
        arch = ARCHS[name]
        if settings.weights is None:
            topology = arch.topologies[settings.topology or RANDOM_TOPOLOGY]
            module, weights = random_net(topology), RANDOM
        else:
            loaded = load_weights(arch, settings.weights, len(dataset.class_ids))
            module, topology, weights = loaded.module, loaded.topology, loaded.name
        plain = deepcopy(module).to(device).requires_grad_(True)
        network = Network(module, topology.roles["classifier"]).to(device)
        inputs, labels = _batch(dataset, topology, batch, device)
        yield Case(
            arch=arch,
            topology=topology,
            weights=weights,
            device=device,
            network=network,
            plain=plain,
            bound=bind(network, topology.roles),
            inputs=inputs,
            plain_inputs=inputs.contiguous(),
            labels=labels,
            rounds=settings.rounds,
        )


def random_net(topology: Topology, classes: int = CLASSES) -> nn.Module:
    """The network with random weights, from a fixed seed."""
    torch.manual_seed(0)
    module = topology.build(classes)
    for layer in module.modules():  # otherwise maps are nearly zero and boxes trivial
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return module.eval()


def bind(network: Network, roles: Mapping[str, str]) -> dict[str, BoundMethod]:
    """Binds each map method to its layer; the checks with another target class cost the same."""
    bound = {}
    for row in find_methods(METHODS):
        if not row.makes_map or row.target_class != "label" or row.passes is not None:
            continue
        with suppress(NotApplicable):
            bound[row.name] = row.to(network, roles)
    return bound


def _batch(
    dataset: Dataset, topology: Topology, batch: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    view, preprocessing = VIEWS[PROTOCOL.view], topology.preprocessing
    side, crop = preprocessing.size, preprocessing.crop
    examples = list(islice(cycle(dataset.examples), batch))
    images = (dataset.open(each.image_id) for each in examples)
    tensors = np.concatenate([view.tensors(image, side, crop) for image in images])
    inputs = normalise(torch.from_numpy(tensors).to(device), preprocessing)
    return inputs, torch.tensor([example.label for example in examples])
