"""LOC_val_solution.csv: rows are read, bad ones are named by file and line."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.solution import read_solution
from wsol_bench.errors import DataError

HEADER = "ImageId,PredictionString\n"
FINE = "a,n01440764 1 2 3 4 \n"


def read(folder: Path, content: str | bytes):
    path = folder / "LOC_val_solution.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_solution(path, official_classes())


def test_a_row_gives_the_label_and_all_its_boxes(tmp_path):
    rows = read(tmp_path, HEADER + FINE + "b,n01443537 0 0 9 9 n01443537 5 5 6 6 \n")

    assert list(rows) == ["a", "b"]
    assert rows["b"].wnids == ["n01443537"]
    assert rows["b"].size is None
    np.testing.assert_array_equal(rows["b"].boxes("n01443537"), [[0, 0, 10, 10], [5, 5, 7, 7]])


@pytest.mark.parametrize("content", [HEADER + FINE + "\n", "\ufeff" + HEADER + FINE])
def test_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path, content):
    assert list(read(tmp_path, content)) == ["a"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b\n", "expected an image id"),
        ("b,\n", "expected an image id"),
        (",n01440764 1 2 3 4\n", "expected an image id"),
        ("b,n01440764 1 2 3\n", "expected an image id"),
        ("b,n01440764 1 2 3 4,more\n", "expected an image id"),
        ("b,n01440764 1 2 3 four\n", "ymax is 'four'"),
        ("b,n01440764 5 2 3 4\n", "corners swapped"),
        ("b,n01440764 1 4 3 4\n", "has no area"),
        ("b,n00000000 1 2 3 4\n", "unknown WNID 'n00000000'"),
        ("b,n01440764 1 2 3 4 n01443537 1 2 3 4\n", "boxes of n01440764, n01443537"),
        ("a,n01440764 1 2 3 4\n", "a second row for 'a'"),
        (b"b\xff,n01440764 1 2 3 4\n", "UTF-8 CSV"),
        ("b," + "9" * 200_000 + "\n", "UTF-8 CSV"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, row, message):
    data = row if isinstance(row, bytes) else row.encode()

    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, (HEADER + FINE).encode() + data)

    assert "LOC_val_solution.csv, line " in str(caught.value)


def test_the_line_of_a_bad_row_is_counted_from_one(tmp_path):
    with pytest.raises(DataError, match="line 3:"):
        read(tmp_path, HEADER + FINE + "b,bad\n" + "c,n01440764 1 2 3 4\n")


@pytest.mark.parametrize("content", ["", "id,boxes\n", FINE])
def test_another_table_is_refused_by_its_header(tmp_path, content):
    with pytest.raises(DataError, match="line 1: expected the header"):
        read(tmp_path, content)


@settings(deadline=None)  # it writes files
@given(content=st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_rows_are_read_or_named(content):
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = read(Path(folder), HEADER.encode() + content)
            places = [row.where for row in rows.values()]
        except DataError as error:
            places = [str(error)]

    assert all("LOC_val_solution.csv, line " in place for place in places)


def test_a_folder_in_place_of_the_table_is_an_error(tmp_path):
    with pytest.raises(DataError, match="cannot read"):
        read_solution(tmp_path, official_classes())
