"""What metrics are given of one row of an opened run: its records and its kept maps."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.records.opened_run import NetworkRecords, joined_maps
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.row_data import RowData


def row_data(
    network: NetworkRecords,
    method: str,
    table: pa.Table | None = None,
    tuned_on: RowData | None = None,
) -> RowData:
    """The records of a row and, where its method makes some, its maps.

    Args:
        network: the network's records.
        method: the row.
        table: the row's records under another protocol; default: as they are kept.
        tuned_on: the same row of the run that thresholds are tuned on.
    """
    row = outcomes_of(network.of(method) if table is None else table, method)
    if not network.has_map(method):
        return replace(row, tuned_on=tuned_on)
    return replace(row, open_maps=lambda: _kept_maps(network, method), tuned_on=tuned_on)


def _kept_maps(network: NetworkRecords, method: str) -> Iterator[NDArray[np.float32]]:
    if not network.identity.keep_maps:
        raise DataError(
            f"{network.folder.path}: a metric asked for needs the maps, and none are kept. "
            "Run again with --keep-maps."
        )
    return joined_maps(network, method)
