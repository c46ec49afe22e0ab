"""Output of `ablate`."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.analysis.ablation import Variant, ablate
from wsol_bench.records.opened_run import NetworkRecords, open_rows, own_protocol
from wsol_bench.records.result import Result
from wsol_bench.report.tables.rescoring import over_maps
from wsol_bench.scoring.metric import BoundMetric


def print_ablation(
    paths: Sequence[Path],
    metrics: Sequence[BoundMetric] = (),
    methods: Sequence[str] = (),
    *,
    as_json: bool = False,
) -> None:
    """Prints one table per row on stdout: figures, and by how much they moved.

    Args:
        paths: folders of runs.
        metrics: those to measure; default: the protocol's that read the box rule.
        methods: names of rows; default: all that make maps.
        as_json: print one JSON object instead: a result per choice and value.

    Raises:
        DataError: a run kept no maps.
        UsageError: no run has such a row.
    """
    runs = open_rows(paths, methods)
    if as_json:
        objects = [_ablation_json(networks, metrics) for networks in runs]
        print(json.dumps({"schema": 1, "runs": objects}, ensure_ascii=False))
        return
    for networks in runs:
        _print_ablation(networks, metrics)


def _ablation_json(
    networks: Sequence[NetworkRecords], metrics: Sequence[BoundMetric]
) -> dict[str, Any]:
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
        for variant in ablate(networks, metrics, partial(over_maps, networks))
    ]
    own = own_protocol(networks[0])
    return {"run": networks[0].folder.path.name, "protocol": own.name, "variants": variants}


def _print_ablation(networks: Sequence[NetworkRecords], metrics: Sequence[BoundMetric]) -> None:
    path = networks[0].folder.path
    found = ablate(networks, metrics, partial(over_maps, networks))
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
