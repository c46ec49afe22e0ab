"""Other libraries make the same maps, and it shows where they do not."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch

from wsol_bench.bench import peers
from wsol_bench.bench.case import Case
from wsol_bench.bench.methods import asker, maps_of
from wsol_bench.bench.peers import PEERS, SAME, Peers, Ways, difference
from wsol_bench.bench.timing import interleaved

MODULES = {"captum": "captum", "grad-cam": "pytorch_grad_cam", "torchcam": "torchcam"}
CPU = torch.device("cpu")


def ways_of(case: Case, name: str) -> Ways:
    pytest.importorskip(MODULES[name])
    return PEERS[name](case)


def ours(case: Case, classes: torch.Tensor) -> torch.Tensor:
    return maps_of(case, asker(case, ("grad_cam",))(case.inputs), "grad_cam", classes)


@pytest.mark.parametrize("name", PEERS)
def test_its_maps_of_the_labels_are_ours(case: Case, name: str) -> None:
    assert difference(ours(case, case.labels), ways_of(case, name).raw()) < SAME


@pytest.mark.parametrize("name", PEERS)
def test_its_five_maps_are_those_of_the_best_classes_in_order(case: Case, name: str) -> None:
    five = ways_of(case, name).five_maps()
    best = case.plain_forward().argsort(dim=1, descending=True)
    assert len(five) == 5
    for place, maps in enumerate(five):
        side = maps.shape[-1]  # one library enlarges its maps to the input
        expected = ours(case, best[:, place].contiguous())[:, None]
        enlarged = torch.nn.functional.interpolate(expected, (side, side), mode="bilinear")
        assert difference(enlarged[:, 0], maps) < 1e-2  # bilinear by another library


@pytest.mark.parametrize("name", PEERS)
def test_it_leaves_no_hook_on_the_net(case: Case, name: str) -> None:
    ways = ways_of(case, name)
    ways.label_map(), ways.five_maps(), ways.raw()
    for module in case.plain.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks


def test_maps_differ_by_their_shape_and_not_by_their_scale() -> None:
    maps = np.array([[[0.0, 1.0], [2.0, 4.0]]], np.float32)
    assert difference(maps, 3 * maps + 7) < 1e-6
    other = np.array([[[0.0, 2.0], [2.0, 4.0]]], np.float32)
    assert difference(maps, other) == 0.25
    assert difference(maps, np.zeros((1, 2, 2), np.float32)) == 1.0  # no range: all 0
    assert difference(maps, np.zeros((1, 3, 3), np.float32)) == float("inf")


def measured(case: Case, names: tuple[str, ...]) -> tuple[peers.PeerCost, ...]:
    asked = Peers(case, names)
    tasks = {"plain": case.plain_forward} | asked.tasks()
    return asked.costs(interleaved(tasks, case.forward, 1, CPU), "plain")


def test_a_library_whose_maps_are_others_does_not_agree(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flipped(case: Case) -> Ways:
        maps = ours(case, case.labels).flip(1)
        return Ways(lambda: maps, lambda: [maps] * 5, lambda: maps)

    monkeypatch.setattr(peers, "PEERS", {"torch": flipped})
    (cost,) = measured(case, ("torch",))
    assert not cost.agrees
    assert cost.to_json()["agrees"] is False
    assert cost.to_json()["top5"]["own_forwards"] > 0


def test_a_library_that_is_not_installed_says_how_to_get_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(peers, "version", version)
    (cost,) = measured(case, ("captum",))
    assert cost.reason == "not installed; pip install 'wsol-bench[peers]'"
    assert cost.to_json() == {"version": None, "reason": cost.reason}
