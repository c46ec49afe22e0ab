"""Output of `compare`: how the figures of two results differ."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.record_diff import differences_of, explanations
from wsol_bench.analysis.regression import (
    FAILURES,
    ComparedCell,
    ResultComparison,
    compare,
    percent_text,
    read_tolerances,
)
from wsol_bench.analysis.rescore import rescore
from wsol_bench.errors import EXIT_FINE, RegressionError
from wsol_bench.records.opened_run import open_networks, own_protocol
from wsol_bench.records.result import to_json
from wsol_bench.records.result_files import (
    StoredResults,
    networks_of,
    read_results,
    runs_in,
    stored,
    write_results,
)
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.report.markup import markdown_line
from wsol_bench.runtime.names import first_names
from wsol_bench.runtime.progress import log
from wsol_bench.scoring.metric import BoundMetric

HEADINGS = ("metric", "old", "new", "difference", "tolerance", "verdict")
_FIGURES = slice(1, 5)
"""Headings of numeric columns, which are aligned to the right."""

_NAMED = 5
"""Maximum number of images named per method."""


def print_differences(old: Path, new: Path) -> None:
    """Prints on stdout which images differ between two runs, by method.

    Prints nothing if one of the two is a file, which holds no records.
    """
    before, now = networks_of(old), networks_of(new)
    both = [arch for arch in before if arch in now]
    for arch in both:
        _print_of_network(before[arch], now[arch], f"{arch} " if len(both) > 1 else "")


def _print_of_network(before: RunFolder, now: RunFolder, name: str) -> None:
    iou = before.manifest().identity.protocol.iou
    same = True
    for one in differences_of(before.read(), now.read(), iou):
        if one.none:
            print(f"{name}{one.method}: the records of all {one.images:,} images are the same.")
            continue
        same = False
        print(
            f"{name}{one.method}: {one.boxes:,} of {one.images:,} boxes differ, by {one.pixels:g} "
            f"pixels at most; {len(one.flipped):,} of them are right in one run only; "
            f"{len(one.classes):,} images have other classes."
        )
        for what, names in (
            ("right in one run only", one.flipped),
            ("other classes", one.classes),
            ("largest differences", one.furthest),
        ):
            if names:
                print(f"  {what}: {first_names(names, _NAMED)}")
        if one.only_one:
            print(f"  {one.only_one:,} images are in one run only")
    if not same:
        _print_explanations(before, now)


def _print_explanations(before: RunFolder, now: RunFolder) -> None:
    lines = explanations(before.manifest(), now.manifest())
    if lines:
        print("Other differences between the two runs (old; new):")
    else:
        print(
            "The recorded machines, versions and settings of the two runs are the same. On one "
            "machine, --deterministic excludes such differences."
        )
    for line in lines:
        print(f"  {line}")


def print_comparison(
    baseline: Path,
    new: Path,
    tolerances: Sequence[str],
    metrics: Sequence[BoundMetric] = (),
    *,
    markdown: bool,
    update: bool,
    as_json: bool = False,
) -> int:
    """Compares two results and prints the differences on stdout.

    Args:
        baseline: a result file or a run's folder.
        new: likewise.
        tolerances: texts such as "top1_loc=0.5".
        metrics: those to compare, measured anew where a path is a run's folder; default:
            those of the baseline.
        markdown: print Markdown instead of a table for a terminal.
        update: write the new figures into the baseline afterwards, whatever they are.
        as_json: print one JSON object instead of the tables.

    Returns:
        The exit code.

    Raises:
        RegressionError: a figure differs by more than its tolerance and `update` is
            False; names every such figure.
        DataError, UsageError: one of the two results, or a tolerance, is invalid.
    """
    old, now = (_results_of(path, metrics) for path in (baseline, new))
    given = read_tolerances(tolerances, old.metrics)
    if not update:
        _require_one_network(old, now)
    comparison = compare(old, now, given, [metric.name for metric in metrics])
    if as_json:
        print(json.dumps(_comparison_json(comparison), ensure_ascii=False))
    else:
        if markdown:
            print(markdown_of(comparison, baseline, new))
        else:
            print_terminal(comparison)
        print_differences(baseline, new)
    if update:
        write_results(baseline, now, old.tolerance)
        log(f"{baseline} now holds the figures of {new}.")
    elif comparison.failures:
        lines = "".join(f"\n  {failure}" for failure in comparison.failures)
        raise RegressionError(f"{new} differs from {baseline}:{lines}\n{_WHAT_TO_DO}")
    return EXIT_FINE


def _results_of(path: Path, metrics: Sequence[BoundMetric]) -> StoredResults:
    """The results of a file or a run's folder; with metrics, measured anew from the folder."""
    folders = runs_in(path) if metrics else []
    if not folders:
        return read_results(path)
    results = []
    for folder in folders:
        networks = open_networks(folder)
        results.append(rescore(networks, own_protocol(networks[0]), metrics))
    return stored(path, to_json(results))


