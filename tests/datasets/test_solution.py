"""LOC_val_solution.csv: rows are read, bad ones are named by file and line, all of them."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.solution import Solution, read_solution

HEADER = "ImageId,PredictionString\n"
FINE = "a,n01440764 1 2 3 4 \n"
BOX = "n01440764 1 2 3 4"


def read(folder: Path, content: str | bytes) -> Solution:
    path = folder / "LOC_val_solution.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_solution(path, official_classes())


def test_a_row_gives_the_label_and_all_its_boxes(tmp_path):
    rows = read(tmp_path, HEADER + FINE + "b,n01443537 0 0 9 9 n01443537 5 5 6 6 \n").rows

    assert list(rows) == ["a", "b"]
    assert rows["b"].class_ids == ["n01443537"]
    assert rows["b"].size is None
    np.testing.assert_array_equal(rows["b"].boxes("n01443537"), [[0, 0, 10, 10], [5, 5, 7, 7]])


@pytest.mark.parametrize(
    "content",
    [
        HEADER + FINE + "\n",
        "\ufeff" + HEADER + FINE,
        (HEADER + FINE).replace("\n", "\r\n"),
        (HEADER + FINE).replace("\n", "\r"),
        HEADER + f'"a","{BOX}"\n',
        HEADER + f"a,{BOX}",
    ],
    ids=["blank line", "byte order mark", "CRLF", "CR", "quoted", "no line end"],
)
def test_what_other_programs_write_around_a_row_does_no_harm(tmp_path, content):
    solution = read(tmp_path, content)

    assert list(solution.rows) == ["a"]
    assert solution.faults == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b\n", "expected an image id"),
        ("b,\n", "expected an image id"),
        (",n01440764 1 2 3 4\n", "expected an image id"),
        ("b,n01440764 1 2 3\n", "expected an image id"),
        ("b,n01440764 1 2 3 4,more\n", "expected an image id"),
        ("b,n01440764 1 2 3 four\n", "ymax is 'four'"),
        ("b,n01440764 1 2 3 4_0\n", "ymax is '4_0'"),
        ("b,n01440764 1 2 3 \u0664\n", "ymax is '\u0664'"),
        ("b,n01440764 5 2 3 4\n", "corners swapped"),
        ("b,n01440764 1 4 3 4\n", "has no area"),
        ("b,n00000000 1 2 3 4\n", "unknown class 'n00000000'"),
        ("b,n01440764 1 2 3 4 n01443537 1 2 3 4\n", "boxes of n01440764, n01443537"),
        ("a,n01440764 1 2 3 4\n", "a second row for 'a'"),
        (b"b\xff,n01440764 1 2 3 4\n", "expected UTF-8"),
        ("b," + "9" * 200_000 + "\n", "not readable as CSV"),
        (f'"b,{BOX}\nc,{BOX}\n', "a quotation mark joins several"),
        (f'"b\nc",{BOX}\n', "a quotation mark joins several"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path, row, message):
    data = row if isinstance(row, bytes) else row.encode()

    solution = read(tmp_path, (HEADER + FINE).encode() + data)

    assert list(solution.rows) == ["a"]
    (fault,) = solution.faults
    assert "LOC_val_solution.csv, line 3: " in fault
    assert message in fault
    assert fault.isprintable()


def test_every_bad_row_is_named_and_every_good_one_is_read(tmp_path):
    bad = [b"b,bad", b"c\xff," + BOX.encode(), b"d," + b"9" * 200_000, b"e,n00000000 1 2 3 4"]
    lines = [line for each in bad for line in (each, f"fine{len(each)},{BOX}".encode())]

    solution = read(tmp_path, HEADER.encode() + b"\n".join(lines))

    places = [fault.partition("line ")[2].partition(":")[0] for fault in solution.faults]
    assert places == ["2", "4", "6", "8"]
    assert len(solution.rows) == 4


@pytest.mark.parametrize("content", ["", "id,boxes\n", FINE, "\ufeff\n", HEADER.encode("utf-16")])
def test_another_table_is_refused_by_its_header(tmp_path, content):
    solution = read(tmp_path, content)

    assert not solution.rows
    (fault,) = solution.faults
    assert "line 1: expected the header" in fault


@settings(deadline=None)  # it writes files
@given(content=st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_any_rows_are_read_or_named(content):
    with tempfile.TemporaryDirectory() as folder:
        solution = read(Path(folder), HEADER.encode() + content)

    places = [row.where for row in solution.rows.values()] + list(solution.faults)
    assert all("LOC_val_solution.csv, line " in place for place in places)


def test_a_folder_in_place_of_the_table_is_an_error(tmp_path):
    (fault,) = read_solution(tmp_path, official_classes()).faults

    assert "cannot read" in fault
