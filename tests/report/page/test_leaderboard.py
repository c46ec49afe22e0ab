"""`leaderboard`: a folder of result files as one page."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from wsol_bench.cli.main import main
from wsol_bench.report.page.leaderboard import read_folder, render_leaderboard

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results = tmp_path / "results"
    shutil.copytree(ROOT / "results" / "ilsvrc-val-500", results / "ilsvrc")
    shutil.copy(ROOT / "results" / "demo" / "all.json", results)
    return results


def test_every_row_of_every_file_is_in_the_page(folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    for path in sorted(folder.rglob("*.json")):
        content = json.loads(path.read_text())
        rows += [row for each in content.get("results", [content]) for row in each["rows"]]
    board = read_folder(folder)
    assert len(board.entries) == len(rows) == 29
    for entry, row in zip(board.entries, rows, strict=True):
        assert (entry.network, entry.method) == (row["arch"], row["method"])
        for metric, figure in entry.figures.items():
            assert figure.value == row[metric]
            assert [figure.low, figure.high] == row["ci"][metric]
    page = render_leaderboard(board)
    assert all(f'id="{entry.anchor}"' in page for entry in board.entries)
    assert len({entry.anchor for entry in board.entries}) == 29


def test_an_anchor_stays_the_same_when_files_are_added(folder: Path) -> None:
    before = {entry.anchor for entry in read_folder(folder).entries}
    shutil.copy(folder / "all.json", folder / "aaa.json")
    after = {entry.anchor for entry in read_folder(folder).entries}
    assert before < after


def test_the_page_asks_for_nothing_from_elsewhere(folder: Path) -> None:
    page = render_leaderboard(read_folder(folder))
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page


def test_names_are_escaped(folder: Path) -> None:
    path = folder / "ilsvrc" / "googlenet-cam-cvpr16.json"
    content = json.loads(path.read_text())
    content["dataset"] = content["rows"][0]["title"] = "<script>x</script>"
    path.write_text(json.dumps(content))
    assert "<script>x" not in render_leaderboard(read_folder(folder))


def test_other_files_are_skipped_and_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bench.json").write_text('{"schema": 1, "what": "seconds"}')
    out = tmp_path / "page.html"
    assert main(["leaderboard", str(folder), f"--out={out}"]) == 0
    printed = capsys.readouterr()
    assert "29 rows of 4 files" in printed.out
    assert "bench.json" in printed.err
    assert "bench.json" in out.read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ('{"schema": 99, "arch": "a", "dataset": "d", "protocol": "p", "rows": []}', "schema 99"),
        (
            '{"schema": 1, "arch": "a", "dataset": "d", "protocol": "p", "n": 1, "rows": [{}]}',
            "not a valid result file",
        ),
    ],
)
def test_a_bad_file_is_one_message(
    content: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.json").write_text(content)
    assert main(["leaderboard", str(folder)]) == 3
    printed = capsys.readouterr().err
    assert "bad.json" in printed
    assert message in printed


def test_a_folder_without_results_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", str(tmp_path)]) == 3
    assert main(["leaderboard", str(tmp_path / "none")]) == 3
    assert "no such folder" in capsys.readouterr().err
