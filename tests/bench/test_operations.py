"""Multiply-adds counted by the graph and by what ran, against counting by hand."""

import pytest
import torch

from wsol_bench.bench.case import Case
from wsol_bench.bench.operations import Peak, count, measure_peak

PEAK = Peak(macs=1e9, bytes=1e9)


def test_the_graph_gives_each_stage_its_multiply_adds(case: Case, sizes) -> None:
    needed = count(case, PEAK).needed
    assert {name: stage.macs for name, stage in needed.items()} == {
        "forward": sizes.forward,
        "gradient, grad_cam": sizes.linear,  # above the features there is only the head
        "gradient, backprop": sizes.forward,
        "excitation, positive weights": sizes.conv2 + sizes.linear,  # down to the pooling
        "excitation, each signal": sizes.conv2 + sizes.linear,
    }


def test_what_ran_is_one_forward_and_what_the_methods_add(case: Case, sizes) -> None:
    """How the engine computes a gradient is its own affair, so there are no equal signs."""
    performed = count(case, PEAK).performed
    for name in ("cam", "grad_cam", "grad_cam+cam"):
        assert sizes.forward <= performed[name] < 1.05 * sizes.forward
    assert performed["backprop"] > sizes.forward + sizes.conv2
    assert performed["mwp"] > sizes.forward + sizes.conv2
    together = performed["grad_cam+backprop+c_mwp"]
    assert together > max(performed["backprop"], performed["c_mwp"])
    assert together < performed["backprop"] + performed["c_mwp"]  # one forward serves both


def test_performed_is_told_in_forwards(case: Case, sizes) -> None:
    counted = count(case, PEAK)
    assert counted.performed_forwards["cam"] == counted.performed["cam"] / sizes.forward


def test_the_floor_is_bound_by_operations_or_by_bytes(case: Case, sizes) -> None:
    never_waits = count(case, Peak(macs=1e9, bytes=1e30)).forward
    assert never_waits.compute_ms == pytest.approx(1e3 * 3 * sizes.forward / 1e9)
    assert never_waits.traffic_ms < 1e-9
    only_waits = count(case, Peak(macs=1e30, bytes=1e9)).needed
    assert only_waits["forward"].compute_ms == 0
    # Above the features: pooling reads 12x16x16 and writes 12 an image, the linear layer
    # reads 12 and writes 6 an image, and its weights and biases once a batch.
    numbers = 3 * (12 * 16 * 16 + 12 + 12 + 6) + 12 * 6 + 6
    head = only_waits["gradient, grad_cam"]
    assert head.floor_ms == head.traffic_ms == pytest.approx(1e3 * 4 * numbers / 1e9)


def test_a_peak_is_measured() -> None:
    peak = measure_peak(torch.device("cpu"))
    assert peak.macs > 1e8
    assert peak.bytes > 1e7