def _require_one_network(old: StoredResults, now: StoredResults) -> None:
    """Refuses results that have no network in common, whose rows cannot be compared.

    Raises:
        RegressionError: they have none.
    """
    before, after = ({row.arch: None for row in each.rows} for each in (old, now))
    if before and after and not before.keys() & after.keys():
        raise RegressionError(
            f"{old.path} is of {', '.join(before)} and {now.path} of {', '.join(after)}: two "
            "networks, and `compare` is for two results of one. Of two runs, `table` shows their "
            "rows in one table and `pairs` the differences of those rows."
        )


def _comparison_json(comparison: ResultComparison) -> dict[str, Any]:
    return {
        "schema": 1,
        "cells": [
            {
                "arch": cell.row.arch,
                "method": cell.row.method,
                "metric": cell.metric,
                "old": cell.old,
                "new": cell.new,
                "difference": cell.difference,
                "tolerance": cell.tolerance,
                "verdict": str(cell.verdict),
            }
            for cell in comparison.cells
        ],
        "mismatches": [str(mismatch) for mismatch in comparison.mismatches],
        "failures": list(comparison.failures),
    }


_WHAT_TO_DO = "If the change is intended, run compare again with --update."


def print_terminal(comparison: ResultComparison) -> None:
    """The changed figures as a table of 80 columns, with a summary."""
    console = Console(highlight=False)
    for mismatch in comparison.mismatches:
        console.print(str(mismatch), markup=False)
    if comparison.changed:
        console.print(_terminal_table(comparison.changed))
    for line in summary_lines(comparison):
        console.print(line, markup=False)


def _terminal_table(cells: Sequence[ComparedCell]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, 1, 0, 0))
    table.add_column("row", overflow="fold")
    numbers = HEADINGS[_FIGURES]
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in numbers else "left", no_wrap=True)
    for cell in cells:
        style = "red" if cell.verdict in FAILURES else None
        table.add_row(str(cell.row), *_entries(cell), style=style)
    return table


def markdown_of(comparison: ResultComparison, baseline: Path, new: Path) -> str:
    """A heading, the changed figures as a table, and a summary."""
    heading = (
        "Figures outside their tolerance" if comparison.failures else "Figures as in the baseline"
    )
    paragraphs = [f"### {heading}", f"Baseline `{baseline}`, new `{new}`."]
    if comparison.mismatches:
        listed = (f"- **{_escaped(str(mismatch))}**" for mismatch in comparison.mismatches)
        paragraphs.append("\n".join(listed))
    if comparison.changed:
        paragraphs.append(_markdown_table(comparison.changed))
    return "\n\n".join([*paragraphs, *map(_escaped, summary_lines(comparison))]) + "\n"


def _markdown_table(cells: Sequence[ComparedCell]) -> str:
    names = ("arch", "method", *HEADINGS)
    numbers = HEADINGS[_FIGURES]
    rules = ("--:" if name in numbers else "---" for name in names)
    lines = [markdown_line(names), f"|{'|'.join(rules)}|"]
    for cell in cells:
        *entries, verdict = _entries(cell)
        emphasised = f"**{verdict}**" if cell.verdict in FAILURES else verdict
        arch, method = _escaped(cell.row.arch), _escaped(cell.row.method)
        lines.append(markdown_line((arch, method, *entries, emphasised)))
    return "\n".join(lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _entries(cell: ComparedCell) -> tuple[str, ...]:
    """The entry for each of `HEADINGS`."""
    return (
        cell.metric,
        percent_text(cell.old),
        percent_text(cell.new),
        "" if cell.difference is None else f"{cell.difference:+.3f}",
        f"{cell.tolerance:g}",
        str(cell.verdict),
    )


def summary_lines(comparison: ResultComparison) -> list[str]:
    """How many figures are the same, which are missing, and the outcome."""
    same = len(comparison.cells) - len(comparison.changed)
    lines = [f"{same} of {len(comparison.cells)} cells are the same."]
    empty = comparison.without_figure
    if empty:
        named = ", ".join(f"{cell.row} {cell.metric}" for cell in empty)
        lines.append(f"Of these, without a figure in either result: {named}.")
    failures = len(comparison.failures)
    if not failures:
        return [
            *lines,
            "No difference exceeds its tolerance (percentage points, or the metric's unit).",
        ]
    return [*lines, f"{failures} {'failure' if failures == 1 else 'failures'}."]
