"""Published tables: figures of papers that ours are compared with, as TOML files.

A table names its datasets and has rows: a network and a method on one of the datasets, the
protocol under which we measure it, and the published figures.

    title = "Table 1 of Grad-CAM (ICCV 2017)"
    source = "Selvaraju et al. 2017, Table 1"

    [data.ilsvrc]
    title = "ILSVRC validation set"
    images = 50_000

    [[rows]]
    network = "GoogLeNet"                            # as the paper names it
    arch = "googlenet"                               # what --arch takes
    weights = "caffe:DIR/bvlc_googlenet.caffemodel"  # what --weights takes; DIR is --weights-dir
    method = "cam"                                   # what --methods takes
    data = "ilsvrc"
    protocol = "cam-cvpr16"
    figures = { top1_loc = 60.09, top5_loc = 49.34 } # metric -> published figure

A row may state a `note`, and with `needs` why it cannot be run here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec

from wsol_bench.errors import DataError, unknown_name

TABLES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam-table1": "gradcam-table1.toml",
        "cam-table2": "cam-table2.toml",
        "choe2020": "choe2020.toml",
        "pointing": "pointing.toml",
    }
)
"""Name -> file in the folder `tables`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One row of a published table.

    Attributes:
        network: as the paper names it.
        method: a spec of ours, or the name of a method that we do not have.
        data: a dataset of the table.
        protocol: under which the row is measured.
        figures: metric with its options -> published figure, in the metric's unit.
        arch, weights: specs of ours; empty if there is no such network here. `DIR/` in
            `weights` stands for the folder of weights.
        baseline: "centre-square" for the best centred square, found from boxes alone.
        needs: what is missing to run it, or empty.
        note: on the origin of the figures.
    """

    network: str
    method: str
    data: str
    protocol: str
    figures: dict[str, float]
    arch: str = ""
    weights: str = ""
    baseline: Literal["", "centre-square"] = ""
    needs: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedData:
    """A dataset of a published table: its title and number of images."""

    title: str
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """A published table.

    Attributes:
        title: of the table.
        source: where the figures were read.
        data: name -> dataset.
        rows: in the paper's order.
        note: what a reader must know.
    """

    title: str
    source: str
    rows: tuple[PublishedRow, ...]
    data: dict[str, PublishedData] = field(default_factory=dict)
    note: str = ""


@cache
def published_table(name: str) -> PublishedTable:
    """A table of the package, or of a TOML file of one's own.

    Raises:
        UsageError: there is no such table.
        DataError: the file cannot be read or is no table; names the entry.
    """
    if name in TABLES:
        folder = resources.files("wsol_bench.scoring").joinpath("tables")
        return _parsed(folder.joinpath(TABLES[name]).read_text(encoding="utf-8"), name)
    if not name.endswith(".toml"):
        raise unknown_name("table", name, TABLES, "a TOML file (docs/how-to/reproduce-a-table.md)")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: cannot be read ({error}). Expected a TOML file.") from error
    return _parsed(text, name)


def _parsed(text: str, name: str) -> PublishedTable:
    try:
        table = msgspec.convert(tomllib.loads(text), PublishedTable)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise DataError(
            f"{name}: no table of published figures ({error}). Expected title, source, [data.NAME] "
            "and [[rows]]; see docs/how-to/reproduce-a-table.md."
        ) from error
    for row in table.rows:
        if row.data not in table.data:
            known = ", ".join(table.data) or "none"
            raise DataError(f"{name}: a row has data = {row.data!r}. Known: {known}.")
    return table


def table1() -> tuple[PublishedRow, ...]:
    """The eight rows of the Grad-CAM paper, in its order."""
    return published_table("gradcam-table1").rows


def find_row(arch: str, method: str, protocol: str) -> PublishedRow | None:
    """The Grad-CAM paper's row for exactly this arch, method and protocol, or None."""
    for row in table1():
        if (row.arch, row.method, row.protocol) == (arch, method, protocol):
            return row
    return None
