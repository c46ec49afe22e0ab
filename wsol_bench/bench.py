"""What localization costs, in forward passes of the same network.

The unit is one forward pass at the same batch size on the same device, measured in
the same run: machines are shared and noisy, so a time by itself says little. Tasks
are interleaved, round after round, and the median of their ratios is given.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wsol_bench.boxes import enlarge, extract_box
from wsol_bench.errors import NotApplicable
from wsol_bench.geometry import Size
from wsol_bench.methods.catalog import METHODS
from wsol_bench.methods.entry import MapMethod, Settings
from wsol_bench.networks.entry import Arch
from wsol_bench.networks.forward import PIXELS, Asks, Network
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.protocol import PROTOCOLS, BoxRule
from wsol_bench.sweep import largest_boxes

TOGETHER = (
    ("grad_cam", "cam"),
    ("grad_cam", "backprop", "c_mwp"),
    ("grad_cam", "cam", "c_mwp", "mwp", "backprop"),
)
"""Methods that are timed in one pass; those a network cannot carry are left out."""

IMAGE = Size(375, 500)
"""ILSVRC's commonest size, which boxes are drawn in."""
CLASSES = 1000
THRESHOLDS = 1000
SWEEP_SIDE = 224
_SWEPT = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """What one arch's tasks took.

    Attributes:
        arch, topology, device: what ran where.
        batch: images per pass.
        rounds: how often each task ran, interleaved.
        forward_ms: median of a plain forward pass without a graph.
        ratios: task -> median of its time over the forward's of the same round.
        spread: task -> least and largest of those ratios.
        sweep_ms: 1,000 thresholds on one 224x224 map, median.
    """

    arch: str
    topology: str
    device: str
    batch: int
    rounds: int
    forward_ms: float
    ratios: Mapping[str, float]
    spread: Mapping[str, tuple[float, float]]
    sweep_ms: float

    def to_json(self) -> dict[str, Any]:
        """The object that `bench --json` prints."""
        return {
            "arch": self.arch,
            "topology": self.topology,
            "device": self.device,
            "batch": self.batch,
            "rounds": self.rounds,
            "threads": torch.get_num_threads(),
            "forward_ms": self.forward_ms,
            "ratios": dict(self.ratios),
            "spread": {name: list(ends) for name, ends in self.spread.items()},
            "sweep_1000_ms": self.sweep_ms,
        }


def measure(arch: Arch, topology: str, device: torch.device, batch: int, rounds: int) -> Measured:
    """Times an arch with random weights; what is timed does not depend on their values.

    Args:
        arch: an entry of the table.
        topology: one of its topologies.
        device: where to run.
        batch: images per pass.
        rounds: interleaved repeats after one that is thrown away.
    """
    torch.manual_seed(0)
    entry = arch.topologies[topology]
    module = entry.build(CLASSES)
    for layer in module.modules():  # else every map is next to zero, and boxes are free
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    network = Network(module, entry.roles["classifier"]).to(device)
    side = entry.preprocessing.size
    inputs = torch.randn(batch, 3, side, side, device=device)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    tasks = _tasks(network, entry.roles, inputs)
    with exact_float32():
        times = _interleaved(tasks, rounds, device)
    ratios = {
        name: [mine / forward for mine, forward in zip(times[name], times["forward"], strict=True)]
        for name in tasks
        if name != "forward"
    }
    return Measured(
        arch=arch.name,
        topology=topology,
        device=str(device),
        batch=batch,
        rounds=rounds,
        forward_ms=1000 * median(times["forward"]),
        ratios={name: median(values) for name, values in ratios.items()},
        spread={name: (min(values), max(values)) for name, values in ratios.items()},
        sweep_ms=1000 * _sweep_seconds(rounds),
    )


def _tasks(
    network: Network, roles: Mapping[str, str], inputs: Tensor
) -> dict[str, Callable[[], object]]:
    placed = _placed(network, roles)
    labels = torch.arange(len(inputs)) * 7 % CLASSES
    rule = PROTOCOLS["gradcam-iccv17"].box_rule

    def plain() -> Tensor:
        with torch.no_grad():
            scores: Tensor = network.traced(inputs)
        return scores

    def localize(names: tuple[str, ...]) -> Callable[[], object]:
        asks = Asks.merge(METHODS[name].asks(placed[name]) for name in names)  # type: ignore[union-attr]

        def run() -> None:
            forward = network.forward(inputs, asks)
            for name in names:
                maps = METHODS[name].maps(forward, placed[name], labels, Settings())  # type: ignore[union-attr]
                _draw(maps.cpu().numpy(), rule)

        return run

    groups: list[tuple[str, ...]] = [(name,) for name in placed]
    groups += [tuple(name for name in group if name in placed) for group in TOGETHER]
    tasks: dict[str, Callable[[], object]] = {"forward": plain}
    tasks |= {"+".join(group): localize(group) for group in groups if group}
    drawn = np.abs(np.random.default_rng(0).standard_normal((len(inputs), 14, 14), np.float32))
    return tasks | {"boxes of 14x14 maps": lambda: _draw(drawn, rule)}


def _placed(network: Network, roles: Mapping[str, str]) -> dict[str, str]:
    """Map method -> its layer, checks of the label left out: they cost the same."""
    placed = {}
    for name, method in METHODS.items():
        if not isinstance(method, MapMethod) or method.subject != "label":
            continue
        layer = roles[method.role] if method.role else PIXELS
        try:
            method.check(network, layer)
        except NotApplicable:
            continue
        placed[name] = layer
    return placed


def _draw(maps: np.ndarray[Any, np.dtype[np.float32]], rule: BoxRule) -> None:
    for values in maps:
        extract_box(values, IMAGE, rule)


def _interleaved(
    tasks: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            _finish(device)
            started = time.perf_counter()
            task()
            _finish(device)
            if number:  # the first compiles, allocates and fills caches
                times[name].append(time.perf_counter() - started)
    return times


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _sweep_seconds(rounds: int) -> float:
    random = np.random.default_rng(0)
    coarse = random.random((_SWEPT, 14, 14)).astype(np.float32)
    maps = [enlarge(values, SWEEP_SIDE, SWEEP_SIDE) for values in coarse]
    steps = np.arange(THRESHOLDS) / THRESHOLDS
    largest_boxes(maps[0], steps)
    seconds = []
    for _ in range(rounds):
        for values in maps:
            started = time.perf_counter()
            largest_boxes(values, steps)
            seconds.append(time.perf_counter() - started)
    return median(seconds)
