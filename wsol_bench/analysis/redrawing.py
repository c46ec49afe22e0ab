"""The records of a run under other protocols: boxes drawn from the kept maps, and their IoUs.

Several protocols share one pass over the maps, in which each map is read and upsampled once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.analysis.kept_maps import KeptMap, sizes_of
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.records.opened_run import (
    UNREAD,
    NetworkRecords,
    joined_maps,
    true_boxes_of,
    window_of,
)
from wsol_bench.records.table import boxes_of
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.runtime.progress import Progress, silent
from wsol_bench.scoring.ilsvrc import label_ious


def maps_for(
    network: NetworkRecords, method: str, protocols: Sequence[Protocol]
) -> Iterator[NDArray[np.float32]] | None:
    """The maps of a row, or None where none of the protocols draws other boxes from them.

    Raises:
        DataError: a protocol draws other boxes, and the run kept no maps.
    """
    other = [each for each in protocols if not _same_boxes(network, each)]
    if not other or not network.has_map(method):
        return None
    if not network.identity.keep_maps:
        raise DataError(
            f"{network.folder.path}: {other[0].name} draws other boxes, which needs the maps, and "
            "none are kept. Run again with --keep-maps."
        )
    return joined_maps(network, method)


def redraw(
    network: NetworkRecords,
    table: pa.Table,
    protocols: Sequence[Protocol],
    maps: Iterator[NDArray[np.float32]] | None,
    advance: Progress = silent,
) -> Iterator[pa.Table]:
    """Records of one method under each protocol: their boxes, IoUs and map states anew.

    Args:
        network: their network.
        table: some of them.
        protocols: the tables' own, in this order.
        maps: gives the maps of these records next; None where their boxes stay.
        advance: called once per map.
    """
    truths = list(true_boxes_of(table))
    drawn = {} if maps is None else _draw(network, table, truths, protocols, maps, advance)
    for protocol in protocols:
        found = drawn.get(protocol.box_rule)
        if found is None and _same_ious(network, protocol):
            yield table
            continue
        kept = found or _Drawn(boxes_of(table), table["map_state"].to_pylist(), {})
        yield _with_boxes(table, kept, kept.ious_under(protocol, truths))


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The boxes of some records under one rule.

    Attributes:
        boxes: (n, 4) half-open xyxy in original pixels.
        states: of the maps.
        ious: (truth, inclusive) -> (n,) the IoUs that count, where they are known.
    """

    boxes: Boxes
    states: Sequence[str]
    ious: Mapping[tuple[str, bool], NDArray[np.float64]]

    def ious_under(self, protocol: Protocol, truths: Sequence[Boxes]) -> NDArray[np.float64]:
        """The IoUs that count under a protocol, (n,)."""
        known = self.ious.get((protocol.truth, protocol.inclusive))
        if known is not None:
            return known
        pairs = zip(self.boxes, truths, strict=True)
        found = [label_ious(box[None], true, protocol)[0] for box, true in pairs]
        return np.array(found, dtype=np.float64)


def _draw(
    network: NetworkRecords,
    table: pa.Table,
    truths: Sequence[Boxes],
    protocols: Sequence[Protocol],
    maps: Iterator[NDArray[np.float32]],
    advance: Progress,
) -> dict[BoxRule, _Drawn]:
    """Box rule -> the boxes of some records under it, of each rule that the run has not."""
    from wsol_bench.boxes.extract import extract_boxes  # numba, which records alone do not need

    of_rule = {one.box_rule: one for one in protocols if not _same_boxes(network, one)}
    rules, first = tuple(of_rule), next(iter(of_rule.values()), network.identity.protocol)

    def extract(one: KeptMap) -> list[tuple[Boxes, MapState]]:
        if one.size == UNREAD:
            return [(np.zeros(4), MapState.UNREADABLE)] * len(rules)
        return extract_boxes(one.values, one.size, rules, window_of(network.identity, one.size))

    kept = (
        KeptMap(values, size, true)
        for size, true, values in zip(sizes_of(table), truths, maps, strict=False)
    )
    boxes = np.zeros((len(rules), table.num_rows, 4))
    ious = np.zeros((len(rules), table.num_rows))
    states = [[""] * table.num_rows for _ in rules]
    for at, found in enumerate(in_threads(extract, kept)):
        for rule, (box, state) in enumerate(found):
            boxes[rule, at], states[rule][at] = box, str(state)
        ious[:, at] = label_ious(boxes[:, at], truths[at], first)
        advance(1)
    known = (first.truth, first.inclusive)
    return {rule: _Drawn(boxes[at], states[at], {known: ious[at]}) for at, rule in enumerate(rules)}


def _with_boxes(table: pa.Table, drawn: _Drawn, ious: NDArray[np.float64]) -> pa.Table:
    columns = dict(zip(("x0", "y0", "x1", "y1"), drawn.boxes.T, strict=True))
    columns |= {"iou": ious, "map_state": drawn.states}
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values))
    return table


def _same_boxes(network: NetworkRecords, protocol: Protocol) -> bool:
    return network.identity.protocol.box_rule == protocol.box_rule


def _same_ious(network: NetworkRecords, protocol: Protocol) -> bool:
    own = network.identity.protocol
    return (own.truth, own.inclusive) == (protocol.truth, protocol.inclusive)
