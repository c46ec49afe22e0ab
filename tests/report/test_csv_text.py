"""CSV: what a spreadsheet would evaluate is text, and numbers stay numbers."""

import csv
import io

import pytest

from wsol_bench.report.csv_text import csv_text


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\tx", "\nx"])
def test_a_formula_gets_an_apostrophe(text):
    ((found,),) = csv.reader(io.StringIO(csv_text([[text]]), newline=""))
    assert found == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-inf", -0.1, 7, "a=b", "n01440764"])
def test_numbers_and_names_stay_as_they_are(value):
    ((found,),) = csv.reader(io.StringIO(csv_text([[value, "end"]]).replace(",end", "")))
    assert found == str(value)


def test_a_carriage_return_starts_no_line():
    assert csv_text([["a\rb", "c"]]) == "a\\rb,c\n"
