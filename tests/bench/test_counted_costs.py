"""The counted costs of methods: a regression of cost that no noise can hide or feign.

Multiply-adds that torch performs, in forward passes of the same network. A figure here moves
only when the work does; docs/cost.md has the seconds.
"""

import json
from pathlib import Path

import pytest

from wsol_bench.bench.case import BenchSettings, Case, cases
from wsol_bench.bench.counted_costs import ARCHS, TABLE, count_methods, differences
from wsol_bench.bench.operations import Peak, count
from wsol_bench.methods.catalog import METHODS, find_methods
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


def test_a_pass_of_a_method_of_many_costs_what_it_must(case: Case) -> None:
    specs = ["score_cam", "rise:n=8", "occlusion:patch=16:stride=16"]
    specs += ["smooth_grad:n=2", "smooth_grad:n=4"]
    rows = [
        row.to(case.network, case.topology.roles, side=case.inputs.shape[-1])
        for row in find_methods(specs)
    ]
    costs = list(count_methods(case.network, rows, case.inputs.shape[-1]).values())
    # One forward pass, then one per channel of the features, per mask and per patch: features
    # of the first pass are not computed again.
    assert costs[0] == pytest.approx(1 + 12, rel=0.005)
    assert costs[2] == pytest.approx(1 + 4, rel=0.005)
    # RISE enlarges its masks by products of matrices: a fiftieth of a pass of this small net.
    assert costs[1] == pytest.approx(1 + 8 * 1.022, rel=0.005)
    gradient = (costs[4] - costs[3]) / 2
    assert 2 < gradient < 2.5  # forward and backward


def test_the_table_has_every_method_that_makes_a_map() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    assert list(table) == list(ARCHS)
    counted = {row.partition(":")[0] for costs in table.values() for row in costs}
    there = {row.name for row in find_methods(METHODS) if row.makes_map}
    assert counted == there - {"tscam"}  # which needs a network with its own head
    assert all(cost >= 1 for costs in table.values() for cost in costs.values())


def test_a_figure_that_differs_or_is_new_is_named() -> None:
    old = {"a": {"cam": 1.0, "mwp": 2.0}}
    assert differences(old, old) == []
    assert differences(old, {"a": {"cam": 1.0, "mwp": 2.5, "rise": 9.0}}) == [
        "a, mwp: 2.0 became 2.5 forwards",
        "a, rise: None became 9.0 forwards",
    ]
