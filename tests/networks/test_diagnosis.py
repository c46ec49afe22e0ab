"""The usual faults, each planted in a network whose right answers are known, and found."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.diagnosis import (
    OWN_ORDER,
    SUSPECTS,
    Finding,
    diagnose,
    explain,
    output_orders,
)
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import normalise

CLASSES, SIDE = 8, 7
GIVEN = Preprocessing(SIDE, "rgb", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
IDS = [f"n{number}" for number in range(CLASSES)]
NAMES = ["pear", "apple", "fig", "lime", "kiwi", "date", "plum", "nut"]


class Codebook(nn.Module):
    """Knows one input per class: its score is 1 on that input alone, and 0 on any other."""

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.codes = nn.Parameter(codes.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return ((x.flatten(1)[:, None] - self.codes[None]).abs().amax(2) < 1e-3).float()


def pictures(side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (CLASSES, side, side, 3), np.uint8)


def trained_under(suspect: str, order: np.ndarray | None = None) -> Network:
    """A network that is right under a suspect's preprocessing, its outputs in some order."""
    rows = normalise(torch.from_numpy(pictures()), SUSPECTS[suspect].change(GIVEN)).contiguous()
    outputs = np.arange(CLASSES) if order is None else order
    codes = torch.full((CLASSES + 1, *rows.shape[1:]), 1e6)
    codes[torch.from_numpy(outputs)] = rows
    return Network(Codebook(codes), "")


def found_for(network: Network) -> Finding:
    labels = list(range(CLASSES))
    return diagnose(network, GIVEN, pictures, labels, output_orders(IDS, NAMES))[0]


@pytest.mark.parametrize(
    "suspect", [name for name in SUSPECTS if name not in ("larger", "smaller")]
)
def test_a_wrong_preprocessing_is_named(suspect):
    found = found_for(trained_under(suspect))
    expected = "given" if suspect == "imagenet" else suspect  # which is what was given
    assert (found.suspect, found.order, found.wrong, found.n) == (expected, OWN_ORDER, 0, CLASSES)


@pytest.mark.parametrize(
    "order", [each for each in output_orders(IDS, NAMES) if "other" not in each]
)
def test_another_order_of_the_outputs_is_named(order):
    found = found_for(trained_under("given", output_orders(IDS, NAMES)[order]))
    assert (found.suspect, found.order, found.wrong) == ("given", order, 0)


def test_two_faults_at_once_are_named_together():
    found = found_for(trained_under("half", np.arange(CLASSES) + 1))
    assert (found.suspect, found.changes, found.wrong) == ("half", 2, 0)


def test_classes_sorted_by_name():
    by_name = output_orders(IDS, NAMES)["sorted by the classes' names"]
    assert [int(each) for each in by_name] == [6, 0, 2, 4, 3, 1, 7, 5]


def test_the_words_name_the_flags_and_the_figures():
    own, right = Finding("given", OWN_ORDER, 30, 64), Finding("half", OWN_ORDER, 16, 64)
    words = explain([right, own], lambda each: each.percent < 30)
    assert "mean 0.5 and standard deviation 0.5 (--order rgb --scale 1/255 --mean 0.5" in words
    assert "it is 25.0 %, which would pass; top-1 error is 46.9 % on 64 images" in words
    assert "still fails" in explain([right, own], lambda each: False)
    assert "none explains it" in explain([own, Finding("half", OWN_ORDER, 40, 64)], lambda _: True)
