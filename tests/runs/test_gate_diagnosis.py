"""A gate that fails names the fault that was planted, on the demo's images and networks."""

import json
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


@pytest.mark.slow
def test_classes_in_an_order_that_no_list_has(capsys, tmp_path):
    table = {each: (5 * place + 3) % len(IDS) for place, each in enumerate(IDS)}
    path = tmp_path / "classes.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    said = message(capsys, "--classes", str(path), limit="120")
    assert "their order is another one" in said
    assert "which would pass." in said
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
