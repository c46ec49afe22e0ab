"""The benchmark measures; no test times anything."""

import json

import pytest

from wsol_bench.cli import main


def test_bench_gives_a_ratio_for_each_method_and_for_them_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["bench", "--arch=squeezenet1_1", "--device=cpu", "--batch-size=2", "--rounds=1"]
    assert main([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["forward_ms"] > 0
    assert printed["sweep_1000_ms"] > 0
    assert {"grad_cam", "backprop", "c_mwp", "grad_cam+backprop+c_mwp"} <= set(printed["ratios"])
    assert "cam" not in printed["ratios"]  # which SqueezeNet cannot carry
    for name, ratio in printed["ratios"].items():
        low, high = printed["spread"][name]
        assert 0 < low <= ratio <= high


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--arch=vgg61"], "vgg16"),
        (["--topology=keras"], "torchvision"),
        (["--rounds=0"], "--rounds 0"),
        (["--batch-size=0"], "--batch-size 0"),
    ],
)
def test_bench_says_what_it_expected(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *flags]) == 2
    assert said in capsys.readouterr().err
