"""Rows measured shard by shard, so that memory does not grow with the number of images.

A metric that is computed from each image's own record is measured on one shard after another. Any
other metric, such as one that pools the maps of all images, gets the whole row as one piece.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

import pyarrow as pa

from wsol_bench.analysis.paired import PairedRow
from wsol_bench.analysis.row_data import row_data
from wsol_bench.analysis.row_images import RowImages
from wsol_bench.errors import DataError
from wsol_bench.records.opened_run import NetworkRecords, own_protocol
from wsol_bench.records.stated_figures import require_stated
from wsol_bench.records.table import SCORED
from wsol_bench.scoring.measured import Measured, joined
from wsol_bench.scoring.metric import BoundMetric, measure_all


def pieces_of(
    network: NetworkRecords, method: str, metrics: Sequence[BoundMetric]
) -> Iterator[pa.Table]:
    """A row's records in the order of the dataset: its shards, or all of them at once.

    Args:
        network: the network's records.
        method: the row.
        metrics: those that are to be measured.

    Raises:
        DataError: there are no records, or a shard is not the run's own.
    """
    if not all(bound.metric.by_image for bound in metrics):
        yield network.of(method)
        return
    empty = True
    for table in network.shards(method, SCORED):
        empty = False
        yield table
    if empty:
        raise DataError(f"{network.folder.path}: holds no records.")


def images_of(network: NetworkRecords) -> Callable[[], RowImages]:
    """Gives the images of a network's records, which its rows share; read once, when asked for."""

    @cache
    def images() -> RowImages:
        columns, first = ("image_id", "label"), network.methods[0]
        return RowImages.of(lambda: network.shards(first, columns))

    return images


def rows_to_pair(
    network: NetworkRecords, names: Mapping[str, str], metrics: Sequence[BoundMetric]
) -> list[PairedRow]:
    """The rows of a network, for paired comparisons with others under some metrics.

    Args:
        network: the network's records.
        names: row -> its name in messages and tables.
        metrics: the requested ones, measured in one pass over a row's records.
    """
    images = images_of(network)

    @cache
    def figures(method: str) -> dict[str, Measured]:
        return measured_in_pieces(network, method, metrics)

    def row(method: str) -> PairedRow:
        return PairedRow(names[method], images, lambda each: figures(method).get(each.name))

    return [row(method) for method in network.methods]


def measured_in_pieces(
    network: NetworkRecords, method: str, metrics: Sequence[BoundMetric]
) -> dict[str, Measured]:
    """A row's figures under the protocol of its run, for every metric that applies to it."""
    protocol, found = own_protocol(network), dict[str, list[Measured]]()
    for table in pieces_of(network, method, metrics):
        for name, figure in measure_all(
            metrics, row_data(network, method, table), protocol
        ).items():
            found.setdefault(name, []).append(figure)
    figures = {name: joined(pieces) for name, pieces in found.items()}
    row = next(row for row in network.rows if row["method"] == method)
    require_stated(network.folder, row, figures)
    return figures
