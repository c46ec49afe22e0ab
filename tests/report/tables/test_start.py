"""What commands do not import before they print."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLOW = ("torch", "torchvision", "pandas.core", "numba", "wsol_bench.datasets.catalog")


def imported_by(*command: str) -> set[str]:
    """The modules that a command imports."""
    program = [sys.executable, "-X", "importtime", "-m", "wsol_bench"]
    finished = subprocess.run([*program, *command], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}


@pytest.mark.parametrize("command", ["score", "table", "pairs", "breakdown"])
def test_a_command_on_a_finished_run_imports_nothing_slow(run_files: Any, command: str) -> None:
    imported = imported_by(command, str(run_files.path))
    assert "pyarrow" in imported
    assert not imported & set(SLOW)


def test_a_run_of_all_methods_imports_no_computer_algebra(tmp_path: Path) -> None:
    imported = imported_by(
        *("run", "--arch", "alexnet", "--weights", "demo", "--limit", "2"),
        *("--methods", "grad_cam,backprop,c_mwp,mwp", "--out", str(tmp_path / "run")),
    )
    assert "torch" in imported
    assert "sympy" not in imported  # half a second
