"""Sanity checks: the cascade of random layers, the similarities, and the verdict."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from wsol_bench.cli.main import main
from wsol_bench.runs.map_similarity import rank_correlation, ssim
from wsol_bench.runs.random_weights import layers_of, randomised

OWN = """
def edges(module, images, classes):
    return images.mean(dim=1)
"""


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Linear(4, 2))


def test_layers_are_randomised_from_the_last_one_down_and_stay_as_they_were_drawn() -> None:
    module = net()
    assert layers_of(module) == ("0", "2", "3")
    one, two = (randomised(module, count, seed=3) for count in (1, 2))
    assert torch.equal(one[0].weight, module[0].weight)
    assert torch.equal(one[2].weight, module[2].weight)
    assert not torch.equal(one[3].weight, module[3].weight)
    assert not torch.equal(two[2].weight, module[2].weight)
    assert torch.equal(two[3].weight, one[3].weight)


def test_rank_correlation_by_hand() -> None:
    one = np.float32([[1, 2], [3, 40]])
    assert rank_correlation(one, one**3) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    # Ranks 1 2 3 4 and 2 1 3 4: 1 - 6 (1 + 1) / (4 (16 - 1)) = 0.8.
    assert rank_correlation(one, np.float32([[2, 1], [3, 4]])) == pytest.approx(0.8)


def test_ssim_is_1_of_a_map_and_its_multiple_and_less_of_its_negative() -> None:
    one = np.random.default_rng(0).random((7, 7), dtype=np.float32)
    assert ssim(one, 3 * one + 1) == pytest.approx(1, abs=1e-5)
    assert ssim(one, -one) < 0
    assert ssim(one[:2], one[:2]) is None


def test_a_method_that_does_not_read_the_weights_ignores_the_network(
    small_dataset, small_weights, tmp_path, capsys
) -> None:
    own = tmp_path / "own.py"
    own.write_text(OWN)
    arguments = ["sanity", "--arch=squeezenet1_1", f"--weights={small_weights}", "--steps=1"]
    arguments += [f"--data={small_dataset}", f"--methods={own}:edges,grad_cam,center", "--json"]
    assert main([*arguments, "--limit=3"]) == 0
    found = json.loads(capsys.readouterr().out)
    verdicts = found["ignores_network"]
    assert verdicts == {"own.py:edges": True, "grad_cam": False, "center": True}
    first, last = found["steps"][0]["rows"][1], found["steps"][-1]["rows"][1]
    assert first["rank_correlation"] == pytest.approx(1)
    assert last["rank_correlation"] < 0.99
    assert [step["layers"] for step in found["steps"]] == [0, 1, found["layers"]]


def test_sanity_needs_a_network(capsys) -> None:
    assert main(["sanity", "--arch=none", "--methods=center"]) == 2
    assert "no weights to randomise" in capsys.readouterr().err
