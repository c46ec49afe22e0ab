"""A run scored again under another protocol, without its network.

Records hold the predicted and the ground-truth boxes, so scoring can always be varied. A
box drawn by another rule needs the maps, which a run keeps with --keep-maps. Another
view needs other input tensors, and so another run of the network.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import repeat
from typing import Any

import pyarrow as pa

from wsol_bench.analysis.pieces import pieces_of
from wsol_bench.analysis.redrawing import maps_for, redraw
from wsol_bench.analysis.row_data import row_data
from wsol_bench.analysis.tuning import TuneOn, tuning_rows
from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.records.opened_run import NetworkRecords, own_protocol
from wsol_bench.records.result import Result, Row, ScoredRow, result_of
from wsol_bench.records.stated_figures import require_stated
from wsol_bench.records.table import count_states, localized_in, unreadable_in
from wsol_bench.runtime.progress import Progress, silent
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.measured import Measured, joined
from wsol_bench.scoring.metric import BoundMetric
from wsol_bench.scoring.row_data import RowData

__all__ = ["rescore"]


def rescore(
    networks: Sequence[NetworkRecords],
    protocol: Protocol,
    metrics: Sequence[BoundMetric] = (),
    tune_on: TuneOn = (),
    *,
    advance: Progress = silent,
) -> Result:
    """The result of a run's records and maps under a protocol.

    Args:
        networks: from `open_networks`.
        protocol: its view must be the one that the run had.
        metrics: those to measure; default: the protocol's.
        tune_on: a run of the same network and rows on other images, or a table of pseudo-boxes
            of the scored images, for metrics with a tuned threshold.
        advance: called with the number of maps just read, as often as
            `passes_over_maps` returns.

    Raises:
        DataError: the protocol or a metric needs maps that were not kept.
        UsageError: the protocol has another view, or more classes than were kept; or the
            run to tune on does not match.
    """
    (result,) = rescore_each(
        networks, (protocol,), metrics or metrics_of(protocol), tune_on, advance=advance
    )
    return result


def rescore_each(
    networks: Sequence[NetworkRecords],
    protocols: Sequence[Protocol],
    metrics: Sequence[BoundMetric],
    tune_on: TuneOn = (),
    *,
    advance: Progress = silent,
) -> list[Result]:
    """The result under each of several protocols, as `rescore` gives it, in one pass.

    Records and maps are read once, a map is upsampled once for all box rules that upsample it
    alike, and a metric that reads none of what moves is measured once.

    Args:
        networks, metrics, tune_on, advance: see `rescore`.
        protocols: in the order of the results; each must have the view that the run had.
    """
    tuned = tuning_rows(networks, tune_on)
    found: dict[str, list[ScoredRow]] = {}
    for network in networks:
        for protocol in protocols:
            require_view(network, protocol)
        for row in network.rows:
            method = row["method"]
            scored = _score_row(network, row, protocols, metrics, tuned.get(method), advance)
            found[method] = scored
    return [
        result_of(
            networks[0].identity,
            protocol,
            metrics,
            {name: each[at] for name, each in found.items()},
            networks[0].order,
        )
        for at, protocol in enumerate(protocols)
    ]


def passes_over_maps(
    networks: Sequence[NetworkRecords],
    protocols: Sequence[Protocol],
    metrics: Sequence[BoundMetric],
) -> int:
    """The number of times that `rescore_each` advances: once per map and pass over it."""
    passes = 0
    for network in networks:
        other = any(network.identity.protocol.box_rule != each.box_rule for each in protocols)
        measured = {
            _what_it_reads(bound, protocol)
            for bound in metrics
            for protocol in protocols
            if _reads_maps(bound)
        }
        draws = other and any("boxes" in bound.metric.needs for bound in metrics)
        rows = sum(network.has_map(method) for method in network.methods)
        passes += network.identity.images * rows * (len(measured) + draws)
    return passes


def _score_row(
    network: NetworkRecords,
    row: Mapping[str, Any],
    protocols: Sequence[Protocol],
    metrics: Sequence[BoundMetric],
    tuned_on: RowData | None,
    advance: Progress,
) -> list[ScoredRow]:
    method = row["method"]
    predicts = any("boxes" in bound.metric.needs for bound in metrics)
    maps = maps_for(network, method, protocols) if predicts else None
    pieces = [_Pieces() for _ in protocols]
    for kept in pieces_of(network, method, metrics):
        known: dict[Hashable, Measured | None] = {}
        tables = redraw(network, kept, protocols, maps, advance) if predicts else repeat(kept)
        for protocol, table, each in zip(protocols, tables, pieces, strict=False):
            data = row_data(network, method, table, tuned_on)
            require_classes(network, data, protocol, metrics)
            each.add(method, table, data, _measured(metrics, data, protocol, known, advance))
    found = [each.scored(row) for each in pieces]
    for protocol, scored in zip(protocols, found, strict=True):
        if protocol == own_protocol(network):
            require_stated(network.folder, row, scored.row.figures)
    return found


def _measured(
    metrics: Sequence[BoundMetric],
    data: RowData,
    protocol: Protocol,
    known: dict[Hashable, Measured | None],
    advance: Progress,
) -> dict[str, Measured]:
    """Name -> figure; one that reads only what it read before is taken from `known`."""
    found = {}
    for bound in metrics:
        key = _what_it_reads(bound, protocol)
        if key not in known:
            known[key] = bound.measure(data, protocol)
            if data.has_maps and _reads_maps(bound):
                advance(data.n)
        figure = known[key]
        if figure is not None:
            found[bound.name] = figure
    return found


def _what_it_reads(bound: BoundMetric, protocol: Protocol) -> Hashable:
    """All of a protocol that decides a metric's figure."""
    if "boxes" in bound.metric.needs:
        return bound.name, protocol
    fields = {**_fields(protocol.box_rule), **_fields(protocol)}
    return bound.name, tuple(fields[name] for name in bound.reads)


