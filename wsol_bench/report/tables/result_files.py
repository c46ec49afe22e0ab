"""A result as a file, in the format that its suffix names."""

import json
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType

from wsol_bench.errors import UsageError
from wsol_bench.records.result import Result
from wsol_bench.report.tables.run_table import TableOptions, table_text
from wsol_bench.runtime.files import writing_file


def write_result(result: Result, folder: Path, path: Path) -> None:
    """Writes a result.

    Args:
        result: of the run in `folder`.
        folder: the run's folder, from whose records tables are made.
        path: its suffix is a name of `FORMATS`.

    Raises:
        UsageError: it has another suffix.
        DataError: the file cannot be written.
    """
    write = FORMATS.get(path.suffix.lower())
    if write is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"save: {path}: expected a file that ends in one of {known}.")
    text = write(result, folder)
    with writing_file(path):
        path.write_text(text, encoding="utf-8")


def _json(result: Result, folder: Path) -> str:
    return json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"


def _table(form: str) -> Callable[[Result, Path], str]:
    return lambda result, folder: table_text([folder], TableOptions(), form)


def _page(result: Result, folder: Path) -> str:
    title = escape(f"{result.arch}, {result.dataset}, {result.protocol}")
    table = table_text([folder], TableOptions(), "html")
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>{title}</title>\n{table}'


FORMATS: Mapping[str, Callable[[Result, Path], str]] = MappingProxyType(
    {
        ".json": _json,
        ".csv": _table("csv"),
        ".md": _table("md"),
        ".tex": _table("tex"),
        ".html": _page,
    }
)
"""Suffix of a file -> what writes it."""
