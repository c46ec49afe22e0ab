"""Results of a run: scored from the records of a network, merged over networks and calls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from wsol_bench.analysis.row_data import row_of
from wsol_bench.records.result import Result, Row
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.records.table import count_states, localized_in, unreadable_in
from wsol_bench.runs.prepare import Prepared
from wsol_bench.runtime.machine import own_version
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import heads, measure_all, reasons_of

_SCORED = (
    *("image_id", "method", "label", "height", "width", "classes", "x0", "y0", "x1", "y1"),
    *("true_boxes", "iou", "map_state", "blacklisted"),
)
"""The columns that scoring reads; the rest stays on the disk."""


def score_records(prepared: Prepared, folder: RunFolder, seconds: float) -> Result:
    """The result of one network, measured from the records in its folder."""
    tables = {row.name: folder.row(row.name, _SCORED) for row in prepared.methods}
    protocol = prepared.pipeline.protocol
    metrics = metrics_of(protocol)
    manifest = folder.manifest()
    data = {name: row_of(folder, manifest, name, table) for name, table in tables.items()}
    figures = {name: measure_all(metrics, row, protocol) for name, row in data.items()}
    reasons = reasons_of(metrics, [(data[name], figures[name]) for name in data], protocol)
    return Result(
        arch=prepared.arch.name,
        weights=prepared.weights,
        dataset=prepared.source.dataset.name,
        protocol=protocol.name,
        summary=protocol.summary,
        n=len(prepared.source.dataset.examples),
        rows=tuple(
            Row(prepared.arch.name, prepared.weights, row.name, row.title, figures[row.name])
            for row in prepared.methods
        ),
        not_applicable=prepared.not_applicable,
        map_states={n: count_states(table, [n])[n] for n, table in tables.items()},
        seconds=seconds,
        is_ilsvrc=prepared.source.is_ilsvrc,
        columns=heads(metrics, protocol, reasons),
        localized=localized_in(next(iter(tables.values()))),
        unreadable=unreadable_in(next(iter(tables.values()))),
        notes={row.name: row.notes for row in prepared.methods if row.notes},
        revisions={"wsol_bench": own_version(), **prepared.identity.revisions},
    )


def with_earlier_rows(before: Mapping[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """A result with the rows that a folder had before and that this call does not include."""
    if before is None:
        return now
    mine = {row["method"]: row for row in now["rows"]}
    there = [mine.pop(row["method"], row) for row in before["rows"]]
    states = {**before.get("map_states", {}), **now.get("map_states", {})}
    reasons = {**before.get("not_applicable", {}), **now.get("not_applicable", {})}
    found = {**now, "rows": [*there, *mine.values()]}
    found |= {"map_states": states} if "map_states" in now else {}
    return found | ({"not_applicable": reasons} if "not_applicable" in now else {})


def merge_results(
    results: Sequence[Result], methods: Sequence[str], not_applicable: dict[str, str]
) -> Result:
    """One result, its rows in the order of the settings' methods."""
    rows = [row for result in results for row in result.rows]
    return replace(
        results[0],
        rows=tuple(sorted(rows, key=lambda row: methods.index(row.method))),
        not_applicable=not_applicable,
        map_states={name: counts for each in results for name, counts in each.map_states.items()},
        seconds=sum(result.seconds for result in results),
        notes={name: notes for each in results for name, notes in each.notes.items()},
    )
