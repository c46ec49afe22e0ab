"""The doctor: what it finds, and that nothing broken ends it."""

import builtins
import json
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import wsol_bench.runs.doctor as doctor
from wsol_bench.cli.main import main
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.weights import load as weights
from wsol_bench.report.tables.doctor import without_home
from wsol_bench.runs.doctor import PROBES, Finding, examine


@pytest.fixture(autouse=True)
def _folders_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def found(section: str) -> dict[str, Finding]:
    return {finding.name: finding for finding in PROBES[section]()}


def test_a_sound_installation_ends_with_0_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    printed = capsys.readouterr()
    assert printed.out.endswith("\nNothing is broken.\n")
    assert printed.err == ""
    assert f"torch         {torch.__version__.partition('+')[0]}" in printed.out


def test_json_is_one_object_with_every_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["schema"], printed["problems"]) == (1, [])
    assert list(printed)[2:] == list(PROBES)
    assert all(printed[section] for section in PROBES)
    assert printed["operators"] == {"torchvision.ops.nms": "runs"}


def test_every_requirement_is_listed_and_no_extra() -> None:
    names = set(found("packages"))
    assert {"wsol_bench", "torch", "torchvision", "numpy", "numba", "pillow"} <= names
    assert not names & {"pytest", "captum", "ruff"}


def test_a_requirement_that_is_not_installed_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "numba":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    packages = found("packages")
    assert "pip install 'numba>=" in packages["numba"].problem
    assert not packages["numpy"].problem


def broken_module(**operators: Callable[..., Any]) -> ModuleType:
    module: Any = ModuleType("torchvision")
    module.ops = SimpleNamespace(**operators)
    return module


def test_operators_that_do_not_match_are_reported_and_the_rest_is_still_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nms(*arguments: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setitem(sys.modules, "torchvision", broken_module(nms=nms))
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    problem = printed.partition("\nBroken:\n")[2]
    assert "RuntimeError: operator torchvision::nms does not exist)" in problem
    assert "pip install --force-reinstall torch torchvision" in problem
    assert "WSOL_BENCH_DATA" in printed
    assert "Nothing is broken" not in printed


def test_operators_that_answer_wrongly_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    nms = broken_module(nms=lambda *arguments: torch.tensor([0, 1]))
    monkeypatch.setitem(sys.modules, "torchvision", nms)
    assert "expected [1], got [0, 1]" in found("operators")["torchvision.ops.nms"].problem


def test_without_torch_every_section_is_still_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real_import = builtins.__import__

    def no_torch(name: str, *rest: Any) -> ModuleType:
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ImportError(f"libtorch_cpu.so: cannot open ({name})")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", no_torch)
    assert main(["doctor", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert list(printed)[2:] == list(PROBES)
    assert printed["system"]["python"]
    assert any("libtorch_cpu.so" in problem for problem in printed["problems"])


def test_a_probe_that_raises_keeps_what_it_found_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe() -> Iterator[Finding]:
        yield Finding("first", "1")
        raise OSError("disk\non fire")

    monkeypatch.setattr(doctor, "PROBES", {"disk": probe})
    first, last = examine()["disk"]
    assert first == Finding("first", "1")
    assert last.problem == "no further checks: OSError: disk"


def test_the_demo_is_found_once_it_is_rendered(tmp_path: Path) -> None:
    from wsol_bench.datasets.named import demo_folder

    assert "not rendered yet" in found("datasets")["demo"].value
    demo_folder().mkdir(parents=True)
    assert found("datasets")["demo"].value == str(demo_folder())
    assert str(tmp_path) in str(demo_folder())


@pytest.mark.parametrize(
    ("value", "broken"), [("demo", False), (".", False), ("", False), ("no/such", True)]
)
def test_a_dataset_that_the_environment_names_must_be_there(
    value: str, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WSOL_BENCH_DATA", value)
    assert bool(found("datasets")["WSOL_BENCH_DATA"].problem) == broken


def test_a_cache_that_cannot_be_written_matters_only_until_the_demo_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found("caches")["demo"].value.endswith("(writable)")
    assert not (tmp_path / "cache").exists(), "the doctor changes nothing"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    cache = found("caches")["demo"]
    assert cache.value.endswith("(not writable)")
    assert "XDG_CACHE_HOME" in cache.problem
    monkeypatch.setattr("wsol_bench.datasets.named.demo_folder", lambda: tmp_path)
    assert not found("caches")["demo"].problem


def test_the_folder_of_compiled_code_is_named() -> None:
    numba = found("caches")["numba"]
    assert "writable" in numba.value
    assert not numba.problem


def test_demo_weights_are_listed_per_arch_and_missed_where_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archs = [name for name, arch in ARCHS.items() if "demo" in arch.topologies]
    assert {"vgg16", "alexnet", "googlenet", "vgg16_cam", "alexnet_cam"} <= set(archs)
    there = found("weights")
    assert all(there[f"demo {name}"].value.endswith(" MB") for name in archs)
    monkeypatch.setattr(weights, "DEMO_FOLDER", tmp_path)
    gone = found("weights")
    assert all("Reinstall" in gone[f"demo {name}"].problem for name in archs)


def test_torchvisions_weights_are_found_where_torch_keeps_them(tmp_path: Path) -> None:
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "vgg16-397923af.pth").write_bytes(b"")
    (checkpoints / "vgg16_bn-6c64b313.pth").write_bytes(b"")
    listed = found("weights")
    assert listed["torchvision vgg16"].value == "vgg16-397923af.pth"
    assert "not there" in listed["torchvision alexnet"].value
    assert not any(finding.problem for finding in listed.values())


def test_gpus_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = SimpleNamespace(name="NVIDIA H200", total_memory=139 * 2**30)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: facts)
    devices = found("devices")
    assert devices["gpus"].value.startswith("2 ")
    assert devices["cuda:1"].value == "NVIDIA H200, 139 GiB"


@pytest.mark.parametrize(
    ("home", "text", "shown"),
    [
        ("/home/ann", "/home/ann/.cache (/home/ann)", "~/.cache (~)"),
        ("/home/ann", "/home/anna/x /home/ann.old", "/home/anna/x /home/ann.old"),
        ("/", "/usr/lib", "/usr/lib"),
    ],
)
def test_the_home_folder_is_shown_as_a_tilde(
    home: str, text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home)
    assert without_home(text) == shown


def test_no_home_folder_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for flags in ([], ["--json"]):
        main(["doctor", *flags])
        printed = capsys.readouterr().out
        assert str(tmp_path) not in printed
        assert "~/cache/wsol_bench" in printed
