"""Output of `score` and `ablate`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.ablation import Variant, ablate
from wsol_bench.analysis.rescore import rescore
from wsol_bench.analysis.threshold_sweep import SweptRow, sweep_run
from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import is_ilsvrc
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, Protocol
from wsol_bench.protocols.overrides import resolve
from wsol_bench.records.opened_run import open_parts, own_protocol
from wsol_bench.records.result import Result, Row
from wsol_bench.records.table import unreadable_in
from wsol_bench.report.exports.devkit import read_predictions, score_predictions
from wsol_bench.report.tables.result import print_result, unreadable_line
from wsol_bench.scoring.ilsvrc import LOCALIZATION, METRIC_TITLES


@dataclass(frozen=True, slots=True)
class PredictionFiles:
    """Input for scoring a prediction file.

    Attributes:
        predictions: a file in the devkit's format.
        data: the images' folder or tar.
        class_map: "WNID id" lines; default: ILSVRC's own.
        blacklist: 1-based indices that localization errors exclude, or None.
        limit: at most this many images; default: all.
        allow_missing: continue if annotated images are absent.
    """

    predictions: Path
    data: Path
    class_map: Path | None
    blacklist: Path | None
    limit: int | None
    allow_missing: bool


def print_score(
    path: Path,
    protocol: str | None,
    changes: tuple[str, ...],
    tune_on: Path | None,
    *,
    as_json: bool,
) -> None:
    """Prints a run's result under a protocol on stdout; default: the run's own.

    Raises:
        UsageError, DataError: see `rescore` and `sweep_run`.
    """
    parts = open_parts(path)
    wanted = own_protocol(parts[0])
    if protocol is not None or changes:
        wanted = resolve(protocol or wanted.name.partition(" (")[0], changes)
    if wanted.sweep:
        rows = sweep_run(parts, wanted, open_parts(tune_on) if tune_on else ())
        unread = unreadable_in(parts[0].table)
        if as_json:
            print(swept_json(rows, wanted, unread))
            return
        console = Console()
        console.print(swept_table(rows, wanted))
        if unread:
            console.print(unreadable_line(unread), highlight=False, markup=False)
        return
    if tune_on is not None:
        raise UsageError("--tune-on: only for a protocol that sweeps, such as maxboxacc.")
    result = rescore(parts, wanted)
    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print_result(result)


def swept_table(rows: Sequence[SweptRow], protocol: Protocol) -> Table:
    """Percentage of right boxes at the fixed, the tuned and the best threshold."""
    table = Table(
        title=f"{protocol.name}, n = {rows[0].curve.n:,}: images right, in %",
        caption="oracle: best threshold on the scored images, which uses their ground truth",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("method")
    for heading in ("fixed", "tuned", "oracle", "oracle's thresholds"):
        table.add_column(heading, justify="right")
    for row in rows:
        best = ", ".join(f"{threshold:.3f}" for threshold in row.oracle.thresholds)
        tuned = f"{row.tuned.percent_right:.2f}" if row.tuned else "–"
        fixed, oracle = (f"{each.percent_right:.2f}" for each in (row.fixed, row.oracle))
        table.add_row(row.title, fixed, tuned, oracle, best)
    return table


def swept_json(rows: Sequence[SweptRow], protocol: Protocol, unreadable: Sequence[str]) -> str:
    """The figures, the curves and the ids of unreadable images as one JSON object."""
    figures = [
        {
            "method": row.method,
            **{
                str(figure.choice): {
                    "percent_right": figure.percent_right,
                    "thresholds": list(figure.thresholds),
                }
                for figure in (row.fixed, row.tuned, row.oracle)
                if figure
            },
            "curve": {
                "thresholds": row.curve.thresholds.tolist(),
                "ious": list(row.curve.ious),
                "right": row.curve.right.tolist(),
            },
        }
        for row in rows
    ]
    content = {
        "schema": 1,
        "protocol": protocol.name,
        "n": rows[0].curve.n,
        "rows": figures,
        "unreadable": list(unreadable),
    }
    return json.dumps(content)


def print_predictions(
    files: PredictionFiles, protocol: str | None, changes: tuple[str, ...], *, as_json: bool
) -> None:
    """Prints the errors of a prediction file on stdout.

    Raises:
        DataError, UsageError: a file is missing or bad; names it.
    """
    wanted = resolve(protocol or DEFAULT_PROTOCOL, changes)
    dataset = open_dataset(files.data, limit=files.limit, allow_missing=files.allow_missing)
    ids = devkit_ids(dataset.class_ids, files.class_map)
    guesses = read_predictions(files.predictions, ids)
    blacklist = read_blacklist(files.blacklist) if files.blacklist else frozenset()
    errors = score_predictions(guesses, dataset.examples, wanted, blacklist)
    name = files.predictions.name
    result = Result(
        arch="predictions",
        weights=name,
        dataset=dataset.name,
        protocol=wanted.name,
        summary=wanted.summary,
        n=len(dataset.examples),
        rows=(Row("predictions", name, "predictions", name, errors),),
        not_applicable={},
        map_states={},
        seconds=0.0,
        is_ilsvrc=is_ilsvrc(dataset),
    )
    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print_result(result)


def print_ablation(path: Path) -> None:
    """Prints one table per method on stdout: errors, and their differences from the run's own.

    Raises:
        DataError: the run kept no maps.
    """
    parts = open_parts(path)
    found = list(ablate(parts))
    console = Console()
    own = own_protocol(parts[0])
    console.print(f"{path}: {own.name}, n = {parts[0].identity.images:,}", highlight=False)
    for part in parts:
        for row in part.rows:
            if part.has_map(row["method"]):
                console.print(_ablation_table(row["title"], row["method"], found))


def _ablation_table(title: str, method: str, variants: list[Variant]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("choice")
    table.add_column("value")
    for metric in LOCALIZATION:  # classification does not depend on boxes
        table.add_column(METRIC_TITLES[metric], justify="right")
    base = next(variant.result for variant in variants if variant.is_own)
    before = ""
    for variant in variants:
        cells = [_moved(variant, base, method, metric) for metric in LOCALIZATION]
        choice = variant.choice if variant.choice != before else ""
        before = variant.choice
        table.add_row(choice, variant.value, *cells, style="bold" if variant.is_own else None)
    return table


def _moved(variant: Variant, base: Result, method: str, metric: str) -> str:
    now, own = (
        next(getattr(row.errors, metric).percent for row in result.rows if row.method == method)
        for result in (variant.result, base)
    )
    return f"{now:.2f}" if variant.is_own else f"{now:.2f} {now - own:+6.2f}"
