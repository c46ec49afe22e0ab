"""A gate that fails names the fault that was planted, on the demo's images and networks."""

from pathlib import Path

import pytest

from wsol_bench.cli.main import main
from wsol_bench.datasets.demo.classes import CLASSES

IDS = sorted(each.wnid for each in CLASSES)
RUN = ("run", "--arch", "googlenet", "--methods", "center", "-q")


def message(
    capsys: pytest.CaptureFixture[str], *flags: str, gate: str = "13.5", limit: str = "48"
) -> str:
    assert main([*RUN, "--gate", gate, "--limit", limit, *flags]) == 1
    error: str = capsys.readouterr().err
    return error


@pytest.mark.slow
def test_pixels_that_are_not_scaled(capsys):
    said = message(capsys, "--scale", "1")
    assert "the weights' own preprocessing, without the flags that replace values of it" in said
    assert "which would pass." in said


PERMUTED = """
from torch import nn
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.weights.load import load_weights

ORDER = [(5 * place + 3) % 24 for place in range(24)]


class Permuted(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = load_weights(ARCHS["googlenet"], "demo", 24).module

    def forward(self, x):
        return self.net(x)[:, ORDER]


def build():
    return Permuted()
"""


@pytest.mark.slow
def test_classes_in_an_order_that_no_list_has(capsys, tmp_path):
    path = tmp_path / "net.py"
    path.write_text(PERMUTED, encoding="utf-8")
    arguments = ["--arch", f"{path}:build", "--mean", "0.45", "--std", "0.25", "--side", "224"]
    command = ["run", *arguments, "--methods", "center", "-q", "--gate", "13.5", "--limit", "150"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "their order is another one" in said
    assert "get the output of" in said


@pytest.mark.slow
def test_a_table_shifted_by_one(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    path = tmp_path / "classes.csv"
    path.write_text("".join(f"{each},{place - 1}\n" for place, each in enumerate(IDS) if place))
    said = message(capsys, "--classes", str(path))
    assert "each output one later" in said
    assert "--classes FILE names the output of each class" in said


def test_an_error_that_is_lower_than_published_is_not_diagnosed(capsys):
    said = message(capsys, gate="90")
    assert "Lower than published" in said
    assert "as it is" not in said
