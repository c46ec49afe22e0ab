"""The usual faults, each planted in a network whose right answers are known, and found."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wsol_bench.geometry import Crop
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.diagnosis import Finding, Trials, diagnose, explain
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import normalise
from wsol_bench.networks.suspects import OWN_ORDER, SUSPECTS, output_orders

CLASSES, SIDE = 8, 128
GIVEN = Preprocessing(
    SIDE, "rgb", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), Crop(140, "bicubic")
)
IDS = [f"n{number}" for number in range(CLASSES)]
NAMES = ["pear", "apple", "fig", "lime", "kiwi", "date", "plum", "nut"]
DEVKIT = [3, 0, 1, 2, 7, 6, 5, 4]
LABELS = list(range(CLASSES)) * 2
ORDERS = output_orders(range(CLASSES), IDS, NAMES, DEVKIT)
CELLS = 4


def cells(x: Tensor) -> Tensor:
    """The first pixels of a few cells of the input, whatever its side."""
    return x[:, :, :: x.shape[2] // CELLS, :: x.shape[3] // CELLS][:, :, :CELLS, :CELLS].flatten(1)


class Codebook(nn.Module):
    """Knows one input per output: its score is 9 on that input alone, and 0 on any other."""

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.codes = nn.Parameter(codes)

    def forward(self, x: Tensor) -> Tensor:
        return 9.0 * ((cells(x)[:, None] - self.codes[None]).abs().amax(2) < 1e-3)


@cache
def pictures(preprocessing: Preprocessing, own_crop: bool) -> np.ndarray:
    """Two images of each class; another set for each side, and for the own crop."""
    seed = preprocessing.size + own_crop
    shape = (CLASSES, preprocessing.size, preprocessing.size, 3)
    return np.tile(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), (2, 1, 1, 1))


def trained_under(
    preprocessing: Preprocessing, order: np.ndarray | None = None, *, own_crop: bool = False
) -> Network:
    """A network that is right under a preprocessing, its outputs in some order."""
    images = torch.from_numpy(pictures(preprocessing, own_crop))[:CLASSES]
    rows = cells(normalise(images, preprocessing))
    outputs = np.arange(CLASSES) if order is None else order
    codes = torch.full((CLASSES + 1, rows.shape[1]), 1e6)
    codes[torch.from_numpy(outputs)] = rows
    return Network(Codebook(codes), "")


def passes(finding: Finding) -> bool:
    return finding.percent < 20


def found_for(network: Network, given: Preprocessing = GIVEN) -> Finding | None:
    return diagnose(lambda _: Trials(network, pictures, LABELS, ORDERS), given, GIVEN, passes)[1]


@pytest.mark.parametrize("suspect", [name for name in SUSPECTS if name != "imagenet"])
def test_a_wrong_preprocessing_is_named(suspect):
    found = found_for(trained_under(SUSPECTS[suspect].change(GIVEN)))
    assert (found.changes, found.wrong, found.n) == ((SUSPECTS[suspect].name,), 0, 2 * CLASSES)


@pytest.mark.parametrize("order", [each for each in ORDERS if each and "earlier" not in each])
def test_another_order_of_the_outputs_is_named(order):
    found = found_for(trained_under(GIVEN, ORDERS[order]))
    assert (found.changes, found.wrong) == ((order,), 0)


def test_outputs_one_earlier_are_named():
    """The first class then has no output, so that its images stay wrong."""
    order = next(each for each in ORDERS if "earlier" in each)
    found = found_for(trained_under(GIVEN, np.where(ORDERS[order] < 0, CLASSES, ORDERS[order])))
    assert (found.changes, found.wrong) == ((order,), 2)


def test_two_faults_at_once_are_named_together():
    order = next(each for each in ORDERS if "later" in each)
    found = found_for(trained_under(SUSPECTS["half"].change(GIVEN), ORDERS[order]))
    assert (found.changes, found.wrong) == ((SUSPECTS["half"].name, order), 0)


@pytest.mark.parametrize("side", [160, 256])
def test_another_side_is_named(side):
    found = found_for(trained_under(GIVEN.changed(size=side)))
    assert found.wrong == 0
    assert found.changes == (f"an input of side {side} (--side {side})",)


def test_flags_that_replace_the_weights_own_values_are_named():
    own = replace(GIVEN, mean=(0.1, 0.2, 0.3))
    network = trained_under(own)
    _, found = diagnose(lambda _: Trials(network, pictures, LABELS, ORDERS), GIVEN, own, passes)
    assert (found.wrong, found.preprocessing) == (0, own)
    assert "without the flags" in found.changes[0]


def test_the_own_crop_is_named_where_the_view_costs_the_error():
    found = found_for(trained_under(GIVEN, own_crop=True))
    assert found.wrong == 0
    assert "own centre crop" in found.changes[0]


def test_a_network_that_none_of_them_explains_has_no_diagnosis():
    codes = torch.full((CLASSES, 3 * CELLS * CELLS), 1e6)
    assert found_for(Network(Codebook(codes), "")) is None


def test_classes_sorted_by_name():
    by_name = next(order for name, order in ORDERS.items() if "sorted order of the class n" in name)
    assert [int(each) for each in by_name] == [6, 0, 2, 4, 3, 1, 7, 5]


def test_the_number_before_a_name_of_cub_is_no_part_of_it():
    names = ["001.Wren", "002.Albatross", "003.Jay"]
    orders = output_orders([5, 6, 7], names, names)
    by_name = next(order for name, order in orders.items() if "sorted order of the class n" in name)
    assert list(by_name) == [7, 5, 6]


def test_a_class_without_an_output_has_none_in_any_order():
    for order in output_orders([4, -1, 2, 0], IDS[:4], NAMES[:4], [1, 0, 3, 2]).values():
        assert order[1] == -1


def test_the_first_order_is_the_assumed_one():
    assert next(iter(ORDERS)) == OWN_ORDER
    assert list(ORDERS[OWN_ORDER]) == list(range(CLASSES))


def finding(wrong: int, changes: tuple[str, ...], loss: float) -> Finding:
    return Finding(GIVEN, changes, "", wrong, np.full(64, loss))


def test_a_difference_within_chance_explains_nothing():
    own = finding(30, (), 2.0)
    noisy = Finding(GIVEN, ("x",), "", 28, np.where(np.arange(64) % 2, 0.0, 4.0))
    assert not noisy.is_better(own)
    assert finding(28, ("x",), 1.9).is_better(own)
    assert not finding(30, ("x",), 1.9).is_better(own)  # no error less


class Noisy(nn.Module):
    """Scores the right class of three images in five higher under BGR, and of two lower."""

    def __init__(self) -> None:
        super().__init__()
        noise = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
        self.register_buffer("noise", noise)
        self.register_buffer("gain", torch.tensor([1.0, 1.0, 1.0, -0.7, -0.7]))
        self.register_buffer("labels", torch.eye(2))

    def forward(self, x: Tensor) -> Tensor:
        place = (x[:, 1, 0, 0] * 255).round().long().clamp(0, 255)  # the green value: its number
        swapped = (x[:, 0, 0, 0] > x[:, 2, 0, 0]).float()  # where the first channel is blue
        gain = swapped * self.gain[place % 5]
        return self.noise[place] + gain[:, None] * self.labels[place % 2]


@pytest.mark.parametrize("is_better", [True, False])
def test_what_few_images_leave_undecided_is_decided_on_more(is_better):
    """64 of the noisy images do not decide, 256 do; without a difference neither explains."""
    asked = []

    def sample(count: int) -> Trials:
        asked.append(count)
        images = np.zeros((count, 1, 1, 3), np.uint8)
        images[..., 1] = np.arange(count)[:, None, None]
        images[..., 2] = 9 * is_better
        of = lambda preprocessing, own: images  # noqa: E731 - fits a line
        return Trials(Network(Noisy(), ""), of, [each % 2 for each in range(count)], order)

    plain = Preprocessing(1, "rgb", 1 / 255, (0.0, 0.0, 0.0))
    order = {OWN_ORDER: np.arange(2)}
    now, found = diagnose(sample, plain, plain, lambda each: each.percent < 45)
    assert now is not None
    if is_better:
        assert found is not None
        assert found.changes == (SUSPECTS["swapped"].name,)
        assert (now.n, found.n, asked) == (256, 256, [64, 256])
    else:
        assert found is None


def test_the_words_name_the_flags_and_the_figures():
    own, right = finding(30, (), 2.0), finding(16, (SUSPECTS["half"].name,), 1.0)
    words = explain(own, right, lambda each: each.percent < 30)
    assert "46.9 % as it is, and 25.0 % with mean 0.5 and standard deviation 0.5" in words
    assert "--mean 0.5 --std 0.5), which would pass." in words
    assert "still fails" in explain(own, right, lambda each: False)
