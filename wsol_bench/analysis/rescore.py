"""A run scored again under another protocol, without its network.

Records hold the predicted and the ground-truth boxes, so scoring can always be varied. A
box drawn by another rule needs the maps, which a run keeps with --keep-maps. What
needs other input tensors, another view, cannot be had from either.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wsol_bench.analysis.kept_maps import KeptMap, sizes_of
from wsol_bench.analysis.map_progress import Advance, counted, no_progress, with_counted_maps
from wsol_bench.analysis.pieces import pieces_of
from wsol_bench.analysis.row_data import row_data
from wsol_bench.analysis.tuning import tuning_rows
from wsol_bench.boxes.map_state import MapState
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Boxes
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS
from wsol_bench.records.opened_run import (
    UNREAD,
    NetworkRecords,
    boxes_of,
    joined_maps,
    own_protocol,
    true_boxes_of,
)
from wsol_bench.records.result import Result, Row
from wsol_bench.records.stated_figures import require_stated
from wsol_bench.records.table import count_states, localized_in, unreadable_in
from wsol_bench.runtime.machine import own_version
from wsol_bench.runtime.parallel import in_threads
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.ilsvrc import label_iou
from wsol_bench.scoring.measured import Measured, joined
from wsol_bench.scoring.metric import BoundMetric, heads, measure_all, reasons_of
from wsol_bench.scoring.row_data import RowData

__all__ = ["rescore"]


def rescore(
    networks: Sequence[NetworkRecords],
    protocol: Protocol,
    metrics: Sequence[BoundMetric] = (),
    tune_on: Sequence[NetworkRecords] = (),
    *,
    advance: Advance = no_progress,
) -> Result:
    """The result of a run's records and maps under a protocol.

    Args:
        networks: from `open_networks`.
        protocol: its view must be the one that the run had.
        metrics: those to measure; default: the protocol's.
        tune_on: a run of the same network and rows on other images, for metrics with a
            tuned threshold.
        advance: called for each map that is read; `maps_to_read` counts them.

    Raises:
        DataError: the protocol or a metric needs maps that were not kept.
        UsageError: the protocol has another view, or more classes than were kept; or the
            run to tune on is none of this kind.
    """
    metrics = metrics or metrics_of(protocol)
    tuned = tuning_rows(networks, tune_on)
    found: dict[str, _Scored] = {}
    for network in networks:
        require_view(network, protocol)
        for row in network.rows:
            method = row["method"]
            found[method] = _score_row(network, row, protocol, metrics, tuned.get(method), advance)
    first, order = networks[0], networks[0].order
    images = found[first.methods[0]]
    pairs = [(found[method].data, found[method].row.figures) for method in order]
    reasons = reasons_of(metrics, pairs, protocol)
    return Result(
        arch=first.identity.arch,
        weights=first.identity.weights,
        dataset=first.identity.dataset,
        protocol=protocol.name,
        summary=protocol.summary,
        n=first.identity.images,
        rows=tuple(found[method].row for method in order),
        not_applicable={},
        map_states={method: found[method].states for method in found},
        seconds=0.0,
        is_ilsvrc=first.identity.is_ilsvrc,
        columns=heads(metrics, protocol, reasons),
        localized=images.localized,
        unreadable=images.unreadable,
        revisions={"wsol_bench": own_version(), **first.identity.revisions},
    )


@dataclass(frozen=True, slots=True)
class _Scored:
    """One row, and what its records say of the images.

    Attributes:
        row: its figures.
        data: the last piece of its records, by which a metric says why it does not apply.
        states: map state -> number of images.
        localized: how many images localization counts.
        unreadable: the ids of the images that could not be read.
    """

    row: Row
    data: RowData
    states: dict[str, int]
    localized: int
    unreadable: tuple[str, ...]


def _score_row(
    network: NetworkRecords,
    row: Mapping[str, Any],
    protocol: Protocol,
    metrics: Sequence[BoundMetric],
    tuned_on: RowData | None,
    advance: Advance,
) -> _Scored:
    method = row["method"]
    predicts = any("boxes" in bound.metric.needs for bound in metrics)
    draws = predicts and network.has_map(method) and not _same_boxes(network, protocol)
    maps = counted(_kept(network, method, protocol), advance) if draws else None
    measured: dict[str, list[Measured]] = {}
    states: Counter[str] = Counter()
    localized = 0
    unreadable: list[str] = []
    for kept in pieces_of(network, method, metrics):
        table = redrawn(network, kept, protocol, maps) if predicts else kept
        data = with_counted_maps(row_data(network, method, table, tuned_on), advance)
        require_classes(network, data, protocol, metrics)
        for name, figure in measure_all(metrics, data, protocol).items():
            measured.setdefault(name, []).append(figure)
        states.update(count_states(table, [method])[method])
        localized += localized_in(table)
        unreadable += unreadable_in(table)
    figures = {name: replace(joined(each), per_image=None) for name, each in measured.items()}
    if protocol == own_protocol(network):
        require_stated(network.folder, row, figures)
    return _Scored(
        Row(row["arch"], row["weights"], method, row["title"], figures),
        data,
        dict(states),
        localized,
        tuple(unreadable),
    )


def require_classes(
    network: NetworkRecords, row: RowData, protocol: Protocol, metrics: Sequence[BoundMetric]
) -> None:
    """Checks that the records hold as many classes per image as the metrics read.

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


