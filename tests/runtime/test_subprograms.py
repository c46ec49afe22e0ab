"""Programs that the package starts find it, and nothing of the current folder."""

import subprocess
import sys
from pathlib import Path

import pytest

import wsol_bench
from wsol_bench.runtime.subprograms import command_of, environment_of


def test_a_module_of_pythons_name_in_the_current_folder_is_not_imported(tmp_path: Path) -> None:
    (tmp_path / "statistics.py").write_text("raise RuntimeError('the wrong one')")
    (tmp_path / "random.py").write_text("raise RuntimeError('the wrong one')")
    command = command_of("wsol_bench", "--version")
    finished = subprocess.run(
        command, cwd=tmp_path, env=environment_of(), capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr


def test_this_very_copy_is_found_before_any_other(tmp_path: Path) -> None:
    other = tmp_path / "wsol_bench"
    other.mkdir()
    (other / "__init__.py").touch()
    finished = subprocess.run(
        [sys.executable, "-P", "-c", "import wsol_bench; print(wsol_bench.__file__)"],
        cwd=tmp_path,
        env=environment_of({"PYTHONPATH": str(tmp_path)}),
        capture_output=True,
        text=True,
    )
    assert finished.stdout.strip() == wsol_bench.__file__


@pytest.mark.parametrize("name", ["json.py", "difflib.py", "dataclasses.py"])
def test_a_module_of_the_current_folder_is_not_taken_for_pythons_own(name, tmp_path) -> None:
    (tmp_path / name).write_text("raise SystemExit('the wrong module')\n")
    finished = subprocess.run(
        [sys.executable, "-m", "wsol_bench", "--version"],
        cwd=tmp_path,
        env=environment_of(),
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("wsol-bench ")
