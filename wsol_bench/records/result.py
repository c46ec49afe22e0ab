"""The outcome of a run: one row of figures per method, and where they come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wsol_bench.errors import DataError
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.manifest import Identity
from wsol_bench.runtime.machine import own_version
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import BoundMetric, MetricHead, heads, reasons_of
from wsol_bench.scoring.row_data import RowData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "Row"]

RESULT_SCHEMA = 2
"""Schema 1 had the five errors only, no `metrics`, and no n per figure."""


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one row: a method on one network.

    Attributes:
        arch, weights: of the network; CAM's may be another than the result's.
        method, title: the row's name, and as a paper's table writes it.
        figures: metric -> figure; a metric that does not apply to the row is absent.
    """

    arch: str
    weights: str
    method: str
    title: str
    figures: Mapping[str, Measured]

    def to_json(self, metrics: Sequence[MetricHead] = ()) -> dict[str, Any]:
        """Figures, their 95 % intervals and their n as plain values.

        Args:
            metrics: the requested ones; one that is absent is null.
        """
        figures = self.figures
        names = dict.fromkeys([*(each.name for each in metrics), *figures])
        found = {
            "method": self.method,
            "title": self.title,
            "arch": self.arch,
            "weights": self.weights,
            **{name: figures[name].value if name in figures else None for name in names},
            "ci": {
                name: [figure.low, figure.high]
                for name, figure in figures.items()
                if figure.interval
            },
            "n": {name: figure.n for name, figure in figures.items()},
        }
        details = {name: dict(each.details) for name, each in figures.items() if each.details}
        return {**found, "details": details} if details else found


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a run.

    Attributes:
        arch, weights, dataset, protocol: names, as the run resolved them.
        summary: the protocol's choices in one line.
        precision: of the network; "" if there is none.
        n: images.
        rows: one per method that could run, in the requested order.
        not_applicable: method -> why this network does not support it.
        map_states: method -> map state -> number of images.
        seconds: of the run that made it, all sessions together.
        is_ilsvrc: whether the classes are ILSVRC's, so that the paper's figures
            can be shown beside these.
        columns: the requested metrics, in the order of the table.
        localized: images that localization counts: all but the blacklist's.
        unreadable: ids of images that could not be read and count as wrong.
        notes: row -> what a reader of its figures must know, such as "one map for all classes".
        revisions: what was measured: "wsol_bench" -> version and commit, "data" and "weights"
            -> sha256; what is not known is absent.
    """

    arch: str
    weights: str
    dataset: str
    protocol: str
    summary: str
    n: int
    rows: tuple[Row, ...]
    not_applicable: Mapping[str, str]
    map_states: Mapping[str, Mapping[str, int]]
    seconds: float
    is_ilsvrc: bool
    columns: tuple[MetricHead, ...] = field(kw_only=True)
    localized: int = field(kw_only=True)
    precision: str = field(default="", kw_only=True)
    unreadable: tuple[str, ...] = field(default=(), kw_only=True)
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict, kw_only=True)
    revisions: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "schema": RESULT_SCHEMA,
            "arch": self.arch,
            "weights": self.weights,
            "dataset": self.dataset,
            "protocol": self.protocol,
            "protocol_summary": self.summary,
            "precision": self.precision or None,
            "n": self.n,
            "metrics": [metric.to_json() for metric in self.columns],
            "rows": [{**row.to_json(self.columns), "n_loc": self.localized} for row in self.rows],
            "not_applicable": dict(self.not_applicable),
            "map_states": {method: dict(states) for method, states in self.map_states.items()},
            "unreadable": list(self.unreadable),
            "notes": {row: list(notes) for row, notes in self.notes.items()},
            "revisions": dict(self.revisions),
            "seconds": round(self.seconds, 3),
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row per method: its figures, the ends of their intervals and their n."""
        import pandas as pd  # takes half a second, which only this method needs

        rows = []
        for row in self.rows:
            flat = row.to_json(self.columns) | {"n_loc": self.localized}
            flat.pop("details", None)
            for metric, (low, high) in flat.pop("ci").items():
                flat |= {f"{metric}_low": low, f"{metric}_high": high}
            for metric, n in flat.pop("n").items():
                flat[f"{metric}_n"] = n
            rows.append(flat)
        return pd.DataFrame(rows).set_index("method")


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One row, and the facts about the images in its records.

    Attributes:
        row: its figures.
        data: the last piece of its records, from which a metric finds why it does not apply.
        states: map state -> number of images.
        localized: number of images that localization counts.
        unreadable: the ids of the images that could not be read.
    """

    row: Row
    data: RowData
    states: dict[str, int]
    localized: int
    unreadable: tuple[str, ...]


def result_of(
    identity: Identity,
    protocol: Protocol,
    metrics: Sequence[BoundMetric],
    found: Mapping[str, ScoredRow],
    order: Sequence[str],
) -> Result:
    """The result of rows of one run, at least one, from what their records give.

    Args:
        identity: of the run's first network.
        protocol: scores them.
        metrics: its columns.
        found: row -> its figures.
        order: of the rows in the result.
    """
    rows = [found[method] for method in order]
    reasons = reasons_of(metrics, [(row.data, row.row.figures) for row in rows], protocol)
    return Result(
        arch=identity.arch,
        weights=identity.weights,
        dataset=identity.dataset,
        protocol=protocol.name,
        summary=protocol.summary,
        precision=identity.precision,
        n=identity.images,
        rows=tuple(row.row for row in rows),
        not_applicable={},
        map_states={method: row.states for method, row in found.items()},
        seconds=0.0,
        is_ilsvrc=identity.is_ilsvrc,
        columns=heads(metrics, protocol, reasons),
        localized=rows[0].localized,
        unreadable=rows[0].unreadable,
        revisions={"wsol_bench": own_version(), **identity.revisions},
    )


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """One result's own object, or several in one."""
    if len(results) == 1:
        return results[0].to_json()
    return {"schema": RESULT_SCHEMA, "results": [result.to_json() for result in results]}


def require_readable(results: Sequence[Result], allowed: int) -> None:
    """Checks that no more images than allowed could not be read.

    Raises:
        DataError: more; names the first and states what to do.
    """
    worst = max(results, key=lambda result: len(result.unreadable))
    refuse_unreadable(worst.unreadable, worst.n, allowed)


def refuse_unreadable(unreadable: Sequence[str], n: int, allowed: int) -> None:
    """Refuses more unreadable images than allowed, of n; see `require_readable`."""
    if len(unreadable) > allowed:
        images = "1 image" if len(unreadable) == 1 else f"{len(unreadable):,} images"
        raise DataError(
            f"{images} of {n:,} could not be read and counted as wrong: "
            f"{first_names(unreadable)}. Mend or fetch them and run into another folder, or admit "
            f"them with --allow-unreadable {len(unreadable)}."
        )
