"""The documentation's Python runs, its links have targets, and its tables are current.

A ```python block with title="wsol_bench/..." in its fence is a new file of the package, and a
```diff block changes an existing one; both are applied to a copy of the package. A block with
another title is a file in the page's folder. Every other ```python block is executed with that
copy, in order, each page in its own namespace and folder.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from wsol_bench.datasets.demo import DEFAULT_SEED, write
from wsol_bench.datasets.named import demo_folder
from wsol_bench.protocols.catalog import PROTOCOLS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
every_page = pytest.mark.parametrize("page", PAGES, ids=NAMES)

IMAGES = 8
"""Size of the demo in the pages' runs; the real one has 1,000 images."""

FENCE = re.compile(
    r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.M | re.S
)
ANY_PYTHON = re.compile(r"^[ \t>]*(?:```|~~~)[ \t]*(?:py|python|python3|pycon)\b", re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)

RUN_PAGES = """
import json, os, sys, traceback
failures = {}
for page, (folder, blocks) in json.load(sys.stdin).items():
    os.chdir(folder)
    namespace = {"__name__": "__main__"}
    try:
        for line, text in blocks:
            exec(compile("\\n" * line + text, page, "exec"), namespace)
    except BaseException:
        failures[page] = traceback.format_exc()
sys.exit("\\n".join(f"{page}: {text}" for page, text in failures.items()) or 0)
"""
"""Runs in a separate process, because it imports the copy under the package's own name."""

NEEDS = {
    "docs/how-to/clip-and-dinov2.md": "timm",
    "docs/how-to/migrate.md": "pytorch_grad_cam",
    "docs/how-to/track-experiments.md": "mlflow",
}
"""Page -> the module outside the project's dependencies without which it is not executed."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: the fence's language, or "".
        title: the file that the block is, or None.
        line: number of lines of the page before the text.
    """

    language: str
    title: str | None
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(m["language"], m["title"], m["text"], text.count("\n", 0, m.start("text")))
        for m in FENCE.finditer(text)
    ]


def prose_of(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def copy_if_there(source: str, target: str) -> None:
    with suppress(FileNotFoundError):  # another test's process may be renaming a cache file
        shutil.copy2(source, target)


def apply(diff: str, root: Path) -> None:
    """Applies a diff block to one file; its hunks have no line numbers."""
    header, *hunks = re.split(r"^@@.*\n", diff, flags=re.M)
    name = re.fullmatch(r"--- a/(\S+)\n\+\+\+ b/\1\n", header)
    assert name, f"expected '--- a/FILE' and '+++ b/FILE' before the first @@, got {header!r}"
    path = root / name[1]
    content = path.read_text(encoding="utf-8")
    for hunk in hunks:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert content.count(old) == 1, f"{path.name} has no single place for this:\n{hunk}"
        content = content.replace(old, new)
    path.write_text(content, encoding="utf-8")


def test_every_python_block_runs_in_a_package_changed_as_the_pages_say(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "wsol_bench", tmp_path / "copy/wsol_bench", copy_function=copy_if_there)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write(demo_folder(), IMAGES, DEFAULT_SEED, workers=1)
    work = {}
    for name, page in zip(NAMES, PAGES, strict=True):
        to_run = []
        folder = tmp_path / "work" / name
        folder.mkdir(parents=True)
        for block in blocks_of(page):
            if block.language == "diff":
                apply(block.text, tmp_path / "copy")
            elif block.title and not block.title.startswith("wsol_bench/"):
                (folder / block.title).write_text(block.text, encoding="utf-8")
            elif block.language == "python" and block.title:
                new = tmp_path / "copy" / block.title
                assert not new.exists(), f"{name} would overwrite {block.title}"
                new.write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                to_run.append((block.line, block.text))
        if name not in NEEDS or find_spec(NEEDS[name]):
            work[name] = (str(folder), to_run)
    finished = subprocess.run(
        [sys.executable, "-c", RUN_PAGES],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "copy")},
    )
    assert finished.returncode == 0, finished.stderr


@every_page
def test_no_block_of_python_is_written_so_that_it_would_be_missed(page):
    fences = ANY_PYTHON.findall(page.read_text(encoding="utf-8"))
    assert len(fences) == sum(block.language == "python" for block in blocks_of(page))


@every_page
def test_every_relative_link_leads_to_a_file_and_its_heading(page):
    for link in LINK.findall(prose_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link}: no such file"
        if anchor:
            assert anchor in anchors_of(target), f"{link}: no such heading"


def anchors_of(page: Path) -> set[str]:
    """The headings' anchors, as GitHub makes them."""
    headings = (heading.lower() for heading in HEADING.findall(prose_of(page)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_page_on_protocols_has_every_protocol(name):
    assert f"`{name}`" in (ROOT / "docs/protocol.md").read_text(encoding="utf-8")


TRAININGS = sorted((ROOT / "docs/demo-training").glob("*.json"))


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_the_table_of_training_curves_is_that_of_the_recorded_ones(path):
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/demo.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    head = next(row for row in table if row[0] == "epoch")
    column = head.index(f"`{path.stem}`")
    recorded = json.loads(path.read_text(encoding="utf-8"))["curve"]
    shown = {row[0]: row[column] for row in table if len(row) == len(head) and row[0].isdigit()}
    assert {epoch: cell for epoch, cell in shown.items() if cell} == {
        str(point["epoch"]): f"{point['loss']:.2f}, {point['held_out_top1_error']:.1f}"
        for point in recorded
    }
