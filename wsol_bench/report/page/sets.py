"""Which images of a run are pictured, and in which sets they stand.

A page cannot hold 50,000 images. Every set gives its first images in turn, so a limit
makes all sets shorter and drops none, and an even sample of the whole run fills what
is left: what a reader sees is then not only the extremes.
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
"""Images of a method's best, worst and median."""

PER_KIND = 4
"""Images of each kind of failure of a method."""

ACROSS = 12
"""Images of a set that is of all methods."""

METRIC = "top1_loc"
"""Under which the gallery's images are chosen; the page shows them under any."""

BEST, WORST, MEDIAN = "best", "worst", "median"
DISAGREE, DEGENERATE, SAMPLE = "disagree", "degenerate", "sample"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the rows of a run came to, m methods and n images in the dataset's order.

    Attributes:
        ious: (m, n) of the label's box.
        kinds: (m, n) codes into `failures.KINDS`.
        degenerate: (m, n) whether the map said nothing.
        has_map: (m,) whether the method makes maps.
    """

    ious: NDArray[np.float64]
    kinds: NDArray[np.int64]
    degenerate: NDArray[np.bool_]
    has_map: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sets:
    """Which images are pictured, as places in the dataset's order.

    Attributes:
        chosen: every one of them, in the order in which a size limit admits them.
        by_method: set -> method's number -> places in the set's order.
        across: set -> places in the set's order.
    """

    chosen: tuple[int, ...]
    by_method: Mapping[str, tuple[tuple[int, ...], ...]]
    across: Mapping[str, tuple[int, ...]]


def verdicts_of(run: ReportRun) -> Verdicts:
    """The verdicts of a run's rows, from its records."""
    states = [row.table["map_state"].to_pylist() for row in run.rows]
    return Verdicts(
        ious=np.stack([row.table["iou"].to_numpy() for row in run.rows]),
        kinds=kinds_of(run, METRIC),
        degenerate=~np.isin(states, [str(MapState.OK), str(MapState.UNREADABLE)]),
        has_map=np.array([row.has_map for row in run.rows]),
    )


def kinds_of(run: ReportRun, metric: str) -> NDArray[np.int64]:
    """What each image came to under a metric, (m, n) codes into `failures.KINDS`."""
    return np.stack(
        [failure_kinds(row.table, row.method, run.protocol, metric) for row in run.rows]
    )


def sets_of(verdicts: Verdicts, limit: int) -> Sets:
    """Chooses at most `limit` images, and says which sets hold which of them."""
    by_method = {
        BEST: tuple(_ends(ious)[::-1][:PER_SET] for ious in verdicts.ious),
        WORST: tuple(_ends(ious)[:PER_SET] for ious in verdicts.ious),
        MEDIAN: tuple(_middle(_ends(ious)) for ious in verdicts.ious),
    }
    across = {DISAGREE: _disagreeing(verdicts), DEGENERATE: _degenerate(verdicts)}
    asked = [places for sets in by_method.values() for places in sets]
    asked += [*across.values(), *_failures(verdicts)]
    turns = (place for turn in zip_longest(*asked) for place in turn if place is not None)
    n = verdicts.ious.shape[1]
    first = list(dict.fromkeys(turns))[:limit]
    sample = _spread(range(n), max(limit - len(first), min(ACROSS, limit)))
    rest = np.setdiff1d(np.arange(n), [*first, *sample]).tolist()
    chosen = tuple(dict.fromkeys([*first, *sample, *_spread(rest, limit)]))[:limit]
    return Sets(chosen, by_method, {**across, SAMPLE: sample})


def _ends(ious: NDArray[np.float64]) -> tuple[int, ...]:
    """Places by rising IoU, equal ones in order."""
    return tuple(np.argsort(ious, kind="stable").tolist())


def _middle(rising: Sequence[int]) -> tuple[int, ...]:
    start = max(0, (len(rising) - PER_SET) // 2)
    return tuple(rising[start : start + PER_SET])


def _disagreeing(verdicts: Verdicts) -> tuple[int, ...]:
    """The images on which the IoUs of methods with maps lie furthest apart."""
    ious = verdicts.ious[verdicts.has_map]
    if len(ious) < 2:
        return ()
    spread = ious.max(axis=0) - ious.min(axis=0)
    order = np.argsort(-spread, kind="stable")
    return tuple(place for place in order[:ACROSS].tolist() if spread[place] > 0)


def _degenerate(verdicts: Verdicts) -> tuple[int, ...]:
    places = np.flatnonzero(verdicts.degenerate.any(axis=0)).tolist()
    return _spread(places, ACROSS)


def _failures(verdicts: Verdicts) -> Iterator[tuple[int, ...]]:
    for kinds in verdicts.kinds:
        for code, kind in enumerate(KINDS):
            if kind is not FailureKind.RIGHT:
                yield _spread(np.flatnonzero(kinds == code).tolist(), PER_KIND)


def _spread(places: Sequence[int], count: int) -> tuple[int, ...]:
    """At most `count` of the places, evenly spaced."""
    if count <= 0 or not len(places):
        return ()
    steps = np.linspace(0, len(places) - 1, min(count, len(places)))
    return tuple(dict.fromkeys(places[round(float(step))] for step in steps))
