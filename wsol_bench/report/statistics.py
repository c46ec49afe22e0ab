"""What `pairs` and `breakdown` print: what a table's rows differ by, and where they fail."""

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from wsol_bench.breakdown import Group, by_box_count, by_box_size, by_class
from wsol_bench.errors import find
from wsol_bench.failures import FailureKind, count_failures
from wsol_bench.paired import PairedRow, compare_all
from wsol_bench.paired_table import print_comparisons
from wsol_bench.rescore import Part, open_parts, own_protocol

_WORST = 10
"""How many classes are shown."""

_SHOWN = ("top1_cls", "top1_loc", "top5_loc", "gt_known_loc")


def print_pairs(paths: Iterable[Path], metric: str) -> None:
    """Prints the paired difference of every two rows of one run or several.

    Raises:
        DataError, UsageError: a run is not there, or they are of other images.
    """
    opened = [(path, open_parts(path)) for path in paths]
    several = len(opened) > 1
    rows = [
        PairedRow(
            f"{path.name} {row['method']}" if several else _name(part, row),
            part.of(row["method"]),
            row["method"],
            own_protocol(part),
        )
        for path, parts in opened
        for part in parts
        for row in part.rows
    ]
    order = [method for _, parts in opened for method in parts[0].order]
    rows.sort(key=lambda row: order.index(row.method))
    print_comparisons(compare_all(rows, metric))


def print_breakdown(path: Path, method: str) -> None:
    """Prints one method's errors by box size and number, and how its boxes fail.

    Raises:
        UsageError: the run has no such method.
        DataError: no run lies there.
    """
    carriers = {method: part for part in open_parts(path) for method in part.methods}
    part = find("method of this run", method, carriers)
    protocol, table = own_protocol(part), part.of(method)
    console = Console()
    for title, groups in (
        ("by area share of the largest true box", by_box_size(table, method, protocol)),
        ("by number of true boxes", by_box_count(table, method, protocol)),
    ):
        console.print(_group_table(title, groups))
    classes = part.folder.manifest()["class_names"]
    seen = [each for each in by_class(table, method, protocol, classes) if each.errors.top1_loc.n]
    worst = sorted(seen, key=_share_wrong, reverse=True)
    title = f"the {min(_WORST, len(worst))} worst classes of {len(worst)}"
    console.print(_group_table(title, worst[:_WORST]))
    console.print(_kind_table(count_failures(table, method, protocol), len(table)))


def _share_wrong(group: Group) -> float:
    return group.errors.top1_loc.percent


def _name(part: Part, row: dict[str, str]) -> str:
    own = len({part.identity["arch"], row["arch"]}) == 1
    return row["method"] if own else f"{row['method']} ({row['arch']})"


def _group_table(title: str, groups: Iterable[Group]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("group", "images", "top-1 cls", "top-1 loc", "top-5 loc", "GT-known loc"):
        table.add_column(heading, justify="left" if heading == "group" else "right", no_wrap=True)
    for group in groups:
        figures = (getattr(group.errors, metric).percent for metric in _SHOWN)
        images = f"{group.errors.top1_cls.n:,}"
        table.add_row(group.name, images, *(f"{figure:.2f}" for figure in figures))
    return table


def _kind_table(kinds: dict[FailureKind, int], images: int) -> Table:
    table = Table(title="what became of each image", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("kind")
    table.add_column("images", justify="right")
    table.add_column("%", justify="right")
    for kind, count in kinds.items():
        table.add_row(str(kind), f"{count:,}", f"{100 * count / images:.1f}")
    return table
