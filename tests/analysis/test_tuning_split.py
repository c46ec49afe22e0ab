"""The name of a split as the value of `--tune-on`."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "records"))
from spoiled import make_run

from wsol_bench.analysis.tuning import open_tuning
from wsol_bench.errors import UsageError
from wsol_bench.records.opened_run import open_networks
from wsol_bench.records.run_folder import RunFolder


@pytest.fixture
def scored(tmp_path):
    """A run, with a run of the split `val` beside it and other folders."""
    for name in ("scored run", "other", "elsewhere"):
        make_run(tmp_path / name)
    for name, changes in (
        ("other", {"split": "val"}),
        ("elsewhere", {"path": "b", "split": "val"}),
    ):
        folder = RunFolder(tmp_path / name)
        folder.update(data=replace(folder.manifest().data, **changes))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{")
    return open_networks(tmp_path / "scored run")


def test_a_split_is_the_run_on_it_beside_the_scored_run(scored, tmp_path):
    (found,) = open_tuning(Path("val"), scored)
    assert found.folder.path == tmp_path / "other"


def test_a_split_without_a_run_is_refused_with_the_command_that_makes_it(scored, tmp_path):
    command = f"--data nowhere --split train --keep-maps --out '{tmp_path}/scored run-train'"
    with pytest.raises(UsageError, match="--tune-on train: there is no such folder") as caught:
        open_tuning(Path("train"), scored)
    assert str(caught.value).endswith(command)


def test_two_runs_of_a_split_are_named(scored, tmp_path):
    make_run(tmp_path / "third")
    folder = RunFolder(tmp_path / "third")
    folder.update(data=replace(folder.manifest().data, split="val"))
    with pytest.raises(UsageError, match=r"other, .*third are runs of this split"):
        open_tuning(Path("val"), scored)