def _fields(of: Protocol | BoxRule) -> dict[str, Hashable]:
    return {each.name: getattr(of, each.name) for each in fields(of)}


def _reads_maps(bound: BoundMetric) -> bool:
    return "maps" in bound.metric.needs


@dataclass(slots=True)
class _Pieces:
    """The figures of the pieces of one row, one after the other."""

    measured: dict[str, list[Measured]] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)
    localized: int = 0
    unreadable: list[str] = field(default_factory=list)
    data: RowData = field(init=False)

    def add(
        self, method: str, table: pa.Table, data: RowData, figures: Mapping[str, Measured]
    ) -> None:
        """Adds a piece: its records, and what was measured on them."""
        for name, figure in figures.items():
            self.measured.setdefault(name, []).append(figure)
        self.states.update(count_states(table, method))
        self.localized += localized_in(table)
        self.unreadable += unreadable_in(table)
        self.data = data

    def scored(self, row: Mapping[str, Any]) -> ScoredRow:
        """The row of all pieces, of which there is at least one."""
        figures = {
            name: replace(joined(each), per_image=None) for name, each in self.measured.items()
        }
        return ScoredRow(
            Row(row["arch"], row["weights"], row["method"], row["title"], figures),
            self.data,
            dict(self.states),
            self.localized,
            tuple(self.unreadable),
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


def require_view(network: NetworkRecords, protocol: Protocol) -> None:
    """Checks that a run has the view that a protocol needs.

    Raises:
        UsageError: it has another.
    """
    view = network.identity.protocol.view
    if view != protocol.view:
        raise UsageError(
            f"{network.folder.path}: was run with the view {view!r}; {protocol.name} needs "
            f"{protocol.view!r}, which changes the network's input. Run it again with "
            f"--protocol {protocol.name}."
        )


def with_rule(protocol: Protocol, **changes: Any) -> Protocol:
    """The protocol with fields of its box rule replaced."""
    return replace(protocol, box_rule=replace(protocol.box_rule, **changes))
