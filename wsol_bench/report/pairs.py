"""What `pairs` prints: the paired differences of the rows of a run, or of several."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wsol_bench.analysis.paired import PairedRow, compare_all
from wsol_bench.analysis.rescore import Part, open_parts, own_protocol
from wsol_bench.report.tables.pairs import print_comparisons


def print_pairs(paths: Sequence[Path], metric: str) -> None:
    """Prints the paired difference of every two rows of one run or several.

    Raises:
        DataError, UsageError: a run is not there, or they are of other images.
    """
    opened = list(zip(_labels(paths), map(open_parts, paths), strict=True))
    rows = [
        PairedRow(
            f"{label}{_title(row, parts[0])}",
            part.of(row["method"]),
            row["method"],
            own_protocol(part),
        )
        for label, parts in opened
        for part in parts
        for row in part.rows
    ]
    order = [method for _, parts in opened for method in parts[0].order]
    rows.sort(key=lambda row: order.index(row.method))
    print_comparisons(compare_all(rows, metric))


def _labels(paths: Sequence[Path]) -> list[str]:
    """What tells the rows of one run from those of another: nothing where there is one."""
    if len(paths) == 1:
        return [""]
    names = [path.name for path in paths]
    alike = len(set(names)) < len(names)
    return [f"{path if alike else path.name} " for path in paths]


def _title(row: Mapping[str, str], main: Part) -> str:
    own = row["arch"] == main.identity["arch"]
    return row["title"] if own else f"{row['title']} ({row['arch']})"
