"""Output of `score`."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from wsol_bench.analysis.rescore import passes_over_maps, rescore
from wsol_bench.analysis.tuning import TuneOn, open_tuning
from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.overrides import changed_by_file, resolve, with_changes
from wsol_bench.records.opened_run import (
    NetworkRecords,
    open_rows,
    own_protocol,
)
from wsol_bench.records.result import to_json
from wsol_bench.report.tables.result import print_results
from wsol_bench.runtime.progress import Progress, progress
from wsol_bench.scoring.catalog import metrics_of
from wsol_bench.scoring.metric import (
    BoundMetric,
    Metric,
    require_read,
)


def print_score(
    paths: Sequence[Path],
    protocol: str | None,
    changes: tuple[str, ...],
    tune_on: Path | None,
    metrics: Sequence[BoundMetric] = (),
    methods: Sequence[str] = (),
    *,
    as_json: bool,
) -> None:
    """Prints the results of runs under a protocol on stdout; default: each run's own.

    Args:
        paths: folders of runs.
        protocol: a name or a TOML file, or None.
        changes: FIELD=VALUE texts.
        tune_on: another run or a table of pseudo-boxes, on which thresholds are chosen, or None.
        metrics: those to measure; default: the protocol's, and with `tune_on` each of them
            that can be tuned also at the tuned threshold.
        methods: names of rows; default: all.
        as_json: print one JSON object instead of the tables.

    Raises:
        UsageError, DataError: see `rescore`; or a change that no metric reads.
    """
    results = []
    for networks in open_rows(paths, methods):
        wanted = protocol_for(networks[0], protocol, changes)
        asked = tuple(metrics) or metrics_of(wanted)
        if tune_on is not None:
            asked = with_tuned(asked)
        for where, names in changed_fields(protocol, changes):
            require_read(names, asked, where)
        other: TuneOn = open_tuning(tune_on, networks) if tune_on else ()
        with over_maps(networks, passes_over_maps(networks, [wanted], asked)) as advance:
            results.append(rescore(networks, wanted, asked, other, advance=advance))
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
        return
    print_results(results)


def over_maps(networks: Sequence[NetworkRecords], passes: int) -> AbstractContextManager[Progress]:
    """The progress of this number of passes over a map, on stderr."""
    what = f"Scoring {networks[0].folder.path.name}"
    return progress(what, passes, unit="maps", brief=True)


def protocol_for(
    network: NetworkRecords, protocol: str | None, changes: tuple[str, ...]
) -> Protocol:
    """The protocol to score a run under: its own where none is named, with fields replaced."""
    if protocol is not None:
        return resolve(protocol, changes)
    return with_changes(own_protocol(network), changes)


def with_tuned(metrics: Sequence[BoundMetric]) -> tuple[BoundMetric, ...]:
    """The metrics, and after each group of one that can be tuned, its tuned form.

    Raises:
        UsageError: none of them can be tuned.
    """
    tuned = {
        each.name: each for each in (_tuned(bound.metric) for bound in metrics) if each is not None
    }
    if not tuned:
        names = ", ".join(bound.name for bound in metrics)
        raise UsageError(
            f"--tune-on: none of the requested metrics ({names}) has a threshold to tune. "
            "Request one that has, such as --metrics max_box_acc."
        )
    return tuple({each.name: each for each in (*metrics, *tuned.values())}.values())


def _tuned(metric: Metric) -> BoundMetric | None:
    if any(each.name == "threshold" and "tuned" in each.choices for each in metric.options):
        return metric.bind({"threshold": "tuned"})
    return None


def changed_fields(protocol: str | None, changes: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(what set them, the fields of a protocol that the user set), for messages."""
    of_file = list(changed_by_file(protocol))
    of_flags = [change.partition("=")[0].strip() for change in changes]
    return [(f"--protocol {protocol}:", of_file), ("--set", of_flags)]
