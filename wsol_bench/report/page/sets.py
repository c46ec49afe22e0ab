"""Selection of the images of a run for the gallery.

A page cannot hold 50,000 images. The sets contribute their images in turn, so that a limit
shortens all sets and drops none, and an even sample of the whole run fills the rest, so that
the gallery does not consist of extremes alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.failures import KINDS, FailureKind, failure_kinds
from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.boxes.map_state import MapState

PER_SET = 6
"""Number of images in a method's sets best, worst and median."""

PER_KIND = 4
"""Number of images of each kind of failure of a method."""

ACROSS = 12
"""Number of images in a set over all methods."""

METRIC = "top1_loc"
"""The metric by which images are selected; the page shows them under any metric."""

BEST, WORST, MEDIAN = "best", "worst", "median"
DISAGREE, DEGENERATE, SAMPLE = "disagree", "degenerate", "sample"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The outcomes of a run under m methods for n images, in the dataset's order.

    Attributes:
        ious: (m, n) of the predicted box.
        kinds: (m, n) codes into `failures.KINDS`.
        degenerate: (m, n) whether the map is degenerate.
        has_map: (m,) whether the method makes maps.
    """

    ious: NDArray[np.float64]
    kinds: NDArray[np.int64]
    degenerate: NDArray[np.bool_]
    has_map: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sets:
    """The images of the gallery, as indices in the dataset's order.

    Attributes:
        chosen: all of them, in the order in which they are admitted under a size limit.
        by_method: set -> index of the method -> indices in the set's order.
        across: set -> indices in the set's order.
    """

    chosen: tuple[int, ...]
    by_method: Mapping[str, tuple[tuple[int, ...], ...]]
    across: Mapping[str, tuple[int, ...]]


def outcomes_of(run: ReportRun) -> Outcomes:
    """The outcomes of a run, from its records."""
    states = [row.table["map_state"].to_pylist() for row in run.rows]
    return Outcomes(
        ious=np.stack([row.table["iou"].to_numpy() for row in run.rows]),
        kinds=kinds_of(run, METRIC),
        degenerate=~np.isin(states, [str(MapState.OK), str(MapState.UNREADABLE)]),
        has_map=np.array([row.has_map for row in run.rows]),
    )


def kinds_of(run: ReportRun, metric: str) -> NDArray[np.int64]:
    """The outcome of each image under a metric, (m, n) codes into `failures.KINDS`."""
    return np.stack(
        [failure_kinds(row.table, row.method, run.protocol, metric) for row in run.rows]
    )


def sets_of(outcomes: Outcomes, limit: int) -> Sets:
    """Selects at most `limit` images, and assigns them to their sets."""
    by_method = {
        BEST: tuple(_ends(ious)[::-1][:PER_SET] for ious in outcomes.ious),
        WORST: tuple(_ends(ious)[:PER_SET] for ious in outcomes.ious),
        MEDIAN: tuple(_middle(_ends(ious)) for ious in outcomes.ious),
    }
    across = {DISAGREE: _disagreeing(outcomes), DEGENERATE: _degenerate(outcomes)}
    asked = [places for sets in by_method.values() for places in sets]
    asked += [*across.values(), *_failures(outcomes)]
    turns = (place for turn in zip_longest(*asked) for place in turn if place is not None)
    n = outcomes.ious.shape[1]
    first = list(dict.fromkeys(turns))[:limit]
    sample = _spread(range(n), max(limit - len(first), min(ACROSS, limit)))
    rest = np.setdiff1d(np.arange(n), [*first, *sample]).tolist()
    chosen = tuple(dict.fromkeys([*first, *sample, *_spread(rest, limit)]))[:limit]
    return Sets(chosen, by_method, {**across, SAMPLE: sample})


def _ends(ious: NDArray[np.float64]) -> tuple[int, ...]:
    """Indices in ascending order of IoU; ties keep their order."""
    return tuple(np.argsort(ious, kind="stable").tolist())


def _middle(ascending: Sequence[int]) -> tuple[int, ...]:
    start = max(0, (len(ascending) - PER_SET) // 2)
    return tuple(ascending[start : start + PER_SET])


def _disagreeing(outcomes: Outcomes) -> tuple[int, ...]:
    """Images with the maximum range of IoUs over the methods with maps."""
    ious = outcomes.ious[outcomes.has_map]
    if len(ious) < 2:
        return ()
    spread = ious.max(axis=0) - ious.min(axis=0)
    order = np.argsort(-spread, kind="stable")
    return tuple(place for place in order[:ACROSS].tolist() if spread[place] > 0)


def _degenerate(outcomes: Outcomes) -> tuple[int, ...]:
    places = np.flatnonzero(outcomes.degenerate.any(axis=0)).tolist()
    return _spread(places, ACROSS)


def _failures(outcomes: Outcomes) -> Iterator[tuple[int, ...]]:
    for kinds in outcomes.kinds:
        for code, kind in enumerate(KINDS):
            if kind is not FailureKind.RIGHT:
                yield _spread(np.flatnonzero(kinds == code).tolist(), PER_KIND)


def _spread(places: Sequence[int], count: int) -> tuple[int, ...]:
    """At most `count` of the indices, evenly spaced."""
    if count <= 0 or not len(places):
        return ()
    steps = np.linspace(0, len(places) - 1, min(count, len(places)))
    return tuple(dict.fromkeys(places[round(float(step))] for step in steps))
