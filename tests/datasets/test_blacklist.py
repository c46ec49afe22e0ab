"""The devkit's blacklist: whole numbers from 1 on, one a line."""

import pytest

from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.errors import DataError


def test_indices_are_read_and_blank_lines_passed_over(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf36\r\n\n 50 \n36\n")

    assert read_blacklist(tmp_path / "list.txt") == {36, 50}


@pytest.mark.parametrize("line", ["0", "-1", "+1", "1.5", "1_0", "\u0663", "x", "9" * 5000])
def test_anything_else_is_named_by_file_and_line(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"7\n{line}\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"list\.txt, line 2: expected a whole number") as caught:
        read_blacklist(tmp_path / "list.txt")

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [None, b"\xff\xfe7\n"], ids=["absent", "UTF-16"])
def test_what_cannot_be_read_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "list.txt").write_bytes(content)

    with pytest.raises(DataError, match=r"--blacklist .*list\.txt: cannot be read as text"):
        read_blacklist(tmp_path / "list.txt")
