"""Where `table1` saves its table: a folder, or a URI."""

from pathlib import Path

import pytest

from wsol_bench.errors import DataError
from wsol_bench.report.tables.table1 import FORMS, save_table1


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_every_form_is_saved_in_the_folder_that_is_named(scheme: str, tmp_path: Path) -> None:
    paths = save_table1([], Path(f"{scheme}{tmp_path}/new/runs"))
    assert [path.suffix for path in paths] == [f".{form}" for form in FORMS]
    saved = sorted(path.name for path in (tmp_path / "new" / "runs").iterdir())
    assert saved == sorted(f"table1.{form}" for form in FORMS)


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"table1\.\w+: cannot be written"):
        save_table1([], tmp_path / "file" / "runs")
