"""The counted costs of methods: a regression of cost that no noise can hide or feign.

Multiply-adds that torch performs, in forward passes of the same network. A figure here moves
only when the work does; docs/cost.md has the seconds.
"""

from pathlib import Path

import pytest

from wsol_bench.bench.case import BenchSettings, cases
from wsol_bench.bench.operations import Peak, count
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.runs.source import open_source
from wsol_bench.settings import RunSettings

COSTS = {
    "alexnet": {
        "grad_cam": 1.081,
        "backprop": 2.074,
        "mwp": 1.162,
        "c_mwp": 1.173,
        "grad_cam+backprop+c_mwp": 2.247,
    },
    "googlenet": {
        "grad_cam": 1.001,
        "cam": 1.0,
        "backprop": 2.037,
        "mwp": 2.396,
        "c_mwp": 2.398,
        "grad_cam+backprop+c_mwp": 3.435,
    },
    "squeezenet1_1": {
        "grad_cam": 1.259,
        "backprop": 2.106,
        "mwp": 2.505,
        "c_mwp": 3.023,
        "grad_cam+backprop+c_mwp": 4.13,
    },
}
"""Arch -> task -> multiply-adds in forward passes, for random weights of Caffe's topology."""


@pytest.mark.parametrize("arch", COSTS)
def test_methods_perform_the_multiply_adds_of_the_table(arch: str, small_dataset: Path) -> None:
    source = open_source(RunSettings(arch="", data=str(small_dataset), limit=1), quiet=True)
    (case,) = cases(BenchSettings((arch,), device="cpu", batches=(1,)), source.dataset)
    with exact_float32():
        performed = count(case, Peak(1.0, 1.0)).performed_forwards
    expected = COSTS[arch]
    assert {name: round(performed[name], 3) for name in expected} == expected
