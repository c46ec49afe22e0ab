"""A run scored again under another protocol, without its network.

Records hold the box and the true boxes, so scoring alone can always be varied. A
box drawn by another rule needs the maps, which a run keeps with --keep-maps. What
needs other input tensors, another view, cannot be had from either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from wsol_bench.analysis.kept_maps import KeptMap, kept_maps
from wsol_bench.analysis.row_data import row_data
from wsol_bench.analysis.tuning import tuning_rows
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.opened_run import UNREAD, NetworkRecords, boxes_of, true_boxes_of
from wsol_bench.records.result import Result, Row
from wsol_bench.records.table import count_states, localized_in, unreadable_in
from wsol_bench.runtime.machine import own_version
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import BoundMetric, heads, measure_all, reasons_of
from wsol_bench.scoring.row_data import RowData

__all__ = ["rescore"]


def rescore(
    networks: Sequence[NetworkRecords],
    protocol: Protocol,
    metrics: Sequence[BoundMetric] = (),
    tune_on: Sequence[NetworkRecords] = (),
) -> Result:
    """The result of a run's records and maps under a protocol.

    Args:
        networks: from `open_networks`.
        protocol: its view must be the one that the run had.
        metrics: those to measure; default: the protocol's.
        tune_on: a run of the same network and rows on other images, for metrics with a
            tuned threshold.

    Raises:
        DataError: the protocol or a metric needs maps that were not kept.
        UsageError: the protocol has another view, or more classes than were kept; or the
            run to tune on is none of this kind.
    """
    metrics = metrics or metrics_of(protocol)
    predicts = any("boxes" in bound.metric.needs for bound in metrics)
    tuned = tuning_rows(networks, tune_on)
    rows: dict[str, Row] = {}
    states: dict[str, dict[str, int]] = {}
    measured: list[tuple[RowData, Mapping[str, Measured]]] = []
    for network in networks:
        require_view(network, protocol)
        for row in network.rows:
            method = row["method"]
            table = redrawn(network, method, protocol) if predicts else network.of(method)
            data = row_data(network, method, table, tuned.get(method))
            require_classes(network, data, protocol, metrics)
            figures = measure_all(metrics, data, protocol)
            measured.append((data, figures))
            rows[method] = Row(row["arch"], row["weights"], method, row["title"], figures)
            states |= count_states(table, [method])
    first = networks[0]
    reasons = reasons_of(metrics, measured, protocol)
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
        columns=heads(metrics, protocol, reasons),
        localized=localized_in(first.table),
        unreadable=unreadable_in(first.table),
        revisions={"wsol_bench": own_version(), **first.identity.revisions},
    )


def require_classes(
    network: NetworkRecords, row: RowData, protocol: Protocol, metrics: Sequence[BoundMetric]
) -> None:
    """Checks that the records hold as many classes per image as the metrics look at.

    Raises:
        UsageError: they hold fewer.
    """
    kept, there = row.classes.shape[1], network.identity.classes
    asked = row.n and any("topk" in bound.reads for bound in metrics)
    if asked and 0 < kept < min(protocol.topk, there):  # 0 without a network: such figures are n/a
        raise UsageError(
            f"{network.folder.path}: its records hold the best {kept} of {there} classes, and "
            f"topk={protocol.topk} needs more. Run again with --set topk={protocol.topk}."
        )


def redrawn(network: NetworkRecords, method: str, protocol: Protocol) -> pa.Table:
    """One method's records under a protocol: its boxes, IoUs and map states anew."""
    table = network.of(method)
    boxes, states = boxes_of(table), table["map_state"].to_pylist()
    if network.has_map(method) and not _same_boxes(network, protocol):
        found = list(_extract_all(network, method, protocol))
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


def _extract_all(
    network: NetworkRecords, method: str, protocol: Protocol
) -> Iterator[tuple[Boxes, MapState]]:
    from wsol_bench.boxes.extract import extract_box  # numba, which records alone do not need

    view, side = VIEWS[protocol.view], network.identity.side
    if not network.identity.keep_maps:
        raise DataError(
            f"{network.folder.path}: {protocol.name} draws other boxes, which needs the maps, and "
            "none are kept. Run again with --keep-maps."
        )

    def extract(kept: KeptMap) -> tuple[Boxes, MapState]:
        if kept.size == UNREAD:
            return np.zeros(4), MapState.UNREADABLE
        window = view.window(kept.size, side)
        return extract_box(kept.values, kept.size, protocol.box_rule, window)

    return in_threads(extract, kept_maps(network, method))


def require_view(network: NetworkRecords, protocol: Protocol) -> None:
    """Sees that a run has the view that a protocol needs.

    Raises:
        UsageError: it has another.
    """
    view = network.identity.protocol.view
    if view != protocol.view:
        raise UsageError(
            f"{network.folder.path}: was run with the view {view!r}; {protocol.name} needs "
            f"{protocol.view!r}, which is other inputs for the network. Run it again with "
            f"--protocol {protocol.name}."
        )


def _same_boxes(network: NetworkRecords, protocol: Protocol) -> bool:
    return network.identity.protocol.box_rule == protocol.box_rule


def with_rule(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with fields of its box rule replaced."""
    return replace(protocol, box_rule=replace(protocol.box_rule, **changes))
