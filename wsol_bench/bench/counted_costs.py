"""Counted costs of every method: a table that no noise can move.

A cost is the multiply-adds that torch performs for one image from the input to the map, in forward
passes of the same network. Methods of many passes are counted with few of them, so the table
shows what a pass costs. A figure changes only when the work does.

    python -m wsol_bench.bench.counted_costs            # compares with results/counted-costs.json
    python -m wsol_bench.bench.counted_costs --update   # writes it
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from wsol_bench.bench.operations import MacCounter
from wsol_bench.errors import EXIT_FINE, EXIT_REGRESSION
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.networks.requests import Requests
from wsol_bench.runs.prepare import prepare
from wsol_bench.runs.source import open_source
from wsol_bench.settings import RunSettings

ARCHS: Mapping[str, str] = {
    "alexnet": "demo",
    "googlenet": "demo",
    "torchvision:squeezenet1_1": "none",
    "timm:vit_tiny_patch16_224": "none",
}
"""Arch -> weights. Their values change no cost but Score-CAM's, which leaves out empty channels."""
FEW_PASSES: Mapping[str, str] = {
    "smooth_grad": "smooth_grad:n=4",
    "integrated_gradients": "integrated_gradients:steps=4",
    "occlusion": "occlusion:patch=112:stride=56",
    "rise": "rise:n=8",
}
"""Method of many passes -> its spec with few of them; Score-CAM's number is the layer's."""
MANY_PASSES = "alexnet"
"""The arch on which methods of many passes are counted: the cheapest to run."""
TABLE = Path(__file__).parents[2] / "results/counted-costs.json"
_DIGITS = 3
_UPDATE = "python -m wsol_bench.bench.counted_costs --update"

Costs = dict[str, float]
"""Row -> multiply-adds in forward passes."""


def count_arch(arch: str) -> Costs:
    """The costs of every method that a network supports, a name of `ARCHS`."""
    rows = [row for row in find_methods(METHODS) if arch == MANY_PASSES or row.passes is None]
    specs = tuple(FEW_PASSES.get(row.name, row.name) for row in rows if row.makes_map)
    settings = RunSettings(arch=arch, weights=ARCHS[arch], methods=specs, device="cpu", limit=1)
    pipeline = prepare(settings, open_source(settings, quiet=True)).pipeline
    network = pipeline.network
    if network is None:
        raise ValueError(f"{arch} is no network")
    with exact_float32():
        return count_methods(network, pipeline.methods, pipeline.side)


def count_methods(network: Network, rows: Sequence[BoundMethod], side: int) -> Costs:
    """The costs of some methods, each alone, with its forward pass.

    Args:
        network: the network.
        rows: bound to it.
        side: of its input.
    """
    torch.manual_seed(0)
    inputs = torch.rand(1, 3, side, side)
    one = _macs(network, inputs, None)
    return {row.name: round(_macs(network, inputs, row) / one, _DIGITS) for row in rows}


def _macs(network: Network, inputs: Tensor, row: BoundMethod | None) -> int:
    requests = row.requests() if row else Requests()

    def work() -> None:
        forward = network.forward(inputs, requests)
        if row:
            row.maps(forward, torch.zeros(1, dtype=torch.int64))

    if row is None or row.passes is None:
        work()  # not counted: the first pass may prepare weights
    with MacCounter() as counter:
        work()
    return counter.macs


def differences(old: Mapping[str, Costs], new: Mapping[str, Costs]) -> list[str]:
    """A line for each figure that differs, or that only one of two tables has."""
    lines = []
    for arch in dict.fromkeys([*old, *new]):
        before, now = old.get(arch, {}), new.get(arch, {})
        for row in dict.fromkeys([*before, *now]):
            if before.get(row) != now.get(row):
                lines.append(f"{arch}, {row}: {before.get(row)} became {now.get(row)} forwards")
    return lines


def main(arguments: Sequence[str]) -> int:
    """Compares the costs with the table, or writes it; returns the exit code."""
    costs = {arch: count_arch(arch) for arch in ARCHS}
    if "--update" in arguments:
        TABLE.write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")
        return EXIT_FINE
    lines = differences(json.loads(TABLE.read_text(encoding="utf-8")), costs)
    for line in lines:
        print(line)
    if lines:
        print(f"Counted costs differ from {TABLE.name}. If the change is intended: {_UPDATE}")
    return EXIT_REGRESSION if lines else EXIT_FINE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
