"""A run scored again under another protocol, without its network.

Records hold the box and the true boxes, so scoring alone can always be varied. A
box drawn by another rule needs the maps, which a run keeps with --keep-maps. What
needs other input tensors, another view, cannot be had from either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from wsol_bench.analysis.kept_maps import KeptMap, kept_maps
from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.opened_run import UNREAD, Part, boxes_of, true_boxes_of
from wsol_bench.records.result import Result, Row
from wsol_bench.records.table import count_states, outcomes_of, unreadable_in
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.ilsvrc import label_iou, score

__all__ = ["rescore"]


def rescore(parts: Sequence[Part], protocol: Protocol) -> Result:
    """The result of a run's records and maps under a protocol.

    Args:
        parts: from `open_parts`.
        protocol: its view must be the one that the run had.

    Raises:
        DataError: the protocol needs maps that were not kept.
        UsageError: the protocol has another view.
    """
    rows: dict[str, Row] = {}
    states: dict[str, dict[str, int]] = {}
    for part in parts:
        require_view(part, protocol)
        for row in part.rows:
            method = row["method"]
            table = redrawn(part, method, protocol)
            errors = score(outcomes_of(table, method), protocol)
            rows[method] = Row(row["arch"], row["weights"], method, row["title"], errors)
            states |= count_states(table, [method])
    first = parts[0]
    return Result(
        arch=first.identity.arch,
        weights=first.identity.weights,
        dataset=first.identity.dataset,
        protocol=protocol.name,
        summary=protocol.summary,
        n=first.identity.images,
        rows=tuple(rows[method] for method in first.order),
        not_applicable={},
        map_states=states,
        seconds=0.0,
        is_ilsvrc=first.identity.is_ilsvrc,
        unreadable=unreadable_in(first.table),
    )


def redrawn(part: Part, method: str, protocol: Protocol) -> pa.Table:
    """One method's records under a protocol: its boxes, IoUs and map states anew."""
    table = part.of(method)
    boxes, states = boxes_of(table), table["map_state"].to_pylist()
    if part.has_map(method) and not _same_boxes(part, protocol):
        found = list(_extract_all(part, method, protocol))
        boxes = np.array([box for box, _ in found]).reshape(-1, 4)
        states = [str(state) for _, state in found]
    truths = true_boxes_of(table)
    ious = [label_iou(box, true, protocol) for box, true in zip(boxes, truths, strict=True)]
    columns = dict(zip(("x0", "y0", "x1", "y1"), boxes.T, strict=True))
    columns |= {"iou": np.array(ious, dtype=np.float64), "map_state": states}
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values))
    return table


def _extract_all(part: Part, method: str, protocol: Protocol) -> Iterator[tuple[Boxes, MapState]]:
    view, side = VIEWS[protocol.view], part.identity.side
    if not part.identity.keep_maps:
        raise DataError(
            f"{part.folder.path}: {protocol.name} draws other boxes, which needs the maps, and "
            "none are kept. Run again with --keep-maps."
        )

    def extract(kept: KeptMap) -> tuple[Boxes, MapState]:
        if kept.size == UNREAD:
            return np.zeros(4), MapState.UNREADABLE
        window = view.window(kept.size, side)
        return extract_box(kept.values, kept.size, protocol.box_rule, window)

    return in_threads(extract, kept_maps(part, method))


def require_view(part: Part, protocol: Protocol) -> None:
    """Sees that a run has the view that a protocol needs.

    Raises:
        UsageError: it has another.
    """
    view = part.identity.protocol.view
    if view != protocol.view:
        raise UsageError(
            f"{part.folder.path}: was run with the view {view!r}; {protocol.name} needs "
            f"{protocol.view!r}, which is other inputs for the network. Run it again with "
            f"--protocol {protocol.name}."
        )


def _same_boxes(part: Part, protocol: Protocol) -> bool:
    return part.identity.protocol.box_rule == protocol.box_rule


def with_rule(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with fields of its box rule replaced."""
    return replace(protocol, box_rule=replace(protocol.box_rule, **changes))
