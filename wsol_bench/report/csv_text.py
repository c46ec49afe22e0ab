"""CSV that a spreadsheet reads as text and numbers, never as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_STARTS = ("=", "+", "-", "@", "\t", "\n")
"""The first characters of cells that spreadsheets evaluate (OWASP, CSV injection)."""


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    r"""Comma-separated lines; None is empty, and numbers keep all their digits.

    Names come from files, so a text that a spreadsheet would evaluate gets an apostrophe in
    front, as spreadsheets themselves write it.

    Example:
        >>> csv_text([["=cmd", "-0.5", -0.5, None]])
        "'=cmd,-0.5,-0.5,\n"
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def _cell(value: object) -> object:
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = value.replace("\r", "\\r")  # which the writer does not quote
    return f"'{text}" if text.startswith(_STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
