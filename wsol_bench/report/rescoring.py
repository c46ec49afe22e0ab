"""What `score` and `ablate` print."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.ablation import Variant, ablate
from wsol_bench.changes import resolve
from wsol_bench.rescore import open_parts, own_protocol, rescore
from wsol_bench.result import Result

_SHOWN = ("top1_loc", "top5_loc", "gt_known_loc")
"""Classification does not depend on boxes."""


def score_run(path: Path, protocol: str | None, changes: tuple[str, ...]) -> Result:
    """A run's result under a protocol; its own where none is named.

    Raises:
        UsageError, DataError: see `rescore`.
    """
    parts = open_parts(path)
    if protocol is None and not changes:
        return rescore(parts, own_protocol(parts[0]))
    name = protocol or own_protocol(parts[0]).name.partition(" (")[0]
    return rescore(parts, resolve(name, changes))


def print_ablation(path: Path) -> None:
    """Prints one table per method on stdout: errors, and by how much they moved.

    Raises:
        DataError: the run kept no maps.
    """
    parts = open_parts(path)
    found = list(ablate(parts))
    console = Console()
    own = own_protocol(parts[0])
    console.print(f"{path}: {own.name}, n = {parts[0].identity['images']:,}", highlight=False)
    for part in parts:
        for row in part.rows:
            if part.has_map(row["method"]):
                console.print(_ablation_table(row["title"], row["method"], found))


def _ablation_table(title: str, method: str, variants: list[Variant]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("choice")
    table.add_column("value")
    for heading in ("top-1 loc", "top-5 loc", "GT-known loc"):
        table.add_column(heading, justify="right")
    base = next(variant.result for variant in variants if variant.is_own)
    before = ""
    for variant in variants:
        cells = [_moved(variant, base, method, metric) for metric in _SHOWN]
        choice = variant.choice if variant.choice != before else ""
        before = variant.choice
        table.add_row(choice, variant.value, *cells, style="bold" if variant.is_own else None)
    return table


def _moved(variant: Variant, base: Result, method: str, metric: str) -> str:
    now, own = (
        next(getattr(row.errors, metric).percent for row in result.rows if row.method == method)
        for result in (variant.result, base)
    )
    return f"{now:.2f}" if variant.is_own else f"{now:.2f} ({now - own:+.2f})"
