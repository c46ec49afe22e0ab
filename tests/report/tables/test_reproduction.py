"""Where `reproduce` saves its table: a folder, or a URI."""

from pathlib import Path

import pytest

from wsol_bench.errors import DataError
from wsol_bench.report.tables.reproduction import FORMS, Reproduction, save_reproduction
from wsol_bench.runs.reproduce import ComparedFigure
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.published import published_table

EMPTY = Reproduction("gradcam-table1", published_table("gradcam-table1"), ())


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_every_form_is_saved_in_the_folder_that_is_named(scheme: str, tmp_path: Path) -> None:
    paths = save_reproduction(EMPTY, Path(f"{scheme}{tmp_path}/new/runs"))
    assert [path.suffix for path in paths] == [f".{form}" for form in FORMS]
    saved = sorted(path.name for path in (tmp_path / "new" / "runs").iterdir())
    assert saved == sorted(f"gradcam-table1.{form}" for form in FORMS)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"gradcam-table1\.\w+: cannot be written"):
        save_reproduction(EMPTY, tmp_path / "file" / "runs")


@pytest.mark.parametrize(
    ("wrong", "n", "paper", "verdict"),
    [
        (8, 16, 46.41, "too few images to tell"),  # 28 to 72 %
        (450, 1000, 46.41, "within the interval"),
        (450, 1000, 60.0, "outside the interval"),
        (45, 100, 46.41, "within the interval"),  # 35.6 to 54.8: half of it is 9.6
    ],
)
def test_a_wide_interval_is_no_verdict(wrong: int, n: int, paper: float, verdict: str) -> None:
    rate = Rate(wrong, n)
    cell = ComparedFigure("top1_loc", paper, rate.percent, rate.interval())
    assert cell.verdict == verdict


def test_a_row_that_was_not_run_has_no_verdict() -> None:
    assert ComparedFigure("top1_loc", 46.41, None, None).verdict == "not run"
