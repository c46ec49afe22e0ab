"""Every row of the paper's Table 1, each under the protocol that fits its figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wsol_bench.errors import DataError
from wsol_bench.records.result import Row
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.scoring.intervals import MAX_HALF_WIDTH, Interval
from wsol_bench.scoring.published import PaperRow, table1
from wsol_bench.settings import RunSettings

WEIGHTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "vgg16": ("VGG_ILSVRC_16_layers.caffemodel",),
        "vgg16_cam": ("vgg16CAM_train_iter_90000.caffemodel",),
        "alexnet": ("bvlc_alexnet.caffemodel",),
        "googlenet": ("bvlc_googlenet.caffemodel",),
    }
)
"""The names under which the nets that the paper used are handed round."""


@dataclass(frozen=True, slots=True)
class ComparedError:
    """One figure of the paper and ours.

    Attributes:
        metric: which error.
        paper: per cent.
        ours: per cent, or None where the row was not run.
        interval: our 95 % interval, or None.
    """

    metric: str
    paper: float
    ours: float | None
    interval: Interval | None

    @property
    def verdict(self) -> str:
        """Whether the paper's figure lies in our interval, where that is narrow enough to tell."""
        if self.interval is None:
            return "not run"
        if self.interval.half_width > MAX_HALF_WIDTH:
            return "too few images to tell"
        return "within the interval" if self.paper in self.interval else "outside the interval"


@dataclass(frozen=True, slots=True)
class RemadeRow:
    """One row of the table, remade or not.

    Attributes:
        paper: the row as published.
        cells: its four figures beside ours.
        n: images, 0 where it was not run.
        reason: why it was not run, or "".
        unreadable: ids of images that could not be read and count as wrong.
    """

    paper: PaperRow
    cells: tuple[ComparedError, ...]
    n: int
    reason: str
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "arch": self.paper.arch,
            "method": self.paper.method,
            "protocol": self.paper.protocol,
            "n": self.n,
            "reason": self.reason,
            "unreadable": list(self.unreadable),
            "note": self.paper.note,
            "cells": {
                cell.metric: {
                    "paper": cell.paper,
                    "ours": cell.ours,
                    "ci": [cell.interval.low, cell.interval.high] if cell.interval else None,
                    "difference": None if cell.ours is None else cell.ours - cell.paper,
                    "verdict": cell.verdict,
                }
                for cell in self.cells
            },
        }


def remake(settings: RunSettings, weights_folder: Path, *, quiet: bool) -> Iterator[RemadeRow]:
    """Runs every row whose weights are there; finished runs are kept.

    Args:
        settings: data, device and the like; `out` is the folder of all runs. Arch,
            weights, methods and protocol are the row's.
        weights_folder: holds files of the names in `WEIGHTS`.
        quiet: say nothing on stderr.

    Raises:
        DataError: none of the weights are there.
    """
    found = {arch: _find(weights_folder, names) for arch, names in WEIGHTS.items()}
    if not any(found.values()):
        known = ", ".join(name for names in WEIGHTS.values() for name in names)
        raise DataError(f"--weights-dir {weights_folder}: holds none of {known}.")
    for (arch, protocol), group in groupby(table1(), key=lambda row: (row.arch, row.protocol)):
        rows = list(group)
        path = found[arch]
        if path is None:
            reason = f"no {WEIGHTS[arch][0]} in {weights_folder}"
            yield from (_not_run(row, reason) for row in rows)
            continue
        yield from _run(settings, rows, arch, path, protocol, quiet)


def _run(
    settings: RunSettings,
    rows: list[PaperRow],
    arch: str,
    weights: Path,
    protocol: str,
    quiet: bool,
) -> Iterator[RemadeRow]:
    (result,) = evaluate(
        replace(
            settings,
            arch=arch,
            weights=f"caffe:{weights}",
            protocol=protocol,
            methods=(*(row.method for row in rows), "center"),
            out=settings.out and settings.out / f"{arch}-{protocol}",
        ),
        quiet=quiet,
    )
    ours = {row.method: row for row in result.rows}
    for row in rows:
        if row.method in ours:
            cells = tuple(_cells(row, ours[row.method]))
            yield RemadeRow(row, cells, result.n, "", result.unreadable)
        else:
            yield _not_run(row, result.not_applicable[row.method])


def _cells(paper: PaperRow, ours: Row) -> Iterator[ComparedError]:
    for metric, figure in paper.figures.items():
        measured = ours.figures[metric]
        yield ComparedError(metric, figure, measured.value, measured.interval)


def _not_run(row: PaperRow, reason: str) -> RemadeRow:
    cells = tuple(
        ComparedError(metric, figure, None, None) for metric, figure in row.figures.items()
    )
    return RemadeRow(row, cells, 0, reason)


def _find(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)
