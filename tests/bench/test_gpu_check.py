"""scripts/gpu_check.sh: that it parses, what it compares, and its short form on a CPU."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest
import torch

from wsol_bench.errors import RunError

SCRIPTS = Path(__file__).parents[2] / "scripts"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(*x0s: float, method: str = "cam") -> pa.Table:
    count = len(x0s)
    columns = {"method": [method] * count, "image_id": [f"i{at}" for at in range(count)]}
    columns |= {"x0": list(x0s), "y0": [0.0] * count, "x1": [9.0] * count, "y1": [9.0] * count}
    return pa.table(columns)


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_a_shell_script_parses(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_boxes_are_equal_near_or_named() -> None:
    records = loaded("gpu_records")
    (line,) = records.box_lines(table_of(0.0, 1.0, 3.0, 6.5), table_of(0.0, 0.5, 0.0, 0.0))
    assert line == (
        "cam: boxes equal 25.0 %, within a pixel 50.0 %; further apart: i2 (3 px), i3 (6 px)"
    )
    with pytest.raises(RunError, match="other images or methods"):
        list(records.box_lines(table_of(0.0), table_of(0.0, method="mwp")))


def test_records_that_differ_in_a_bit_fail() -> None:
    records = loaded("gpu_records")
    assert "equal to the bit" in records.equal_line("two runs", table_of(0.5), table_of(0.5))
    with pytest.raises(RunError, match="two runs: the records differ"):
        records.equal_line("two runs", table_of(0.5), table_of(0.5000001))


def test_a_form_that_cannot_run_says_why() -> None:
    variants = loaded("forward_variants")
    (line,) = variants.variant_lines(["vgg61"], torch.device("cpu"), 1)
    assert line.startswith("vgg61: not measured: ")
    with pytest.raises(RuntimeError, match="needs a CUDA device"):
        variants.cuda_graph(torch.nn.Identity(), torch.zeros(1))


@pytest.mark.slow
def test_without_a_gpu_every_part_runs_in_a_short_form_on_the_cpu() -> None:
    found = subprocess.run(
        ["bash", str(SCRIPTS / "gpu_check.sh"), "--device", "cpu"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    page = found.stdout
    assert found.returncode == 0, page + found.stderr
    assert page.splitlines()[0].startswith("No GPU is used: this is the SHORT FORM ON THE CPU")
    titles = [line for line in page.splitlines() if line.startswith("== ")]
    assert len(titles) == 7
    assert "FAILED" not in page
    assert "on the device" not in page.replace("two workers on the device", "")
    assert page.count("equal to the bit") == 4
    assert "CUDA graph: cannot run: needs a CUDA device" in page
    assert "no figure is made from fewer" in page
