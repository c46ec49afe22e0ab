"""Rows of plain text files, each with the place that a message names."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.classes import read_text
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

__all__ = ["Row", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file, split into fields.

    Attributes:
        fields: as many as were expected.
        where: the file and line, for messages.
    """

    fields: Sequence[str]
    where: str


def rows_of(
    path: Path, separator: str | None, counts: Container[int], expected: str
) -> Iterator[Row]:
    """The rows of a file; empty lines are skipped.

    Args:
        path: a UTF-8 file.
        separator: between fields, or None for any white space.
        counts: permitted numbers of fields of a row.
        expected: what a row holds, for messages.

    Raises:
        DataError: the file cannot be read, or a row has another number of fields.
    """
    name = shown(str(path))
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.split(separator)]
        if len(fields) not in counts:
            raise DataError(
                f"{name}, line {number}: expected {expected}, got {shown(line[:80])!r}. "
                "Correct the line."
            )
        yield Row(fields, f"{name}, line {number}")


def whole_number(text: str, what: str, where: str) -> int:
    """A whole number from 0 on; DataError names the place."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DataError(
            f"{where}: expected {what}, a whole number from 0 on, got {shown(text[:40])!r}. "
            "Correct the line."
        )
    return int(text)


def first_line(path: Path) -> str:
    """The first line of a file that is not empty, or "" where it cannot be read as text."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return next((line.strip() for line in file.read(4096).splitlines() if line.strip()), "")
    except OSError:
        return ""
