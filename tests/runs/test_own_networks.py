"""Networks of the user's own: objects from Python, and functions in a file, in every engine."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import wsol_bench
from wsol_bench.errors import UsageError

NET = """
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 16, stride=16)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))

def build(classes):
    return Small(classes)
"""
RUN = {"data": "demo", "methods": "grad_cam,center", "limit": 6, "quiet": True}
PROGRAM = """
import sys
import torch
import wsol_bench
{net}
torch.manual_seed(0)
try:
    settings = dict(data="demo", methods="grad_cam,center", limit=4, quiet=True)
    result = wsol_bench.run(arch=build(24), **settings, **{options})
    print(list(result.to_frame().index))
except wsol_bench.UsageError as error:
    print("refused:", error)
"""


@pytest.fixture
def spec(tmp_path) -> str:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    return f"{tmp_path / 'net.py'}:build"


def as_a_notebook_does(options: dict, folder: Path) -> str:
    """Runs the class in `__main__`, as a notebook defines it."""
    path = folder / "notebook.py"
    path.write_text(PROGRAM.format(net=NET, options=options), encoding="utf-8")
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("options", [{"workers": 2}, {"engine": "ray"}], ids=str)
def test_an_object_is_refused_for_other_processes_before_anything_opens(options):
    with pytest.raises(UsageError, match=r"FILE\.py:FUNCTION"):
        wsol_bench.run(arch=nn.Linear(3, 3), data="no/such/folder", quiet=True, **options)


@pytest.mark.slow
def test_a_class_of_main_runs_in_this_process_and_is_refused_for_others(tmp_path):
    assert as_a_notebook_does({}, tmp_path).strip() == "['grad_cam', 'center']"
    said = as_a_notebook_does({"workers": 2}, tmp_path)
    assert said.startswith("refused:")
    assert "FILE.py:FUNCTION" in said


def test_torchvisions_resnet_is_taken_as_an_object():
    from torchvision.models import resnet50

    torch.manual_seed(0)
    net = resnet50(num_classes=24)
    before = {name: each.clone() for name, each in net.state_dict().items()}
    result = wsol_bench.run(arch=net, side=64, **{**RUN, "limit": 2})
    assert list(result.to_frame().index) == ["grad_cam", "center"]
    assert net.training
    assert all(torch.equal(each, before[name]) for name, each in net.state_dict().items())


def records_of(spec: str, folder: Path, *flags: str) -> list:
    command = [sys.executable, "-P", "-m", "wsol_bench", "run", "--arch", spec, "-q", "--json"]
    command += ["--methods", "grad_cam,center", "--limit", "6", "--out", str(folder), *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows: list = json.loads(done.stdout)["rows"]
    return rows


@pytest.mark.slow
def test_a_function_in_a_file_runs_in_workers_as_in_one_process(spec, tmp_path):
    alone = records_of(spec, tmp_path / "one")
    assert records_of(spec, tmp_path / "two", "--workers", "2", "--device", "cpu") == alone


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the extra ray")
def test_a_function_in_a_file_runs_on_ray_as_in_one_process(spec, tmp_path):
    alone = records_of(spec, tmp_path / "one")
    assert records_of(spec, tmp_path / "ray", "--engine", "ray", "--device", "cpu") == alone