def redrawn(
    network: NetworkRecords,
    table: pa.Table,
    protocol: Protocol,
    maps: Iterator[NDArray[np.float32]] | None,
) -> pa.Table:
    """Records of one method under a protocol: their boxes, IoUs and map states anew.

    Args:
        network: their network.
        table: some of them.
        protocol: the other one.
        maps: gives the maps of these records next; None where their boxes stay.
    """
    if maps is None and _same_ious(network, protocol):
        return table
    boxes, states = boxes_of(table), table["map_state"].to_pylist()
    truths = list(true_boxes_of(table))
    if maps is not None:
        kept = (
            KeptMap(values, size, true)
            for size, true, values in zip(sizes_of(table), truths, maps, strict=False)
        )
        found = list(_extract_all(network, kept, protocol))
        boxes = np.array([box for box, _ in found]).reshape(-1, 4)
        states = [str(state) for _, state in found]
    ious = [label_iou(box, true, protocol) for box, true in zip(boxes, truths, strict=True)]
    columns = dict(zip(("x0", "y0", "x1", "y1"), boxes.T, strict=True))
    columns |= {"iou": np.array(ious, dtype=np.float64), "map_state": states}
    for name, values in columns.items():
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, pa.array(values))
    return table


def _kept(
    network: NetworkRecords, method: str, protocol: Protocol
) -> Iterator[NDArray[np.float32]]:
    if not network.identity.keep_maps:
        raise DataError(
            f"{network.folder.path}: {protocol.name} draws other boxes, which needs the maps, and "
            "none are kept. Run again with --keep-maps."
        )
    return joined_maps(network, method)


def _extract_all(
    network: NetworkRecords, kept: Iterator[KeptMap], protocol: Protocol
) -> Iterator[tuple[Boxes, MapState]]:
    from wsol_bench.boxes.extract import extract_box  # numba, which records alone do not need

    view, identity = VIEWS[protocol.view], network.identity

    def extract(one: KeptMap) -> tuple[Boxes, MapState]:
        if one.size == UNREAD:
            return np.zeros(4), MapState.UNREADABLE
        window = view.window(one.size, identity.side, identity.crop)
        return extract_box(one.values, one.size, protocol.box_rule, window)

    return in_threads(extract, kept)


def require_view(network: NetworkRecords, protocol: Protocol) -> None:
    """Checks that a run has the view that a protocol needs.

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


def _same_ious(network: NetworkRecords, protocol: Protocol) -> bool:
    own = network.identity.protocol
    return (own.truth, own.inclusive) == (protocol.truth, protocol.inclusive)


def with_rule(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with fields of its box rule replaced."""
    return replace(protocol, box_rule=replace(protocol.box_rule, **changes))
