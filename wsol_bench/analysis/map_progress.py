"""Counting the maps that scoring reads, to show its progress."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.opened_run import NetworkRecords
from wsol_bench.scoring.metric import BoundMetric
from wsol_bench.scoring.row_data import RowData

Advance = Callable[[int], object]
"""Called with 1 for each map."""

Maps = Iterator[NDArray[np.float32]]


def no_progress(maps: int) -> None:
    """Shows nothing."""


def maps_to_read(
    networks: Sequence[NetworkRecords], protocol: Protocol, metrics: Sequence[BoundMetric]
) -> int:
    """How many maps `rescore` reads: once for other boxes, and once for metrics of maps."""
    for_metrics = any("maps" in bound.metric.needs for bound in metrics)
    predicts = any("boxes" in bound.metric.needs for bound in metrics)
    return sum(
        network.identity.images
        * (for_metrics + (predicts and network.identity.protocol.box_rule != protocol.box_rule))
        for network in networks
        for name in network.methods
        if network.has_map(name)
    )


def counted(maps: Maps, advance: Advance) -> Maps:
    """The maps, each counted when it has been used."""
    for values in maps:
        yield values
        advance(1)


def with_counted_maps(row: RowData, advance: Advance) -> RowData:
    """The row, whose first pass over its maps is counted; metrics share that pass."""
    opened = row.open_maps
    if opened is None:
        return row
    passes = count()
    return replace(row, open_maps=lambda: opened() if next(passes) else counted(opened(), advance))
