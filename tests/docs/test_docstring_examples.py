"""The examples in docstrings are executed as doctests."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import wsol_bench
from wsol_bench.datasets.demo import DEFAULT_SEED, write
from wsol_bench.datasets.named import demo_folder

EXPECTED = {
    "run",
    "box_iou",
    "extract_box",
    "map_state",
    "wilson_interval",
    "rank_classes",
    "paired_difference",
    "mcnemar_p",
    "holm",
    "inclusive_box",
    "resolve",
    "find",
}
"""Functions that callers use and that have an example."""


def modules_with_examples() -> list[str]:
    names = ["wsol_bench"] + [
        each.name
        for each in pkgutil.walk_packages(wsol_bench.__path__, "wsol_bench.")
        if not each.ispkg and each.name != "wsol_bench.__main__"
    ]
    return [name for name in names if ">>> " in source_of(name)]


def source_of(module: str) -> str:
    found = importlib.util.find_spec(module)
    assert found
    assert found.origin
    return Path(found.origin).read_text(encoding="utf-8")


def examples_of(module: ModuleType) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    return [each for each in found if each.examples]


@pytest.fixture(scope="module", autouse=True)
def small_demo(tmp_path_factory: pytest.TempPathFactory):
    """The demo has four images here, so that an example which runs over it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        write(demo_folder(), 4, DEFAULT_SEED, workers=1)
        yield


@pytest.mark.parametrize("name", modules_with_examples())
def test_the_examples_of_a_module_print_what_they_show(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    tests = examples_of(module)
    assert tests
    for test in tests:
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def test_the_functions_that_callers_use_have_an_example() -> None:
    with_example = {
        name
        for each in modules_with_examples()
        for name, thing in vars(importlib.import_module(each)).items()
        if inspect.isfunction(thing) and ">>> " in (thing.__doc__ or "")
    }
    assert with_example >= EXPECTED
