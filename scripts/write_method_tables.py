"""Writes a table of methods of docs/numbers.md from run folders.

    python scripts/write_method_tables.py methods "BVLC GoogLeNet=RUN,RUN" "ViT-Tiny=RUN,RUN"

Each run holds a row `center`, with which the others of its run are compared image by image; a
row that an earlier run of the same network had is left out. The table `NAME` stands between
`<!-- NAME -->` and `<!-- end of NAME -->`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs/numbers.md"
FLOOR, METRIC = "center", "gt_known_loc"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of one run.

    Attributes:
        title: of the row.
        n: images.
        error, low, high: GT-known localization error and its interval, in %.
        difference, difference_low, difference_high: the row's error less the centred box's and
            the ends of its paired interval, in percentage points; None of the centred box itself.
    """

    title: str
    n: int
    error: float
    low: float
    high: float
    difference: float | None
    difference_low: float | None
    difference_high: float | None

    @property
    def beats(self) -> bool:
        """Whether the whole interval of the difference is below 0."""
        return self.difference_high is not None and self.difference_high < 0


def lines_of(runs: Sequence[str]) -> Iterator[Line]:
    """The rows of a network's runs, each once."""
    seen: set[str] = set()
    for run in runs:
        result = _printed("score", run, "--json")
        rows = {row["method"]: row for row in result["rows"]}
        differences = dict(_differences(run, rows[FLOOR]["title"]))
        for name, row in rows.items():
            if name in seen or row.get(METRIC) is None:
                continue
            seen.add(name)
            low, high = row["ci"][METRIC]
            found = differences.get(row["title"], (None, None, None))
            yield Line(row["title"], row["n"][METRIC], row[METRIC], low, high, *found)


def _differences(run: str, floor: str) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Title of a row -> its difference to the centred box, with the ends of the interval."""
    (metric,) = _printed("pairs", run, "--metrics", METRIC, "--json")["metrics"]
    for pair in metric["pairs"]:
        low, high = pair["ci"]
        if pair["second"] == floor:
            yield pair["first"], (pair["difference"], low, high)
        elif pair["first"] == floor:
            yield pair["second"], (-pair["difference"], -high, -low)


def _printed(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "wsol_bench", *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(finished.stdout))


def table_of(network: str, lines: Sequence[Line]) -> str:
    """A network's rows in ascending order of the difference, and a sentence on them."""
    ordered = sorted(lines, key=lambda line: (-line.n, line.difference or 0.0, line.title))
    text = [
        f"**{network}**\n",
        "| method | n | GT-known loc | less the centred box of the same images |",
        "|---|---|---|---|",
    ]
    text += [
        f"| {line.title} | {line.n:,} | {line.error:.1f} ({line.low:.1f}–{line.high:.1f}) | "
        f"{_difference(line)} |"
        for line in ordered
    ]
    better = [line for line in ordered if line.beats]
    below = [line for line in ordered if not line.beats and (line.difference or 0.0) < 0]
    text.append(
        f"\nWhole interval below the centred box: {_listed(better)}. Fewer errors than it, but "
        f"within the interval: {_listed(below)}.\n"
    )
    return "\n".join(text)


def _listed(lines: Sequence[Line]) -> str:
    return ", ".join(f"{line.title} (n = {line.n:,})" for line in lines) or "none"


def _difference(line: Line) -> str:
    if line.difference is None:
        return "–"
    return f"{line.difference:+.1f} ({line.difference_low:+.1f} to {line.difference_high:+.1f})"


def main(table: str, *networks: str) -> None:
    """Rewrites a table in the page."""
    tables = []
    for each in networks:
        name, _, runs = each.partition("=")
        tables.append(table_of(name, list(lines_of(runs.split(",")))))
    page = PAGE.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {table} -->\n).*?(<!-- end of {table} -->)", re.S)
    PAGE.write_text(place.sub(lambda m: m[1] + "\n" + "\n".join(tables) + "\n" + m[2], page))


if __name__ == "__main__":
    main(*sys.argv[1:])
