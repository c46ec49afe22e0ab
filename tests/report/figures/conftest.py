"""A run of the small dataset with maps, and the same without."""

from pathlib import Path

import pytest

from wsol_bench.cli.main import main

METHODS = "grad_cam,c_mwp,center"


@pytest.fixture(scope="session")
def run_command(small_dataset: Path, small_weights: Path) -> list[str]:
    """A run of all nine images, but for where it goes."""
    return [
        "run",
        "--arch=squeezenet1_1",
        f"--weights={small_weights}",
        f"--data={small_dataset}",
        f"--methods={METHODS}",
        "-q",
        "--json",
    ]


@pytest.fixture(scope="session")
def mapped_run(run_command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that kept its maps."""
    out = tmp_path_factory.mktemp("figures") / "mapped"
    assert main([*run_command, f"--out={out}", "--keep-maps"]) == 0
    return out


@pytest.fixture(scope="session")
def five_box_run(run_command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with a box for each of the best classes."""
    out = tmp_path_factory.mktemp("figures") / "five"
    assert main([*run_command, f"--out={out}", "--boxes=top5"]) == 0
    return out


@pytest.fixture(scope="session")
def bare_run(run_command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that kept no maps."""
    out = tmp_path_factory.mktemp("figures") / "bare"
    assert main([*run_command, f"--out={out}"]) == 0
    return out
