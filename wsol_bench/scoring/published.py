"""The paper's figures, to stand beside ours where the protocol is the same."""

import csv
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One row of Table 1 of the Grad-CAM paper, errors in per cent.

    Attributes:
        arch: the arch of ours that carries the row; CAM's rows are on CAM nets.
        method: our name of the method.
        protocol: the protocol that the figures fit.
        figures: metric -> error in per cent.
        note: what is known of where the figures come from.
    """

    arch: str
    method: str
    protocol: str
    figures: dict[str, float]
    note: str


def table1() -> tuple[PaperRow, ...]:
    """The eight rows, in the paper's order."""
    text = (
        resources.files("wsol_bench.scoring")
        .joinpath("paper_table1.csv")
        .read_text(encoding="utf-8")
    )
    rows = csv.DictReader(text.splitlines())
    metrics = ("top1_cls", "top5_cls", "top1_loc", "top5_loc")
    return tuple(
        PaperRow(
            row["arch"],
            row["method"],
            row["protocol"],
            {metric: float(row[metric]) for metric in metrics},
            row["note"],
        )
        for row in rows
    )


def find_row(arch: str, method: str, protocol: str) -> PaperRow | None:
    """The paper's row for exactly this arch, method and protocol, or None."""
    for row in table1():
        if (row.arch, row.method, row.protocol) == (arch, method, protocol):
            return row
    return None
