"""Counted costs: the multiply-adds and bytes that the work needs.

The graph and the shapes of one image give

- the forward pass: every convolution and linear layer once;
- a gradient at a layer: the transpose of each such layer above it once, so for the pixels
  as much as another forward pass, and for Grad-CAM the layers of the head;
- excitation backprop: each such layer between the classifier and the map's layer once with
  its positive weights, which all signals share, and its transpose once per signal.

The multiply-adds that were performed are counted by a torch dispatch mode. The lower bound
of a stage adds up its steps: each takes its multiply-adds at the machine's peak rate of
convolutions or matrix products, or its bytes at the peak rate of copies, whichever is
longer; a step reads its inputs and weights and writes its output once.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from wsol_bench.bench.case import Case
from wsol_bench.bench.methods import asker, groups, maps_of
from wsol_bench.networks import graph
from wsol_bench.networks.graph import Step

FORWARD = "forward"
"""The stage that all others are relative to."""

_BYTES = 4
_PRODUCT_REPEATS = {512: 80, 1024: 20, 2048: 5}
"""Side -> trials; many short ones, because on a busy machine most are disturbed."""
_CONVOLVED = (8, 256, 28)
"""Images, channels in and out, side of a 3x3 convolution; a layer of VGG-16's kind."""
_CONVOLUTION_REPEATS = 20
_COPIED, _COPY_REPEATS = 1 << 26, 40


@dataclass(frozen=True, slots=True)
class Peak:
    """The measured peak performance of the device in float32.

    Attributes:
        macs: multiply-adds per second of a convolution or matrix product.
        bytes: bytes read and written per second by a copy.
    """

    macs: float
    bytes: float

    def to_json(self) -> dict[str, float]:
        """The object in the output of `bench --json`."""
        return {"gmacs_per_s": self.macs / 1e9, "gbytes_per_s": self.bytes / 1e9}


@dataclass(frozen=True, slots=True)
class Stage:
    """Some steps of a network, each run once.

    Attributes:
        macs: multiply-adds of one image.
        compute_ms, traffic_ms: lower bound of the time of compute-bound and of memory-bound
            steps, for the case's batch.
    """

    macs: int
    compute_ms: float
    traffic_ms: float

    @property
    def floor_ms(self) -> float:
        """Lower bound of the time for the case's batch."""
        return self.compute_ms + self.traffic_ms


@dataclass(frozen=True, slots=True)
class Counted:
    """Needed and performed operations.

    Attributes:
        needed: stage -> its cost from the graph; "forward" is one of them.
        performed: task -> multiply-adds of one image, including the forward pass.
        peak: that of the device.
    """

    needed: Mapping[str, Stage]
    performed: Mapping[str, int]
    peak: Peak

    @property
    def forward(self) -> Stage:
        """The forward pass."""
        return self.needed[FORWARD]

    @property
    def performed_forwards(self) -> dict[str, float]:
        """Task -> multiply-adds performed, in forward passes."""
        return {name: each / self.forward.macs for name, each in self.performed.items()}

    def to_json(self) -> dict[str, Any]:
        """The object in the output of `bench --json`."""
        forward = self.forward
        return {
            "forward_gmacs": forward.macs / 1e9,
            "needed": {name: each.macs / forward.macs for name, each in self.needed.items()},
            "performed": self.performed_forwards,
            "floor_ms": {name: each.floor_ms for name, each in self.needed.items()},
            "forward_floor_from_bytes_ms": forward.traffic_ms,
            "peak": self.peak.to_json(),
        }


def count(case: Case, peak: Peak) -> Counted:
    """Counts the work of a case."""
    shapes = _shapes(case)
    needed = {
        name: _stage(case, [_work(case, step, shapes) for step in steps], peak)
        for name, steps in _stages(case).items()
    }
    performed = {"+".join(names): _performed(case, names) for names in groups(case)}
    return Counted(needed, performed, peak)


