"""A published table measured again, row by row, each under the protocol that it names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wsol_bench.analysis.centre_square import centre_square
from wsol_bench.analysis.rescore import rescore
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.named import folder_of
from wsol_bench.errors import UsageError
from wsol_bench.records.opened_run import open_networks, own_protocol
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.runtime.names import file_name
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.intervals import MAX_HALF_WIDTH, Interval
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.published import PublishedRow, PublishedTable
from wsol_bench.settings import RunSettings

WEIGHTS_FOLDER = "DIR/"
"""Stands in a row's weights for the folder that --weights-dir names."""


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """A published figure and ours.

    Attributes:
        metric: its name.
        published: in the metric's unit.
        ours: the same, or None if the row was not run.
        interval: our 95 % interval, or None.
    """

    metric: str
    published: float
    ours: float | None
    interval: Interval | None

    @property
    def verdict(self) -> str:
        """Whether the published figure lies in our interval, if that is narrow enough to decide."""
        if self.interval is None:
            return "not run"
        if self.interval.half_width > MAX_HALF_WIDTH:
            return "too few images to tell"
        return "within the interval" if self.published in self.interval else "outside the interval"


_NAMES = ("network", "arch", "method", "data", "protocol")
"""Fields of a published row that its JSON has."""


@dataclass(frozen=True, slots=True)
class ReproducedRow:
    """One row of a published table, measured or not.

    Attributes:
        published: the row as published.
        cells: its figures beside ours.
        n: examples, 0 if it was not run.
        reason: why it was not run, or "".
        unreadable: ids of images that could not be read and count as wrong.
    """

    published: PublishedRow
    cells: tuple[ComparedFigure, ...]
    n: int
    reason: str
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        row = self.published
        return {
            **{name: getattr(row, name) for name in _NAMES},
            "n": self.n,
            "reason": self.reason,
            "unreadable": list(self.unreadable),
            "note": row.note,
            "cells": {
                cell.metric: {
                    "published": cell.published,
                    "ours": cell.ours,
                    "ci": [cell.interval.low, cell.interval.high] if cell.interval else None,
                    "difference": None if cell.ours is None else cell.ours - cell.published,
                    "verdict": cell.verdict,
                }
                for cell in self.cells
            },
        }


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of the data, weights and runs of a table.

    Attributes:
        data: dataset of the table -> folder or tar.
        weights: the folder of weights, or None.
        runs: the folder of all runs.
    """

    data: Mapping[str, str]
    weights: Path | None
    runs: Path


def data_places(table: PublishedTable, given: Sequence[str]) -> dict[str, str]:
    """Dataset -> path, from texts NAME=PATH, or PATH if the table has one dataset to run.

    Raises:
        UsageError: a name is not known, or a path has none where the table has several.
    """
    runnable = dict.fromkeys(row.data for row in table.rows if not row.needs)
    found = {}
    for text in given:
        name, equals, path = text.partition("=")
        if equals and name in table.data:
            found[name] = path
        elif len(runnable) == 1:
            found[next(iter(runnable))] = text
        else:
            names = ", ".join(f"{each}=PATH" for each in runnable)
            raise UsageError(f"--data {text}: this table has several datasets. Expected {names}.")
    return found


def reproduce(
    table: PublishedTable, settings: RunSettings, places: Places, *, quiet: bool
) -> list[ReproducedRow]:
    """Measures every row whose data and weights are there; finished runs are kept.

    Rows of one network, dataset and protocol are those of one run, wherever they stand.

    Args:
        table: what was published.
        settings: device and the like; arch, weights, methods, data and protocol are the rows'.
        places: of data, weights and runs.
        quiet: print nothing on stderr.

    Returns:
        every row, in the table's order.

    Raises:
        WsolBenchError: see `evaluate`.
    """
    found: dict[int, ReproducedRow] = {}
    of_run: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(table.rows):
        if missing := _missing(row, table, places):
            found[at] = _not_run(row, missing)
        elif row.baseline:
            found[at] = _from_boxes(row, settings, places)
        else:
            of_run.setdefault((row.arch, row.weights, row.data, row.protocol), []).append(at)
    for members in of_run.values():
        rows = [table.rows[at] for at in members]
        found |= zip(members, _run(rows, settings, places, quiet), strict=True)
    return [found[at] for at in range(len(table.rows))]


def _missing(row: PublishedRow, table: PublishedTable, places: Places) -> str:
    """The missing requirement of a row, or ""."""
    if row.needs:
        return f"needs {row.needs}"
    data = table.data[row.data]
    if row.data not in places.data:
        return f"needs --data {row.data}=PATH: the {data.title}, {data.images:,} images"
    if not row.baseline and not row.arch:
        return f"needs a network {row.network}, which this package does not have"
    file = row.weights.partition(WEIGHTS_FOLDER)[2]
    if file and (places.weights is None or not (places.weights / file).is_file()):
        return f"needs {file} in --weights-dir"
    return ""


def _run(
    rows: Sequence[PublishedRow], settings: RunSettings, places: Places, quiet: bool
) -> Iterator[ReproducedRow]:
    """The rows of one run: one network on one dataset under one protocol."""
    first = rows[0]
    metrics = metrics_in(dict.fromkeys(metric for row in rows for metric in row.figures))
    parts = (first.arch, Path(first.weights).name, first.data, first.protocol)
    folder = places.runs / file_name("-".join(filter(None, parts)))
    (result,) = evaluate(
        replace(
            settings,
            arch=first.arch,
            weights=first.weights.replace(WEIGHTS_FOLDER, f"{places.weights}/"),
            data=places.data[first.data],
            protocol=first.protocol,
            methods=tuple(dict.fromkeys((*(row.method for row in rows), "center"))),
            keep_maps=any("maps" in bound.metric.needs for bound in metrics),
            out=folder,
        ),
        quiet=quiet,
    )
    networks = open_networks(folder)
    scored = rescore(networks, own_protocol(networks[0]), metrics)
    ours = {row.method: row.figures for row in scored.rows}
    for row in rows:
        if row.method in ours:
            cells = tuple(_cells(row, ours[row.method]))
            yield ReproducedRow(row, cells, result.n, "", result.unreadable)
        else:
            yield _not_run(row, result.not_applicable[row.method])


def _from_boxes(row: PublishedRow, settings: RunSettings, places: Places) -> ReproducedRow:
    dataset = open_dataset(
        folder_of(places.data[row.data], quiet=True),
        settings.layout,
        limit=settings.limit,
        allow_missing=True,
        images_needed=False,
    )
    metrics = metrics_in(row.figures)
    found = {bound.name: centre_square(dataset.examples, bound) for bound in metrics}
    return ReproducedRow(row, tuple(_cells(row, found)), len(dataset.examples), "")


def _cells(row: PublishedRow, ours: Mapping[str, Measured]) -> Iterator[ComparedFigure]:
    for bound, figure in zip(metrics_in(row.figures), row.figures.values(), strict=True):
        measured = ours[bound.name]
        yield ComparedFigure(bound.name, figure, measured.value, measured.interval)


def _not_run(row: PublishedRow, reason: str) -> ReproducedRow:
    cells = tuple(
        ComparedFigure(metric, figure, None, None) for metric, figure in row.figures.items()
    )
    return ReproducedRow(row, cells, 0, reason)
