"""Results in Python: frames, figures, HTML, and the example notebook."""

import gc
import os
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import wsol_bench
from wsol_bench.api import RunResult
from wsol_bench.datasets.demo import DEFAULT_SEED, write
from wsol_bench.datasets.named import demo_folder
from wsol_bench.errors import DataError, UsageError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
SHOWN = {"demo.ipynb": (4, 2), "first-steps.ipynb": (4, 1)}
"""Notebook -> tables and pictures among its outputs."""


def kinds_of(cells: list[Any], picture: str) -> tuple[int, int]:
    """How many outputs of a notebook's cells are tables, and how many are pictures."""
    found = [
        output.data
        for cell in cells
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result"
    ]
    tables = sum("text/html" in each and picture not in each for each in found)
    return tables, sum(picture in each for each in found)


def run(small_dataset: Path, small_weights: Path, **more: object) -> RunResult:
    return wsol_bench.run(
        arch="squeezenet1_1",
        weights=str(small_weights),
        data=small_dataset,
        methods="grad_cam,cam,center",
        keep_maps=True,
        **more,
    )


@pytest.fixture(scope="module")
def result(small_dataset: Path, small_weights: Path) -> RunResult:
    return run(small_dataset, small_weights)


def test_the_records_are_a_frame_whose_errors_are_the_results(result: RunResult) -> None:
    records = result.to_frame("records")
    assert len(records) == 9 * 2
    errors = result.to_frame()
    for method, part in records.groupby("method"):
        boxed = part["iou"] >= 0.5
        first = part["predicted"] == part["label"]
        assert 100 * (1 - boxed.mean()) == pytest.approx(errors.loc[method, "gt_known_loc"])
        assert 100 * (1 - first.mean()) == pytest.approx(errors.loc[method, "top1_cls"])
        assert 100 * (1 - (first & boxed).mean()) == pytest.approx(errors.loc[method, "top1_loc"])
        assert ((part["failure"] == "right") == (first & boxed)).all()


def test_records_in_a_frame_are_those_of_the_csv(result: RunResult, tmp_path: Path) -> None:
    from wsol_bench.cli.main import main

    out = tmp_path / "records.csv"
    assert main(["export", str(result.folder), str(out), "--format=csv"]) == 0
    written = pd.read_csv(out).drop(columns="true_boxes")
    pd.testing.assert_frame_equal(
        written, result.to_frame("records").drop(columns="true_boxes"), check_dtype=False
    )


@pytest.mark.parametrize(
    "images", ["ILSVRC2012_val_00000003", ["ILSVRC2012_val_00000003", "ILSVRC2012_val_00000001"]]
)
def test_an_image_is_shown_by_its_id(result: RunResult, images: str | list[str]) -> None:
    drawing = result.show(images, methods=["grad_cam"], width_in=3.25)
    rows = 1 if isinstance(images, str) else len(images)
    assert len(drawing.figure.axes) == 2 * rows + 1  # the last is the key's colours
    assert drawing._repr_png_().startswith(b"\x89PNG")


def test_what_cannot_be_shown_is_named(result: RunResult) -> None:
    with pytest.raises(DataError, match="no image 'nope'"):
        result.show("nope")
    with pytest.raises(UsageError, match="grad_cam"):
        result.show(methods="cma")


@pytest.mark.parametrize("given", [{"images": 11}, {"images": [11]}, {"methods": 3}], ids=str)
def test_what_is_no_name_gets_a_message_and_no_type_error(
    result: RunResult, given: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match=r"show: .*expected a name"):
        result.show(**given)


class Reader(HTMLParser):
    """The cells of a table, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_html_is_whole_and_has_every_figure(result: RunResult) -> None:
    reader = Reader()
    reader.feed(result._repr_html_())
    assert reader.open == []
    assert not reader.tags & {"script", "a", "img", "link", "style"}
    text = " ".join(reader.text)
    assert "squeezenet1_1" in text
    assert "cam: n/a: " in text
    for row in result.rows:
        assert row.title in text
        assert f"{row.figures['top1_loc'].value:.2f}" in text


def test_a_name_with_markup_is_escaped(result: RunResult) -> None:
    from dataclasses import replace

    assert "&lt;b&gt;" in replace(result, dataset="<b>")._repr_html_()


def test_records_live_as_long_as_the_result_or_in_the_folder_given(
    small_dataset: Path, small_weights: Path, tmp_path: Path
) -> None:
    own = run(small_dataset, small_weights, limit=1)
    folder = own.folder
    assert (folder / "run.json").is_file()
    del own
    gc.collect()
    assert not folder.parent.exists()
    given = run(small_dataset, small_weights, limit=1, out=tmp_path / "kept")
    assert given.folder == tmp_path / "kept"
    del given
    gc.collect()
    assert (tmp_path / "kept" / "run.json").is_file()


def test_a_run_that_fails_leaves_no_folder_behind(
    small_dataset: Path, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(wsol_bench.WsolBenchError):
        run(small_dataset, small_weights, gate=0.0)
    assert list(tmp_path.iterdir()) == []


def test_there_is_a_notebook() -> None:
    assert [path.name for path in NOTEBOOKS] == list(SHOWN)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_kept_with_what_it_shows_and_nothing_of_a_machine(path: Path) -> None:
    import nbformat

    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_500_000
    assert not re.search(r"/tmp/|/root|/home/|/Users/|at 0x[0-9a-f]{4}|\d images/s", text)
    cells = [cell for cell in nbformat.read(path, nbformat.NO_CONVERT).cells if "outputs" in cell]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        assert cell.outputs, cell.source
        assert cell.metadata == {}
        assert {output.output_type for output in cell.outputs} <= {"execute_result", "stream"}
    assert kinds_of(cells, "image/jpeg") == SHOWN[path.name]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_shows_tables_and_figures(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    write(demo_folder(), 24, DEFAULT_SEED, workers=1)
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert kinds_of(notebook.cells, "image/png") == SHOWN[path.name]
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
