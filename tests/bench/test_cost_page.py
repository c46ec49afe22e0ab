"""The tables of docs/cost.md are those of what was measured."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = ROOT / "scripts/write_cost_tables.py"
    spec = importlib.util.spec_from_file_location("write_cost_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_writes(script: ModuleType) -> None:
    page = script.PAGE.read_text(encoding="utf-8")
    assert script.written(page) == page, "run: python scripts/write_cost_tables.py"
    assert {found["kind"] for found in script.PLACE.finditer(page)} == set(script.KINDS)


def test_a_table_has_a_column_a_case_and_says_what_a_case_lacks(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def case(arch: str, batch: int, **ratios: float) -> dict:
        return {
            "arch": arch,
            "batch": batch,
            "forward_ms": 100.0,
            "ratios": ratios,
            "spread": {name: [ratio - 0.5, ratio + 0.5] for name, ratio in ratios.items()},
            "counted": {"performed": {"cam": 1.0}},
        }

    cases = [case("googlenet", 8, cam=2.0), case("vgg16", 16, draw=1.5), case("vgg16", 8)]
    (tmp_path / "here").mkdir()
    for at, each in enumerate(cases):
        (tmp_path / f"here/{at}.json").write_text(json.dumps(each))
    monkeypatch.setattr(script, "RESULTS", tmp_path)
    page = script.written("before\n<!-- costs of here -->\nold\n<!-- end -->\nafter\n")
    assert page == (
        "before\n<!-- costs of here -->\n"
        "| in forwards | `vgg16`, batch 8 | `vgg16`, batch 16 | `googlenet`, batch 8 |\n"
        "| --- | --- | --- | --- |\n"
        "| one forward, ms | 100 | 100 | 100 |\n"
        "| draw | n/a | 1.50 (1.00–2.00) | n/a |\n"
        "| cam | n/a | n/a | 2.00 (1.50–2.50); counted 1.00 |\n"
        "<!-- end -->\nafter\n"
    )
    assert script.written(page) == page


def test_commands_and_half_precision_have_a_row_each(script: ModuleType) -> None:
    command = {
        "cpu_seconds": 0.4,
        "cpu_spread": [0.3, 0.6],
        "seconds": 0.5,
        "seconds_spread": [0.4, 1],
    }
    assert script.startup([{"startup": {"--help": command}}, {"startup": None}]) == (
        "| command | CPU seconds | seconds |\n"
        "| --- | --- | --- |\n"
        "| --help | 0.40 (0.30–0.60) | 0.50 (0.40–1.00) |\n"
    )
    case = {"arch": "vit", "batch": 8, "images": 200, "precision": "bf16"}
    case |= {"forward": 0.5, "forward_spread": [0.4, 0.6]}
    case |= {"methods": {"cam": {"equal": 90.0, "within_a_pixel": 95.5, "mean_iou": 0.9876}}}
    assert script.precision([case]).splitlines()[2] == (
        "| `vit`, batch 8, 200 images | bf16 | 0.50 (0.40–0.60) | cam | 90.0 | 95.5 | 0.988 |"
    )
