"""`leaderboard`: a folder of result files as one static page that can be sorted and filtered.

A result file is what `run --json` and `score --json` print and what `result.save` writes: one
object with `schema`, `arch`, `weights`, `dataset`, `protocol`, `n` and `rows`, or several of
them under `results`. Other JSON files in the folder are listed as skipped.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from wsol_bench.errors import DataError
from wsol_bench.report.page.html import filled_in, require_file, write_page
from wsol_bench.runtime.names import first_names, last_part, shown
from wsol_bench.runtime.progress import log
from wsol_bench.scoring.catalog import METRICS

SCHEMAS = (1, 2)
"""Versions of result files that are read."""

FILTERED = {"dataset": "data", "protocol": "protocol", "network": "network", "method": "method"}
"""Fields of an entry that the page filters by -> labels."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of an entry; `value` is None if the metric does not apply."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the leaderboard.

    Attributes:
        anchor: the same for the same row of the same file, for links to it.
        file: the result file, relative to the folder.
        dataset, protocol, network, weights, method: names.
        title: of the method.
        n: images.
        figures: metric -> figure.
    """

    anchor: str
    file: str
    dataset: str
    protocol: str
    network: str
    weights: str
    method: str
    title: str
    n: int
    figures: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of figures: its title, and whether a higher figure is better."""

    title: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The content of the page.

    Attributes:
        entries: in the order of the files and their rows.
        metrics: metric -> column.
        skipped: JSON files that hold no result, relative to the folder.
    """

    entries: tuple[Entry, ...]
    metrics: Mapping[str, Heading]
    skipped: tuple[str, ...]


def write_leaderboard(folder: Path, out: Path) -> None:
    """Writes the page and prints its path and number of rows on stdout.

    Raises:
        UsageError: `out` is a folder.
        DataError: the folder does not exist or has no result, a result is invalid, or the
            page cannot be written.
    """
    require_file(out, "page.html")
    board = read_folder(folder)
    if board.skipped:
        log(f"Skipped, because they hold no result: {first_names(board.skipped)}.")
    write_page(out, render_leaderboard(board))
    files = len({entry.file for entry in board.entries})
    print(f"{out}: {len(board.entries):,} rows of {files:,} files")


def read_folder(folder: Path) -> Leaderboard:
    """The result files of a folder and of the folders in it.

    Raises:
        DataError: the folder does not exist or has no result, or a result is invalid.
    """
    if not folder.is_dir():
        raise DataError(f"{shown(str(folder))}: there is no such folder.")
    entries: list[Entry] = []
    skipped: list[str] = []
    metrics: dict[str, Heading] = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        results = _results_in(path)
        if not results:
            skipped.append(name)
        for result in results:
            try:
                metrics |= {k: v for k, v in _headings(result).items() if k not in metrics}
                entries += _entries(result, name)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise DataError(
                    f"{shown(str(path))}: not a valid result file ({type(error).__name__}: "
                    f"{error}). Write it again with run --json or score --json."
                ) from error
    if not entries:
        raise DataError(
            f"{shown(str(folder))}: holds no result file. Write one with run --json > FILE.json."
        )
    return Leaderboard(tuple(entries), metrics, tuple(skipped))


def _results_in(path: Path) -> list[dict[str, Any]]:
    """The results of one JSON file; none if it is of another kind."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{shown(str(path))}: cannot be read as JSON ({error}).") from error
    results = content.get("results", [content]) if isinstance(content, dict) else []
    found = [each for each in results if isinstance(each, dict) and "rows" in each]
    found = [each for each in found if {"arch", "dataset", "protocol"} <= each.keys()]
    for each in found:
        if each.get("schema", content.get("schema")) not in SCHEMAS:
            raise DataError(
                f"{shown(str(path))}: schema {each.get('schema')!r:.20}; this version of "
                f"wsol_bench reads {' and '.join(map(str, SCHEMAS))}. Upgrade wsol_bench."
            )
    return found


def _headings(result: Mapping[str, Any]) -> dict[str, Heading]:
    """The metrics of a result; files without a list have the errors of ILSVRC's task."""
    listed = result.get("metrics")
    if listed:
        return {
            each["name"]: Heading(each["title"], bool(each["higher_is_better"])) for each in listed
        }
    return {
        name: Heading(metric.title.format(topk=5), metric.higher_is_better)
        for name, metric in METRICS.items()
        if any(name in row for row in result["rows"])
    }


def _entries(result: Mapping[str, Any], file: str) -> Iterator[Entry]:
    for row in result["rows"]:
        figures = {}
        for name in _headings(result):
            low, high = row["ci"].get(name) or (None, None)
            value = row.get(name)
            figures[name] = Figure(None if value is None else float(value), low, high)
        key = "\0".join((file, str(result["arch"]), str(result["protocol"]), str(row["method"])))
        yield Entry(
            anchor=f"r{sha256(key.encode()).hexdigest()[:10]}",
            file=file,
            dataset=str(result["dataset"]),
            protocol=str(result["protocol"]),
            network=str(row["arch"]),
            weights=last_part(str(row["weights"])),
            method=str(row["method"]),
            title=str(row["title"]),
            n=int(result["n"]),
            figures=figures,
        )


def render_leaderboard(board: Leaderboard) -> str:
    """The page as HTML; it loads nothing from elsewhere."""
    return filled_in(
        "leaderboard.html.j2",
        ("sorting.js", "leaderboard.js"),
        board=board,
        choices={name: _values(board.entries, name) for name in FILTERED},
        labels=FILTERED,
    )


def _values(entries: Sequence[Entry], name: str) -> list[str]:
    return sorted({str(getattr(entry, name)) for entry in entries})
