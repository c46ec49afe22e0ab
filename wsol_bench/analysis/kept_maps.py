"""The maps that a run kept, each with the size and the ground truth of its image."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.geometry import Boxes, Size
from wsol_bench.records.opened_run import NetworkRecords, joined_map, joined_maps, true_boxes_of


@dataclass(frozen=True, slots=True)
class KeptMap:
    """The map of one image under one method.

    Attributes:
        values: (u, v), joined by the run's view.
        size: of the original image; `UNREAD` where it could not be read.
        ground_truth: (m, 4) the label's boxes, half-open xyxy in original pixels.
    """

    values: NDArray[np.float32]
    size: Size
    ground_truth: Boxes


def kept_maps(network: NetworkRecords, method: str) -> Iterator[KeptMap]:
    """The maps of one method, in the order of its records."""
    table = network.of(method)
    maps, boxes = joined_maps(network, method), true_boxes_of(table)
    for values, size, ground_truth in zip(maps, sizes_of(table), boxes, strict=True):
        yield KeptMap(values, size, ground_truth)


def kept_maps_at(
    network: NetworkRecords, method: str, indices: Collection[int]
) -> dict[int, NDArray[np.float32]]:
    """Index of a record -> its joined map; only the maps of these records are joined."""
    wanted = frozenset(indices)
    stored = enumerate(network.folder.read_maps(method))
    return {at: joined_map(network.identity, maps) for at, maps in stored if at in wanted}


def sizes_of(table: pa.Table) -> list[Size]:
    """The size of each record's image."""
    sides = (table[name].to_pylist() for name in ("height", "width"))
    return [Size(height, width) for height, width in zip(*sides, strict=True)]
