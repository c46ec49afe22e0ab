"""What the commands on a finished run do not import before they print."""

import subprocess
import sys
from typing import Any

import pytest

SLOW = ("torch", "torchvision", "pandas.core", "numba", "wsol_bench.datasets.catalog")


@pytest.mark.parametrize("command", ["score", "table", "pairs", "breakdown"])
def test_a_command_on_a_finished_run_imports_nothing_slow(run_files: Any, command: str) -> None:
    program = [sys.executable, "-X", "importtime", "-m", "wsol_bench"]
    finished = subprocess.run(
        [*program, command, str(run_files.path)], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert "pyarrow" in imported
    assert not imported & set(SLOW)
