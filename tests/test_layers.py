"""Imports point down the layers, never sideways between plug-ins, never up."""

import ast
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "wsol_bench"

LAYERS = (
    ("wsol_bench.errors", "wsol_bench.geometry"),
    ("wsol_bench.runtime.*", "wsol_bench.protocols.*"),
    ("wsol_bench.settings", "wsol_bench.networks.*"),
    ("wsol_bench.boxes.*", "wsol_bench.scoring.*", "wsol_bench.records.*"),
    ("wsol_bench.flags", "wsol_bench.datasets.*"),
    ("wsol_bench.methods.*",),
    ("wsol_bench.pipeline.*",),
    ("wsol_bench.engine.*",),
    ("wsol_bench.runs.*",),
    ("wsol_bench.bench.*",),
    ("wsol_bench.analysis.*", "wsol_bench.report.*"),
    ("wsol_bench.api", "wsol_bench.cli.*"),
    ("wsol_bench.__main__",),
)
"""From the bottom up. The package's own __init__ re-exports and imports lazily."""

TABLES = ("wsol_bench.methods.catalog",)
LIGHT_COMMANDS = (
    ("--help",),
    ("run", "--help"),
    ("compare", "--help"),
    ("doctor", "--help"),
    ("score", "--help"),
    ("report", "--help"),
    ("--version",),
)


def modules() -> list[str]:
    paths = sorted(PACKAGE.rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def imports_of(module: str) -> set[str]:
    path = ROOT.joinpath(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    known = set(modules())
    found = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & known) or {node.module}
    return {name for name in found if name in known}


def layer_of(module: str) -> int:
    for number, patterns in enumerate(LAYERS):
        if any(fnmatchcase(module, p) or module == p.removesuffix(".*") for p in patterns):
            return number
    raise AssertionError(f"{module} stands in no layer; add it to LAYERS")


@pytest.mark.parametrize("module", [name for name in modules() if name != "wsol_bench"])
def test_a_module_imports_from_its_own_package_or_from_layers_below(module: str) -> None:
    own = layer_of(module)
    for imported in imports_of(module) - {"wsol_bench"}:
        same_package = own == layer_of(imported) and "." in module.removeprefix("wsol_bench.")
        assert layer_of(imported) < own or same_package, (
            f"{module} imports {imported}, not below it"
        )


@pytest.mark.parametrize("module", [name for name in modules() if ".methods." in name])
def test_a_method_imports_no_other_method(module: str) -> None:
    if module in TABLES:
        return
    siblings = {name for name in imports_of(module) if name.startswith("wsol_bench.methods.")}
    assert siblings <= {"wsol_bench.methods.entry"}


def test_imports_of_modules_form_no_circle() -> None:
    graph = {name: imports_of(name) - {"wsol_bench"} for name in modules()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for imported in graph[name]:
                visit(imported, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("arguments", LIGHT_COMMANDS, ids=" ".join)
def test_light_commands_start_without_torch(arguments: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom wsol_bench.cli.main import main\n"
        f"main({list(arguments)!r})\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'scipy', 'numba')))"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
