"""What half precision costs and moves: the forward pass, and the boxes against those of float32.

    python scripts/half_precision.py --arch googlenet --weights demo --data demo --json

The forward pass in bf16 is timed between two in float32; boxes are those of two runs.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from gpu_records import records_in

from wsol_bench.bench.timing import interleaved
from wsol_bench.geometry import box_iou
from wsol_bench.networks.numbers import computing_in
from wsol_bench.networks.requests import Requests
from wsol_bench.records.table import boxes_of
from wsol_bench.runs.prepare import prepare
from wsol_bench.runs.source import open_source
from wsol_bench.runtime.machine import machine, versions
from wsol_bench.settings import RunSettings, names_in

PRECISION = "bf16"


def boxes_against_float32(settings: RunSettings) -> dict[str, dict[str, float]]:
    """Method -> how its boxes in half precision compare with those in float32."""
    with TemporaryDirectory() as folder:
        full = records_in(settings, Path(folder) / "full")
        half = records_in(replace(settings, precision=PRECISION), Path(folder) / "half")
    methods, first, second = np.array(full["method"]), boxes_of(full), boxes_of(half)
    apart = np.abs(first - second).max(axis=1)
    ious = np.array([box_iou(*pair)[0] for pair in zip(first, second, strict=True)])
    return {
        name: {
            "equal": 100 * float((apart[methods == name] == 0).mean()),
            "within_a_pixel": 100 * float((apart[methods == name] <= 1).mean()),
            "mean_iou": float(ious[methods == name].mean()),
        }
        for name in dict.fromkeys(methods.tolist())
    }


def forward_against_float32(settings: RunSettings, rounds: int) -> dict[str, Any]:
    """The forward pass in half precision, in forward passes in float32."""
    source = open_source(settings, quiet=True)
    full, half = (
        prepare(replace(settings, precision=each), source).pipeline for each in ("fp32", PRECISION)
    )
    inputs = torch.rand(settings.batch_size, 3, full.side, full.side, device=full.device)
    inputs = inputs.contiguous(memory_format=torch.channels_last)

    def run(pipeline: Any) -> None:
        with computing_in(pipeline.precision):
            pipeline.network.forward(inputs, Requests())

    ratio = interleaved({"half": lambda: run(half)}, lambda: run(full), rounds, full.device).ratio(
        "half"
    )
    return {"forward": ratio.median, "forward_spread": ratio.ends, "device": str(full.device)}


def main() -> int:
    """Prints what was measured of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="googlenet")
    parser.add_argument("--weights")
    parser.add_argument("--data", default="demo")
    parser.add_argument("--methods", default="grad_cam,backprop,c_mwp")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    settings = RunSettings(
        arch=asked.arch,
        weights=asked.weights,
        data=asked.data,
        methods=names_in(asked.methods),
        limit=asked.limit,
        batch_size=asked.batch_size,
        device=asked.device,
    )
    found = forward_against_float32(settings, asked.rounds)
    told = {
        "arch": asked.arch,
        "batch": asked.batch_size,
        "images": len(open_source(settings, quiet=True).dataset.examples),
        "rounds": asked.rounds,
        "precision": PRECISION,
        **found,
        "methods": boxes_against_float32(settings),
        "machine": machine(torch.device(found["device"])),
        "versions": versions(),
    }
    if asked.json:
        print(json.dumps(told, indent=2))
        return 0
    print(f"{PRECISION}: {told['forward']:.2f} of a forward pass in float32")
    for name, each in told["methods"].items():
        print(
            f"{name}: boxes equal {each['equal']:.1f} %, within a pixel "
            f"{each['within_a_pixel']:.1f} %, mean IoU {each['mean_iou']:.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
