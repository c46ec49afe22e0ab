"""The scripted profile: its rows add up, and it leaves nothing behind."""

import importlib.util
import sys
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType

import pytest

from wsol_bench.networks.forward import Forward, Network
from wsol_bench.pipeline.pipeline import Pipeline

SCRIPT = Path(__file__).parents[2] / "scripts/profile_run.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("profile_run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_rows_of_the_main_thread_add_up_to_the_wall_clock(script: ModuleType) -> None:
    watch = script.Watch(wall=10.0)
    watch.seconds |= {
        "decode": 3.0,
        "resize": 2.0,
        "boxes": 1.0,
        "threads": 6.5,
        "normalise": 0.5,
        "forward": 4.0,
        "gradients": 2.0,
        "excitation": 1.0,
        "waiting": 0.25,
        "pipeline": 9.0,
        "store": 0.25,
    }
    products = {"forward": 3.0, "gradients": 1.5, "excitation": 0.75}
    found = script.rows(watch, products, split=True)
    main = {name: seconds for name, where, seconds in found if where == "main"}
    assert sum(main.values()) == pytest.approx(10.0)
    assert main["forward: other"] == 1.0
    assert main["maps, hand-over"] == pytest.approx(9.0 - 7.75)
    assert main["opening, scoring"] == pytest.approx(0.75)
    threads = {name: seconds for name, where, seconds in found if where == "threads"}
    assert threads["records, the rest"] == pytest.approx(0.5)
    whole = script.rows(watch, {}, split=False)
    assert ("forward", "main", 4.0) in whole


def test_a_run_is_profiled_and_everything_is_put_back(
    script: ModuleType,
    small_dataset: Path,
    small_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (Network.forward, Forward.gradient, Pipeline.view, Future.result)
    flags = [f"--weights={small_weights}", f"--data={small_dataset}", "--batch-size=4"]
    monkeypatch.setattr(sys, "argv", ["profile_run.py", "--arch=squeezenet1_1", *flags])
    script.main()
    printed = capsys.readouterr().out
    for stage in ("decode", "resize", "boxes", "forward: convolution", "waiting for threads"):
        assert stage in printed
    assert (Network.forward, Forward.gradient, Pipeline.view, Future.result) == before
