"""What a run came to: one row of errors per method, and where it came from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names
from wsol_bench.scoring.ilsvrc import METRICS, Errors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Result", "Row"]

RESULT_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Row:
    """The errors of one method on one network.

    Attributes:
        arch, weights: of the network; CAM's may be another than the result's.
        method, title: the method's name, and as a paper's table writes it.
        errors: its rates.
    """

    arch: str
    weights: str
    method: str
    title: str
    errors: Errors

    def to_json(self) -> dict[str, Any]:
        """Per cents and their 95 % Wilson intervals as plain values."""
        rates = {metric: getattr(self.errors, metric) for metric in METRICS}
        intervals = {metric: rate.interval() for metric, rate in rates.items()}
        return {
            "method": self.method,
            "title": self.title,
            "arch": self.arch,
            "weights": self.weights,
            # None, not NaN, which JSON does not have, where no image counts
            **{metric: rate.percent if rate.n else None for metric, rate in rates.items()},
            "ci": {metric: [each.low, each.high] for metric, each in intervals.items()},
            "n_loc": self.errors.top1_loc.n,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a run.

    Attributes:
        arch, weights, dataset, protocol: names, as the run resolved them.
        summary: the protocol's choices in one line.
        n: images.
        rows: one per method that could run, in the order asked for.
        not_applicable: method -> why this network cannot carry it.
        map_states: method -> map state -> number of images.
        seconds: of the run that made it, all sessions together.
        is_ilsvrc: whether the classes are ILSVRC's, so that the paper's figures
            may stand beside these.
        unreadable: ids of images that could not be read and count as wrong.
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
    unreadable: tuple[str, ...] = field(default=(), kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "schema": RESULT_SCHEMA,
            "arch": self.arch,
            "weights": self.weights,
            "dataset": self.dataset,
            "protocol": self.protocol,
            "protocol_summary": self.summary,
            "n": self.n,
            "rows": [row.to_json() for row in self.rows],
            "not_applicable": dict(self.not_applicable),
            "map_states": {method: dict(states) for method, states in self.map_states.items()},
            "unreadable": list(self.unreadable),
            "seconds": round(self.seconds, 3),
        }

    def to_frame(self) -> "pd.DataFrame":
        """One row per method: errors in per cent and the ends of their intervals."""
        import pandas as pd  # half a second that only callers of this pay

        rows = []
        for row in self.rows:
            flat = row.to_json()
            for metric, (low, high) in flat.pop("ci").items():
                flat |= {f"{metric}_low": low, f"{metric}_high": high}
            rows.append(flat)
        return pd.DataFrame(rows).set_index("method")

    def save(self, path: str | Path) -> None:
        """Writes the object of `to_json` to a file.

        Raises:
            DataError: the file cannot be written.
        """
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror}).") from error


def to_json(results: Sequence[Result]) -> dict[str, Any]:
    """One result's own object, or several in one."""
    if len(results) == 1:
        return results[0].to_json()
    return {"schema": RESULT_SCHEMA, "results": [result.to_json() for result in results]}


def require_readable(results: Sequence[Result], allowed: int) -> None:
    """Sees that no more images than allowed could not be read.

    Raises:
        DataError: more; names the first and says what to do.
    """
    unreadable = max((result.unreadable for result in results), key=len, default=())
    if len(unreadable) > allowed:
        images = "1 image" if len(unreadable) == 1 else f"{len(unreadable):,} images"
        raise DataError(
            f"{images} of {results[0].n:,} could not be read and counted as wrong: "
            f"{first_names(unreadable)}. Mend or fetch them and run into another folder, or admit "
            f"them with --allow-unreadable {len(unreadable)}."
        )
