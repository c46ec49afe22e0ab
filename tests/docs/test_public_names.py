"""Public names: what `__all__` of a module declares, the API pages document and plug-ins import.

A name is public if it is in its module's `__all__`; everything else is internal and may change.
"""

import ast
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
API = sorted((ROOT / "docs/api").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

MODULE = re.compile(r"\.\. (?:currentmodule|module):: (\S+)")
DOCUMENTED = re.compile(r"\.\. auto(?:class|exception|function|data):: (\S+)")
PYTHON = re.compile(r"^```python[^\n]*\n(.*?)^```$", re.M | re.S)


def documented() -> dict[str, set[str]]:
    """Module -> the names of it that the API pages document."""
    found: dict[str, set[str]] = defaultdict(set)
    for page in API:
        module = ""
        for line in page.read_text(encoding="utf-8").splitlines():
            if heading := MODULE.match(line):
                module = heading[1]
            elif entry := DOCUMENTED.match(line):
                owner, _, name = entry[1].rpartition(".")
                found[owner or module].add(name)
    return dict(found)


DOCS = documented()


def public(module: ModuleType) -> set[str]:
    return set(getattr(module, "__all__", ()))


@pytest.mark.parametrize("name", DOCS)
def test_a_module_of_the_api_pages_declares_what_they_document(name: str) -> None:
    assert DOCS[name] <= public(importlib.import_module(name))


@pytest.mark.parametrize("name", DOCS)
def test_every_public_name_can_be_imported_and_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    for each in public(module):
        thing = getattr(module, each)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            text = inspect.getdoc(thing)
            assert text, f"{name}.{each} has no docstring"
            assert not text.startswith(f"{each}("), f"{name}.{each} has a generated docstring"


@pytest.mark.parametrize("name", DOCS)
def test_every_public_class_and_function_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    everywhere = set().union(*DOCS.values())
    for each in public(module):
        thing = getattr(module, each)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert each in everywhere, f"{name}.{each} is on no page of docs/api"


def imports_of(page: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every import from the package in a page's Python."""
    for block in PYTHON.findall(page.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wsol_bench"):
                yield from ((str(node.module), alias.name) for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_documentation_imports_public_names_only(page: Path) -> None:
    for module, name in imports_of(page):
        path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
        if path.is_file() or path.with_suffix("").is_dir():  # not one that a page adds
            assert name in public(importlib.import_module(module)), f"{module}.{name}"


def test_the_pages_that_add_something_import_from_the_package() -> None:
    for name in ("add-a-dataset", "add-a-method", "add-a-metric", "add-a-protocol", "add-an-arch"):
        assert list(imports_of(ROOT / f"docs/how-to/{name}.md"))
