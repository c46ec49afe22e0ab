"""The data of one row of a run for metrics: its records, columns, maps and masks."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.errors import DataError
from wsol_bench.records.manifest import Manifest
from wsol_bench.records.opened_run import NetworkRecords, joined_map, window_of
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.row_data import RowData


def row_data(
    network: NetworkRecords,
    method: str,
    table: pa.Table | None = None,
    tuned_on: RowData | None = None,
) -> RowData:
    """The records of a row of an opened run and, where its method makes some, its maps.

    Args:
        network: the network's records.
        method: the row.
        table: the row's records under another protocol; default: as they are kept.
        tuned_on: the same row of the run that thresholds are tuned on.
    """
    records = network.of(method) if table is None else table
    return replace(row_of(network.folder, network.manifest, method, records), tuned_on=tuned_on)


def row_of(folder: RunFolder, manifest: Manifest, name: str, table: pa.Table) -> RowData:
    """The records of a row of any run's folder; maps, masks and columns are opened on request.

    Args:
        folder: of the run.
        manifest: its own.
        name: of the row.
        table: the row's records.
    """
    row = manifest.row(name)
    identity = manifest.identity
    found = replace(
        outcomes_of(table, name),
        open_column=lambda column: folder.read_column(name, column),
        kept_columns=frozenset(identity.columns),
        window=partial(window_of, identity),
        class_ids=manifest.class_ids,
        corners=manifest.data.corners,
    )
    if manifest.data.has_masks:
        from wsol_bench.analysis.run_images import run_masks  # every layout: slow to import

        found = replace(found, open_masks=lambda: run_masks(manifest, table))
    if row is None or not row.makes_map:
        return found
    return replace(found, open_maps=lambda: _kept_maps(folder, manifest, name))


def _kept_maps(folder: RunFolder, manifest: Manifest, name: str) -> Iterator[NDArray[np.float32]]:
    if not manifest.identity.keep_maps:
        raise DataError(
            f"{folder.path}: a requested metric needs the maps, and none are kept. "
            "Run again with --keep-maps, or with --metrics and its name."
        )
    return (joined_map(manifest.identity, maps) for maps in folder.read_maps(name))