def measure_peak(device: torch.device) -> Peak:
    """Measures the peak rates of convolutions, matrix products and copies."""
    images, channels, side = _CONVOLVED
    inputs = torch.rand(images, channels, side, side, device=device)
    weight = torch.rand(channels, channels, 3, 3, device=device)
    weight = weight.contiguous(memory_format=torch.channels_last)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    convolve = partial(F.conv2d, inputs, weight, padding=1)
    macs = inputs.numel() * weight[0].numel() / _minimum_seconds(convolve, _CONVOLUTION_REPEATS)
    for side, repeats in _PRODUCT_REPEATS.items():
        matrix = torch.rand(side, side, device=device)
        macs = max(macs, side**3 / _minimum_seconds(partial(torch.mm, matrix, matrix), repeats))
    source = torch.rand(_COPIED // _BYTES, device=device)
    copy = partial(torch.empty_like(source).copy_, source)
    return Peak(macs, 2 * _COPIED / _minimum_seconds(copy, _COPY_REPEATS))


def _minimum_seconds(work: Callable[[], Tensor], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        float(work().flatten()[0])  # reading a value synchronises the device
        taken.append(time.perf_counter() - begun)
    return min(taken)


class MacCounter(TorchDispatchMode):
    """Counts the multiply-adds of all torch operations inside.

    torch's FlopCounterMode also hooks modules, which autograd.grad does not support.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types here
        self.macs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs one operation and counts it."""
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula:
            self.macs += formula(*args, **(kwargs or {}), out_val=result) // 2
        return result


class _Recorder(fx.Interpreter):
    """Runs a graph and records the shape of each step's output."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.shapes: dict[Step, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        """Runs one step."""
        value = super().run_node(n)
        if isinstance(value, Tensor):
            self.shapes[n] = value.shape
        return value


def _shapes(case: Case) -> dict[Step, torch.Size]:
    recorder = _Recorder(case.network.traced)
    with torch.no_grad():
        recorder.run(case.inputs[:1])
    return recorder.shapes


def _stages(case: Case) -> dict[str, list[Step]]:
    """Stage -> the steps that it runs or transposes."""
    network = case.network
    steps = [s for s in network.traced.graph.nodes if s.op not in ("placeholder", "output")]
    stages = {FORWARD: steps}
    for name in ("grad_cam", "backprop"):
        if name in case.bound:
            at = network.step(str(case.bound[name].layer))
            stages[f"gradient, {name}"] = [s for s in steps if at in graph.ancestors(s)]
    if "c_mwp" in case.bound:
        path = network.excitation_path(str(case.bound["c_mwp"].layer))
        weighed = [
            step
            for step in (*path.above, path.classifier, *path.below)
            if isinstance(graph.layer_of(network.traced, step), nn.Conv2d | nn.Linear)
        ]
        stages["excitation, positive weights"] = stages["excitation, each signal"] = weighed
    return stages


def _stage(case: Case, work: Sequence["_Work"], peak: Peak) -> Stage:
    compute = traffic = 0.0
    for each in work:
        operations = case.batch * each.macs / peak.macs
        moving = _BYTES * (case.batch * each.values + each.weights) / peak.bytes
        if operations > moving:
            compute += operations
        else:
            traffic += moving
    return Stage(sum(each.macs for each in work), 1000 * compute, 1000 * traffic)


class _Work(NamedTuple):
    """The multiply-adds, values read and written, and weights read by a step for one image."""

    macs: int
    values: int
    weights: int


def _work(case: Case, step: Step, shapes: Mapping[Step, torch.Size]) -> _Work:
    if step not in shapes or graph.passes_values_on(case.network.traced, step):
        return _Work(0, 0, 0)
    layer = graph.layer_of(case.network.traced, step)
    values = sum(shapes[each].numel() for each in (step, *step.all_input_nodes))
    weights = sum(each.numel() for each in layer.parameters()) if layer else 0
    macs = 0
    if isinstance(layer, nn.Conv2d):
        macs = shapes[step].numel() * layer.weight[0].numel()
    elif isinstance(layer, nn.Linear):
        macs = layer.weight.numel()
    return _Work(macs, values, weights)


def _performed(case: Case, names: tuple[str, ...]) -> int:
    ask = asker(case, names)
    one = case.labels[:1]

    def work() -> None:
        forward = ask(case.inputs[:1])
        for name in names:
            maps_of(case, forward, name, one)

    work()  # not counted: the first pass may prepare weights
    with MacCounter() as counter:
        work()
    return counter.macs
