"""Comparison of two results, cell by cell, with tolerances.

A cell is one figure of one method on one arch. Both results must be of the same
images under the same protocol, so a tolerance is not a matter of sampling error:
it allows for numerical differences between machines.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wsol_bench.errors import UsageError, find
from wsol_bench.records.result_files import RowName, StoredResults, require_tolerance

DEFAULT_TOLERANCE = 0.5
"""Default tolerance in the metric's unit, if neither the user nor the baseline states one.

Measured on the demo's 1,000 images: older processor instructions (SSE4.1 for AVX-512)
and other batch sizes moved nothing, a box threshold off by 0.01 moved Grad-CAM's
errors by 1.3 to 1.7 points. See docs/how-to/regression-in-ci.md."""

ROUNDING = 1e-9
"""Rounding error of a difference of two percentages, such as 30.3 - 30.2; one image of
a million is 1e-4."""


class Verdict(StrEnum):
    """The outcome of a cell that both results have."""

    SAME = "same"
    WITHIN = "within"
    BEYOND = "beyond"
    NO_FIGURE = "no figure"
    """In one result only, which no tolerance covers; without a figure in both, it is the same."""


FAILURES = frozenset({Verdict.BEYOND, Verdict.NO_FIGURE})


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """One figure in both results.

    Attributes:
        row: which row.
        metric: its name.
        old: in the baseline, None where it has no figure.
        new: likewise in the new result.
        tolerance: by how much the two may differ, in the metric's unit.
    """

    row: RowName
    metric: str
    old: float | None
    new: float | None
    tolerance: float

    @property
    def difference(self) -> float | None:
        """New minus old; None unless both have a figure."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def verdict(self) -> Verdict:
        """A difference equal to the tolerance is within it."""
        if self.difference is None:
            return Verdict.SAME if self.old is self.new else Verdict.NO_FIGURE
        if abs(self.difference) <= ROUNDING:
            return Verdict.SAME
        beyond = abs(self.difference) > self.tolerance + ROUNDING
        return Verdict.BEYOND if beyond else Verdict.WITHIN

    def __str__(self) -> str:
        old, new = percent_text(self.old), percent_text(self.new)
        moved = f"{self.row} {self.metric}: {old} before, {new} now"
        if self.difference is None:
            return moved
        return f"{moved}, {self.difference:+.3f} where {self.tolerance:g} is allowed"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A reason, other than a figure, why two results cannot be compared.

    Attributes:
        entry: an arch or a row.
        what: the difference, in words.
    """

    entry: str
    what: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.what}"


@dataclass(frozen=True, slots=True)
class ResultComparison:
    """The outcome of a comparison.

    Attributes:
        cells: of the rows that both results have, in the baseline's order.
        mismatches: other conditions, missing rows, extra rows.
    """

    cells: tuple[ComparedCell, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def changed(self) -> tuple[ComparedCell, ...]:
        """The cells that are not the same, failing or not."""
        return tuple(cell for cell in self.cells if cell.verdict is not Verdict.SAME)

    @property
    def without_figure(self) -> tuple[ComparedCell, ...]:
        """The cells without a figure in either result, which guard against nothing."""
        return tuple(cell for cell in self.cells if cell.old is None and cell.new is None)

    @property
    def failures(self) -> tuple[str, ...]:
        """One line for each mismatch and each cell that exceeds its tolerance."""
        cells = (cell for cell in self.cells if cell.verdict in FAILURES)
        return tuple(str(failure) for failure in (*self.mismatches, *cells))


def compare(
    old: StoredResults,
    new: StoredResults,
    tolerance: Mapping[str, float] | None = None,
    metrics: Sequence[str] = (),
) -> ResultComparison:
    """Compares a new result with a baseline.

    Args:
        old: the baseline.
        new: what to compare with it.
        tolerance: metric -> the permitted change; takes precedence over the baseline's.
        metrics: those to compare; default: those of the baseline.

    Raises:
        UsageError: a metric is in neither result.
    """
    allowed = {**old.tolerance, **(tolerance or {})}
    for metric in metrics:
        find("metric of the baseline", metric, old.metrics)
    cells = [
        ComparedCell(
            row,
            metric,
            before,
            new.rows[row].get(metric),
            allowed.get(metric, DEFAULT_TOLERANCE),
        )
        for row, figures in old.rows.items()
        if row in new.rows
        for metric, before in figures.items()
        if not metrics or metric in metrics
    ]
    missing = [Mismatch(str(row), "row is missing") for row in old.rows if row not in new.rows]
    extra = [
        Mismatch(str(row), "row is not in the baseline") for row in new.rows if row not in old.rows
    ]
    return ResultComparison(tuple(cells), (*_other_conditions(old, new), *missing, *extra))


def _other_conditions(old: StoredResults, new: StoredResults) -> list[Mismatch]:
    return [
        Mismatch(entry, f"{name} was {before}, is {new.conditions[entry][name]}")
        for entry, conditions in old.conditions.items()
        if entry in new.conditions
        for name, before in conditions.items()
        if before != new.conditions[entry][name]
    ]


def read_tolerances(pairs: Sequence[str], known: Collection[str]) -> dict[str, float]:
    """The tolerances of texts such as "top1_loc=0.5".

    Args:
        pairs: the texts.
        known: the names of all metrics.

    Raises:
        UsageError: one has another form, an unknown metric or an invalid number of points.
    """
    tolerances = {}
    for pair in pairs:
        metric, _, points = pair.rpartition("=")
        try:
            tolerances[metric] = require_tolerance(metric, float(points), known)
        except ValueError as error:
            raise UsageError(
                f"--tolerance {pair}: {error}. Expected METRIC=POINTS, such as top1_loc=0.5."
            ) from error
    return tolerances


def percent_text(figure: float | None) -> str:
    """A figure with three decimals, which distinguish one image of 50,000; "none" without."""
    return "none" if figure is None else f"{figure:.3f}"
