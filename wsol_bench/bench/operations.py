"""What the work needs, counted: multiply-adds and bytes, before anything is timed.

From the graph and the shapes of one image come

- the forward pass: every convolution and linear layer once;
- a gradient at a layer: the transpose of each such layer above it once, so for the
  pixels as much as the forward pass again, and for Grad-CAM the layers of the head;
- excitation backprop: each such layer on the way down to the map's layer once with its
  positive weights, which all signals share, and its transpose once per signal.

Beside that stands what the engine performed, as torch's dispatcher saw it. The floor
of the forward pass takes each step as long as its multiply-adds take at the machine's
best product of matrices, or its bytes at the machine's best copy, whichever is longer;
a step reads its inputs and weights and writes its output once.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from wsol_bench.bench.case import Case
from wsol_bench.bench.methods import asker, groups, maps_of
from wsol_bench.networks import graph
from wsol_bench.networks.excitation import Path
from wsol_bench.networks.graph import Step

_BYTES = 4
_PRODUCT_SIDE = 1024
_COPIED = 1 << 26
_REPEATS = 40
"""Many and short: on a busy machine most of them are disturbed."""


@dataclass(frozen=True, slots=True)
class Peak:
    """What the device reaches at its best, as measured, with float32.

    Attributes:
        macs: multiply-adds a second, in a product of two matrices.
        bytes: a second, read and written, in a copy.
    """

    macs: float
    bytes: float

    def to_json(self) -> dict[str, float]:
        """What `bench --json` prints of it."""
        return {"gmacs_per_s": self.macs / 1e9, "gbytes_per_s": self.bytes / 1e9}


@dataclass(frozen=True, slots=True)
class Counted:
    """Multiply-adds of one image, and the floor of a batch's forward pass.

    Attributes:
        needed: stage -> multiply-adds by the graph.
        performed: task -> multiply-adds that the engine performed, forward included.
        floor_ms: least time of the forward pass of the case's batch.
        compute_ms, traffic_ms: of which bound by operations and by bytes.
        peak: of the device.
    """

    needed: Mapping[str, int]
    performed: Mapping[str, int]
    floor_ms: float
    compute_ms: float
    traffic_ms: float
    peak: Peak

    @property
    def forward(self) -> int:
        """Of the forward pass."""
        return self.needed["forward"]

    @property
    def performed_forwards(self) -> dict[str, float]:
        """Task -> multiply-adds performed, in forward passes."""
        return {name: each / self.forward for name, each in self.performed.items()}

    def to_json(self) -> dict[str, Any]:
        """What `bench --json` prints of it."""
        return {
            "forward_gmacs": self.forward / 1e9,
            "needed": {name: each / self.forward for name, each in self.needed.items()},
            "performed": self.performed_forwards,
            "forward_floor_ms": self.floor_ms,
            "floor_from_operations_ms": self.compute_ms,
            "floor_from_bytes_ms": self.traffic_ms,
            "peak": self.peak.to_json(),
        }


def count(case: Case, peak: Peak) -> Counted:
    """Counts a case's work."""
    shapes = _shapes(case)
    steps = list(case.network.traced.graph.nodes)
    macs = {step: _macs(case, step, shapes) for step in steps}
    compute, traffic = _floor(case, steps, shapes, macs, peak)
    return Counted(
        needed=_needed(case, macs),
        performed={"+".join(names): _performed(case, names) for names in groups(case)},
        floor_ms=1000 * (compute + traffic),
        compute_ms=1000 * compute,
        traffic_ms=1000 * traffic,
        peak=peak,
    )


def measure_peak(device: torch.device) -> Peak:
    """The best of a few products of matrices and of a few copies."""
    matrix = torch.rand(_PRODUCT_SIDE, _PRODUCT_SIDE, device=device)
    source = torch.rand(_COPIED // _BYTES, device=device)
    target = torch.empty_like(source)

    def seconds(work: Any) -> float:
        taken = []
        for _ in range(_REPEATS):
            begun = time.perf_counter()
            float(work().flatten()[0])  # reading a value waits for the device
            taken.append(time.perf_counter() - begun)
        return min(taken)

    return Peak(
        macs=_PRODUCT_SIDE**3 / seconds(lambda: matrix @ matrix),
        bytes=2 * _COPIED / seconds(lambda: target.copy_(source)),
    )


class _Counter(TorchDispatchMode):
    """Adds up the multiply-adds of all that torch runs while inside.

    torch's own FlopCounterMode hooks modules besides, which autograd.grad refuses.
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
    """Runs a graph and keeps the shape of every step's output."""

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


def _macs(case: Case, step: Step, shapes: Mapping[Step, torch.Size]) -> int:
    layer = graph.layer_of(case.network.traced, step)
    if isinstance(layer, nn.Conv2d):
        return shapes[step].numel() * layer.weight[0].numel()
    return layer.weight.numel() if isinstance(layer, nn.Linear) else 0


def _needed(case: Case, macs: Mapping[Step, int]) -> dict[str, int]:
    network = case.network
    needed = {"forward": sum(macs.values())}
    for name in ("grad_cam", "backprop"):
        if name in case.placed:
            at = network.step(case.placed[name].layer)
            needed[f"gradient, {name}"] = sum(macs[step] for step in macs if _is_above(step, at))
    if "c_mwp" in case.placed:
        path = network.excitation_path(case.placed["c_mwp"].layer)
        once = sum(macs[step] for step in _steps_of(path))
        needed["excitation, positive weights"] = once
        needed["excitation, each signal"] = once
    return needed


def _is_above(step: Step, layer: Step) -> bool:
    return layer in graph.ancestors(step)


def _steps_of(path: Path) -> Iterable[Step]:
    return (*path.above, path.classifier, *path.below)


def _performed(case: Case, names: tuple[str, ...]) -> int:
    ask = asker(case, names)
    one = case.labels[:1]
    forward = ask(case.inputs[:1])  # outside: the first pass may prepare weights
    for name in names:
        maps_of(case, forward, name, one)
    with _Counter() as counter:
        forward = ask(case.inputs[:1])
        for name in names:
            maps_of(case, forward, name, one)
    return counter.macs


def _floor(
    case: Case,
    steps: Iterable[Step],
    shapes: Mapping[Step, torch.Size],
    macs: Mapping[Step, int],
    peak: Peak,
) -> tuple[float, float]:
    """Seconds of the steps bound by operations, and of those bound by bytes."""
    compute = traffic = 0.0
    for step in steps:
        if step.op in ("placeholder", "output") or step not in shapes:
            continue
        if graph.passes_values_on(case.network.traced, step):
            continue
        layer = graph.layer_of(case.network.traced, step)
        weights = sum(each.numel() for each in layer.parameters()) if layer else 0
        passing = sum(shapes[each].numel() for each in (step, *step.all_input_nodes))
        operations = case.batch * macs[step] / peak.macs
        moving = _BYTES * (case.batch * passing + weights) / peak.bytes
        if operations > moving:
            compute += operations
        else:
            traffic += moving
    return compute, traffic
