"""The command: what it prints, and what it says of names and numbers it does not know.

The benchmark measures; no test compares times.
"""

import json
from pathlib import Path

import pytest

from wsol_bench.bench import peers
from wsol_bench.bench.measure import PARTS
from wsol_bench.cli.main import main

QUICK = ("--device=cpu", "--rounds=1", "--limit=3")


def bench(data: Path, *flags: str) -> int:
    return main(["bench", "--arch=squeezenet1_1", f"--data={data}", *QUICK, *flags])


def test_json_has_a_ratio_for_each_task_and_says_what_ran_where(
    small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(small_dataset, "--batch-size=2", "--parts=all", "--against=captum", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"arch", "device", "batch", "machine", "versions", "weights"} <= set(printed)
    assert printed["forward_ms"] > 0
    assert printed["sweep_1000_ms"] > 0
    assert {"grad_cam", "c_mwp", "grad_cam+backprop+c_mwp", "pipeline"} <= set(printed["ratios"])
    assert "cam" not in printed["ratios"]  # which SqueezeNet cannot carry
    for name, ratio in printed["ratios"].items():
        low, high = printed["spread"][name]
        assert 0 < low <= ratio <= high
    assert printed["pipeline"]["images"] == 3
    assert printed["counted"]["needed"]["gradient, backprop"] == 1.0
    assert printed["peers"]["captum"]["top5"]["forwards"] > 0
    assert printed["peers"]["captum"]["agrees"]


def test_several_batch_sizes_are_several_cases_and_a_part_left_out_is_null(
    small_dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(small_dataset, "--batch-size=1,2", "--parts=operations", "--json") == 0
    cases = json.loads(capsys.readouterr().out)["cases"]
    assert [case["batch"] for case in cases] == [1, 2]
    assert cases[0]["counted"]["forward_gmacs"] == cases[1]["counted"]["forward_gmacs"]
    assert cases[0]["pipeline"] is cases[0]["sweep"] is cases[0]["sweep_1000_ms"] is None


def test_tables_are_for_people_and_a_missing_library_is_no_error(
    small_dataset: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def version(name: str) -> str:
        raise peers.PackageNotFoundError(name)

    monkeypatch.setattr(peers, "version", version)
    flags = (
        f"--weights={small_weights}",
        "--batch-size=2",
        "--against=torchcam",
        "--parts=methods,operations,pipeline,sweep",
    )
    assert bench(small_dataset, *flags) == 0
    printed = capsys.readouterr()
    for word in ("grad_cam", "bare loop", "torchcam", "one sweep", "multiply-adds"):
        assert word in printed.out
    assert "torchcam: not installed; pip install 'wsol-bench[peers]'" in printed.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--arch=vgg61"], "vgg16"),
        (["--topology=keras"], "torchvision"),
        (["--topology=caffe", "--weights=demo"], "--weights demo"),
        (["--rounds=0"], "--rounds 0"),
        (["--limit=0"], "--limit 0"),
        (["--batch-size=0"], "--batch-size 0"),
        (["--batch-size=8,x"], "--batch-size 8,x"),
        (["--batch-size="], "--batch-size"),
        (["--against=torch-cam"], "torchcam"),
        (["--parts=pipelines"], "pipeline"),
    ],
)
def test_bench_says_what_it_expected(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == 2
    assert said in capsys.readouterr().err


def test_every_part_is_named_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    told = capsys.readouterr().out
    for part in PARTS:
        assert part in told
    for peer in peers.PEERS:
        assert peer in told
