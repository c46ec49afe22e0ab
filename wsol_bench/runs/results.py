"""Results of a run: scored from the records of a network, merged over networks and calls."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from wsol_bench.analysis.row_data import row_of
from wsol_bench.datasets.annotation_mismatch import Disagreements
from wsol_bench.methods.catalog import find_methods
from wsol_bench.records.manifest import Manifest
from wsol_bench.records.result import Result, Row, ScoredRow, result_of
from wsol_bench.records.run_folder import RunFolder, as_plain
from wsol_bench.records.table import count_states, localized_in, unreadable_in
from wsol_bench.runs.execute import RunStatistics
from wsol_bench.runs.identify import versions
from wsol_bench.runs.prepare import Prepared
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import measure_all
from wsol_bench.settings import RunSettings

_SCORED = (
    *("image_id", "method", "label", "height", "width", "classes", "x0", "y0", "x1", "y1"),
    *("true_boxes", "iou", "map_state", "blacklisted"),
)
"""The columns that scoring reads; the rest stays on the disk."""


def score_records(prepared: Prepared, folder: RunFolder, seconds: float) -> Result:
    """The result of one network, measured from the records in its folder."""
    protocol, manifest = prepared.pipeline.protocol, folder.manifest()
    metrics = metrics_of(protocol)
    found = {}
    for method in prepared.methods:
        table = folder.row(method.name, _SCORED)
        data = row_of(folder, manifest, method.name, table)
        figures = measure_all(metrics, data, protocol)
        row = Row(prepared.arch.name, prepared.weights, method.name, method.title, figures)
        states = count_states(table, method.name)
        found[method.name] = ScoredRow(row, data, states, localized_in(table), unreadable_in(table))
    return replace(
        result_of(prepared.identity, protocol, metrics, found, tuple(found)),
        not_applicable=prepared.not_applicable,
        seconds=seconds,
        notes={row.name: row.notes for row in prepared.methods if row.notes},
    )


def with_earlier_rows(before: Mapping[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """A result with the rows that a folder had before and that this call does not include."""
    if before is None:
        return now
    mine = {row["method"]: row for row in now["rows"]}
    there = [mine.pop(row["method"], row) for row in before["rows"]]
    of_rows = {name: {**before.get(name, {}), **now[name]} for name in _OF_ROWS if name in now}
    return {**now, **of_rows, "rows": [*there, *mine.values()]}


_OF_ROWS = ("map_states", "not_applicable", "notes")
"""Of a result, what is kept by row."""


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


def write_result(
    prepared: Prepared,
    folder: RunFolder,
    statistics: RunStatistics,
    result: Result,
    settings: RunSettings,
    odd: Disagreements,
) -> None:
    """Writes the result, unless it is there already: a finished run may lie read-only."""
    there = folder.manifest()
    whole = with_earlier_rows(there.result, result.to_json())
    made = folder.files(row.name for row in prepared.methods).digests_now()
    same_files = there.digests == {**there.digests, **made}
    if _same_but_revisions(there.result, whole) and same_files:
        return
    asked = tuple(
        row.spec if isinstance(row.spec, str) else row.name
        for row in find_methods(settings.methods)
    )
    found: dict[str, Any] = dict(
        opening=prepared.pipeline.network.opening if prepared.pipeline.network else "",
        network_notes=tuple(prepared.notes),
        versions=versions(),
        device=", ".join(statistics.devices),
        weights_ignored=prepared.ignored,
        missing_images=len(prepared.source.dataset.missing_ids),
        seconds_of_network=statistics.seconds,
        seconds=round(result.seconds, 3),
        **odd.facts(),
    )

    def finished(there: Manifest) -> Manifest:
        # Another process may have added rows meanwhile, finished ones or ones that it still makes.
        whole = with_earlier_rows(there.result, result.to_json())
        done = {row["method"] for row in whole["rows"]}
        missing = [row for row in there.rows if row.name not in done]
        specs = tuple(dict.fromkeys([*there.settings.get("methods", ()), *asked]))
        here = (dict(machine) for machine in statistics.machines)
        new = tuple(machine for machine in here if machine not in there.machines)
        return replace(
            there,
            status="running" if missing else "finished",
            settings=as_plain(asdict(replace(settings, arch=prepared.arch.name, methods=specs))),
            machines=(*there.machines, *new),
            result=whole,
            digests={**there.digests, **made},
            **found,
        )

    folder.rewrite(finished)


def _same_but_revisions(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return before is not None and {**before, "revisions": None} == {**now, "revisions": None}
