"""The readers of runs print the rows that --methods names, of one run or of several."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from wsol_bench.cli.main import main

ROWS: Mapping[str, Callable[[Any], list[str]]] = {
    "score": lambda found: [row["method"] for run in _runs(found) for row in run["rows"]],
    "table": lambda found: [row["method"] for row in found["rows"]],
    "breakdown": lambda found: [each["method"] for each in found["methods"]],
    "ablate": lambda found: [
        row["method"] for run in found["runs"] for row in run["variants"][0]["rows"]
    ],
}
"""Command -> the names of the rows in what its --json prints."""


def _runs(found: Any) -> list[Any]:
    runs: list[Any] = found.get("results", [found])
    return runs


@pytest.fixture(scope="module")
def two(make_run: Any) -> list[str]:
    """Two runs over the same images; only the second has the row backprop."""
    first = make_run("first")
    second = make_run("second", methods=("grad_cam", "backprop"), seed=1, arch="googlenet")
    return [str(first.path), str(second.path)]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ROWS)
def test_only_the_named_rows_of_each_run_are_printed(
    command: str, two: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    of_both = ROWS[command](printed(capsys, command, *two, "--methods", "grad_cam"))
    assert of_both == ["grad_cam", "grad_cam"]
    everything = ROWS[command](printed(capsys, command, *two))
    assert everything.count("backprop") == 1
    assert len(everything) > 3
    named = printed(capsys, command, *two, "--methods=mwp", "--methods=backprop")
    assert ROWS[command](named) == ["mwp", "backprop"]


@pytest.mark.parametrize("command", [*ROWS, "pairs", "report"])
def test_a_row_of_none_of_the_runs_is_refused_with_the_names_of_theirs(
    command: str, two: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *two, "--methods", "gradcam"]) == 2
    said = capsys.readouterr().err
    assert "unknown method of these runs 'gradcam'. Did you mean grad_cam?" in said
    assert "Known: backprop, center, grad_cam, mwp." in said


def test_pairs_of_the_named_rows_are_corrected_among_themselves(
    two: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = printed(capsys, "pairs", *two, "--methods=grad_cam", "--metrics=gt_known_loc")
    (pair,) = found["metrics"][0]["pairs"]
    assert (pair["first"], pair["second"]) == ("first Grad-CAM", "second Grad-CAM")
    assert pair["p_holm"] == pair["p"]


def test_a_page_of_the_named_rows_has_no_others(
    two: list[str], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    assert main(["report", *two, "-q", f"--out={out}", "--methods=grad_cam,backprop"]) == 0
    text = out.read_text()
    assert "Backprop" in text
    assert "MWP" not in text
