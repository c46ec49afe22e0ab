"""Imports point down the layers, never sideways between plug-ins, never up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "wsol_bench"

LAYERS = (
    ("errors", "geometry", "report"),
    ("protocols", "specs"),
    ("runtime",),
    ("settings", "datasets", "networks", "boxes"),
    ("scoring", "methods"),
    ("records",),
    ("analysis", "pipeline"),
    ("engine", "report.exports"),
    ("runs",),
    ("bench", "report.figures", "report.tables"),
    ("report.page", "api"),
    ("cli",),
    ("__main__",),
)
"""Rooms from the bottom up. The package's own __init__ re-exports and imports lazily."""

TABLES = ("wsol_bench.methods.catalog",)
SHARED_BY_METHODS = (
    *("bound", "entry", "libraries", "options", "own", "passes", "recording", "smoothing"),
    *("tokens",),
)
"""Modules of the methods' room that are no methods."""

LIGHT_COMMANDS = (
    ("--help",),
    ("run", "--help"),
    ("compare", "--help"),
    ("doctor", "--help"),
    ("score", "--help"),
    ("report", "--help"),
    ("--version",),
    ("list", "methods"),
    ("list", "metrics"),
    ("list", "archs"),
    ("list", "weights"),
    ("list", "protocols"),
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


def room_of(module: str) -> str:
    """The longest name of a room that the module's path begins with."""
    path = module.removeprefix("wsol_bench.")
    rooms = [room for layer in LAYERS for room in layer if f"{path}.".startswith(f"{room}.")]
    assert rooms, f"{module} lies in no room; add it to LAYERS"
    return max(rooms, key=len)


def layer_of(room: str) -> int:
    return next(number for number, layer in enumerate(LAYERS) if room in layer)


@pytest.mark.parametrize("module", [name for name in modules() if name != "wsol_bench"])
def test_a_module_imports_from_its_own_room_or_from_layers_below(module: str) -> None:
    own = room_of(module)
    for imported in imports_of(module) - {"wsol_bench"}:
        room = room_of(imported)
        assert room == own or layer_of(room) < layer_of(own), (
            f"{module} imports {imported}, which is not below it"
        )


def test_the_package_stays_a_house_of_few_floors_and_few_loose_modules() -> None:
    assert len(LAYERS) <= 14
    assert len(list(PACKAGE.glob("*.py"))) <= 7


@pytest.mark.parametrize("module", [name for name in modules() if ".methods." in name])
def test_a_method_imports_no_other_method(module: str) -> None:
    if module in TABLES:
        return
    siblings = {name for name in imports_of(module) if name.startswith("wsol_bench.methods.")}
    assert siblings <= {f"wsol_bench.methods.{name}" for name in SHARED_BY_METHODS}


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
