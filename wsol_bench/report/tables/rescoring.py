"""Output of `score` and `ablate`."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, get_args

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.ablation import Variant, ablate
from wsol_bench.analysis.rescore import passes_over_maps, rescore
from wsol_bench.analysis.tuning import TuneOn, open_tuning
from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.overrides import changed_by_file, resolve, with_changes
from wsol_bench.records.opened_run import (
    NetworkRecords,
    open_networks,
    own_protocol,
    run_folders,
)
from wsol_bench.records.result import Result, to_json
from wsol_bench.report.tables.result import print_result
from wsol_bench.runtime.progress import Progress, progress
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import (
    BoundMetric,
    Metric,
    require_read,
)


def print_score(
    path: Path,
    protocol: str | None,
    changes: tuple[str, ...],
    tune_on: Path | None,
    metrics: Sequence[BoundMetric] = (),
    *,
    as_json: bool,
) -> None:
    """Prints a run's result under a protocol on stdout; default: the run's own.

    Args:
        path: the run's folder.
        protocol: a name or a TOML file, or None.
        changes: FIELD=VALUE texts.
        tune_on: another run or a table of pseudo-boxes, on which thresholds are chosen, or None.
        metrics: those to measure; default: the protocol's, and with `tune_on` each of them
            that can be tuned also at the tuned threshold.
        as_json: print one JSON object instead of the table.

    Raises:
        UsageError, DataError: see `rescore`; or a change that no metric reads.
    """
    results = []
    for folder in run_folders(path):
        networks = open_networks(folder)
        wanted = protocol_for(networks[0], protocol, changes)
        asked = tuple(metrics) or metrics_of(wanted)
        if tune_on is not None:
            asked = with_tuned(asked)
        for where, names in changed_fields(protocol, changes):
            require_read(names, asked, where)
        other: TuneOn = open_tuning(tune_on, networks) if tune_on else ()
        with _over_maps(folder, passes_over_maps(networks, [wanted], asked)) as advance:
            results.append(rescore(networks, wanted, asked, other, advance=advance))
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
        return
    for result in results:
        print_result(result)


def _over_maps(folder: Path, passes: int) -> AbstractContextManager[Progress]:
    """The progress of this number of passes over a map, on stderr."""
    return progress(f"Scoring {folder.name}", passes, unit="maps", brief=True)


def protocol_for(
    network: NetworkRecords, protocol: str | None, changes: tuple[str, ...]
) -> Protocol:
    """The protocol to score a run under: its own where none is named, with fields replaced."""
    if protocol is not None:
        return resolve(protocol, changes)
    return with_changes(own_protocol(network), changes)


def with_tuned(metrics: Sequence[BoundMetric]) -> tuple[BoundMetric, ...]:
    """The metrics, and after each group of one that can be tuned, its tuned form.

    Raises:
        UsageError: none of them can be tuned.
    """
    tuned = {
        each.name: each for each in (_tuned(bound.metric) for bound in metrics) if each is not None
    }
    if not tuned:
        names = ", ".join(bound.name for bound in metrics)
        raise UsageError(
            f"--tune-on: none of the requested metrics ({names}) has a threshold to tune. "
            "Request one that has, such as --metrics max_box_acc."
        )
    return tuple({each.name: each for each in (*metrics, *tuned.values())}.values())


def _tuned(metric: Metric) -> BoundMetric | None:
    parameter = metric.options.get("threshold")
    if parameter is None or "tuned" not in get_args(parameter.annotation):
        return None
    return metric.bind({"threshold": "tuned"})


def changed_fields(protocol: str | None, changes: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(what set them, the fields of a protocol that the user set), for messages."""
    of_file = list(changed_by_file(protocol))
    of_flags = [change.partition("=")[0].strip() for change in changes]
    return [(f"--protocol {protocol}:", of_file), ("--set", of_flags)]


def print_ablation(
    path: Path, metrics: Sequence[BoundMetric] = (), *, as_json: bool = False
) -> None:
    """Prints one table per row on stdout: figures, and by how much they moved.

    Args:
        path: the run's folder.
        metrics: those to measure; default: the protocol's that read the box rule.
        as_json: print one JSON object instead: a result per choice and value.

    Raises:
        DataError: the run kept no maps.
    """
    folders = run_folders(path)
    if as_json:
        objects = [_ablation_json(folder, metrics) for folder in folders]
        print(json.dumps({"schema": 1, "runs": objects}, ensure_ascii=False))
        return
    for folder in folders:
        _print_ablation(folder, metrics)


def _ablation_json(path: Path, metrics: Sequence[BoundMetric]) -> dict[str, Any]:
    networks = open_networks(path)
    variants = [
        {
            "choice": variant.choice,
            "value": variant.value,
            "is_own": variant.is_own,
            "rows": [
                row.to_json(variant.result.columns)
                for row in variant.result.rows
                if any(row.method in each.methods and each.has_map(row.method) for each in networks)
            ],
        }
        for variant in ablate(networks, metrics, partial(_over_maps, path))
    ]
    own = own_protocol(networks[0])
    return {"run": path.name, "protocol": own.name, "variants": variants}


def _print_ablation(path: Path, metrics: Sequence[BoundMetric]) -> None:
    networks = open_networks(path)
    found = ablate(networks, metrics, partial(_over_maps, path))
    console = Console()
    own = own_protocol(networks[0])
    console.print(f"{path}: {own.name}, n = {networks[0].identity.images:,}", highlight=False)
    for network in networks:
        for row in network.rows:
            if network.has_map(row["method"]):
                console.print(_ablation_table(row["title"], row["method"], found))


def _ablation_table(title: str, method: str, variants: list[Variant]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("choice")
    table.add_column("value")
    base = next(variant.result for variant in variants if variant.is_own)
    for metric in base.columns:
        table.add_column(metric.heading, justify="right")
    before = ""
    for variant in variants:
        cells = [_moved(variant, base, method, metric.name) for metric in base.columns]
        choice = variant.choice if variant.choice != before else ""
        before = variant.choice
        table.add_row(choice, variant.value, *cells, style="bold" if variant.is_own else None)
    return table


def _moved(variant: Variant, base: Result, method: str, metric: str) -> str:
    now, own = (
        next(row.figures.get(metric) for row in result.rows if row.method == method)
        for result in (variant.result, base)
    )
    if now is None or now.value is None or own is None or own.value is None:
        return "n/a"
    return (
        f"{now.value:.2f}" if variant.is_own else f"{now.value:.2f} {now.value - own.value:+6.2f}"
    )
