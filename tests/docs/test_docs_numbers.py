"""The figures in the documentation are those of the committed results."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from wsol_bench.scoring.published import find_row

ROOT = Path(__file__).parents[2]
REAL = ROOT / "results/ilsvrc-val-500"
CLS, LOC = ("top1_cls", "top5_cls"), ("top1_loc", "top5_loc", "gt_known_loc")

Row = Mapping[str, Any]


def rows_of(path: Path) -> list[Row]:
    """The rows of a file that `run --json` wrote, of one network or of several."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [row for each in content.get("results", [content]) for row in each["rows"]]


def table_below(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without its head."""
    text = (ROOT / page).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    lines = re.search(r"(?:^\|.*\n)+", rest, re.M)
    assert lines, f"{page}: no table below {heading!r}"
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines[0].splitlines()[2:]
    ]


def with_interval(row: Row, metric: str) -> str:
    low, high = row["ci"][metric]
    return f"{row[metric]:.1f} ({low:.1f}–{high:.1f})"


def cells(row: Row, *, intervals: bool = True) -> list[str]:
    located = [with_interval(row, each) if intervals else f"{row[each]:.1f}" for each in LOC]
    return [row["title"], *(f"{row[each]:.1f}" for each in CLS), *located]


@pytest.mark.parametrize(
    ("heading", "file"),
    [
        ("BVLC GoogLeNet, one warped view", "googlenet-gradcam-iccv17.json"),
        ("BVLC GoogLeNet, ten crops: the paper's own row", "googlenet-cam-cvpr16.json"),
        ("SqueezeNet 1.1, one warped view", "squeezenet1_1-gradcam-iccv17.json"),
    ],
)
def test_the_tables_of_real_images_are_the_recorded_ones(heading: str, file: str) -> None:
    shown = [row for row in table_below("docs/numbers.md", heading) if not row[0].startswith("*")]
    assert shown == [cells(row) for row in rows_of(REAL / file)]


def test_the_paper_s_row_is_the_paper_s() -> None:
    heading = "BVLC GoogLeNet, ten crops: the paper's own row"
    shown = table_below("docs/numbers.md", heading)[-1]
    for method in ("grad_cam", "cam"):
        paper = find_row("googlenet", method, "cam-cvpr16")
        assert paper
        assert [float(cell.strip("*")) for cell in shown[1:5]] == list(paper.figures.values())


def test_the_table_of_the_demo_is_the_recorded_one() -> None:
    recorded = rows_of(ROOT / "results/demo/all.json")
    assert table_below("docs/numbers.md", "The demo") == [
        [f"`{row['arch']}`", *cells(row)] for row in recorded
    ]


def test_the_readme_s_table_is_the_recorded_one() -> None:
    recorded = rows_of(REAL / "googlenet-gradcam-iccv17.json")
    assert table_below("README.md", "Results") == [cells(row, intervals=False) for row in recorded]


def printed(row: Row) -> Iterator[str]:
    """The two lines of a row of a run's table, without its first column."""
    metrics = (*CLS, *LOC)
    yield " ".join(f"{row[each]:.2f}" for each in metrics)
    yield " ".join("–".join(f"{end:.1f}" for end in row["ci"][each]) for each in metrics)


def test_the_tutorial_prints_what_the_run_prints() -> None:
    text = (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    rows = rows_of(ROOT / "results/demo/all.json")[:5]
    assert {row["arch"] for row in rows} == {"vgg16", "vgg16_cam"}
    for row in rows:
        for wanted in printed(row):
            assert any(line.endswith(wanted) for line in lines), wanted
