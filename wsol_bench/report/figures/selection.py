"""Selection of the images of a run that a figure shows: by id, or from a set such as `worst`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from wsol_bench.analysis.failures import KINDS
from wsol_bench.errors import DataError, UsageError
from wsol_bench.runtime.names import shown

FEW = 4
"""Default number of images of a set."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The n images of a run in the order of the dataset, under m methods.

    Attributes:
        image_ids: of the images.
        ious: (m, n) of the predicted box.
        degenerate: (n,) whether the map of any method is degenerate.
        left_out: (n,) blacklisted or unreadable images, which only their id selects.
        kinds: returns the (m, n) codes into `failures.KINDS`.
    """

    image_ids: Sequence[str]
    ious: NDArray[np.float64]
    degenerate: NDArray[np.bool_]
    left_out: NDArray[np.bool_]
    kinds: Callable[[], NDArray[np.int64]]


def choose(wanted: str, candidates: Candidates, seed: int) -> tuple[int, ...]:
    """The indices of the images to show, each once, in the order requested.

    Args:
        wanted: comma-separated image ids and names of `SETS`; a set may have ":N" for the
            number of images. Ties go to the earlier image.
        candidates: the run's images.
        seed: of the set `random`.

    Raises:
        UsageError: nothing is requested, or a number is invalid.
        DataError: the run has no such image; names similar ids. Or a set is empty.
    """
    places = {image_id: place for place, image_id in enumerate(candidates.image_ids)}
    chosen: dict[int, None] = {}
    for each in (part.strip() for part in wanted.split(",")):
        if not each:
            continue
        name, colon, number = each.partition(":")
        name = name.strip().replace("_", " ").replace("-", " ")
        if each in places:
            chosen[places[each]] = None
        elif name in SETS:
            count = _count(each, number) if colon else FEW
            chosen |= dict.fromkeys(_first(name, count, candidates, seed))
        else:
            raise _unknown(each, candidates.image_ids)
    if not chosen:
        raise UsageError(f"--images {shown(wanted)}: expected image ids, or {_ALL_SETS}.")
    return tuple(chosen)


def _count(wanted: str, number: str) -> int:
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(f"--images {shown(wanted)}: expected a number >= 1 after the colon.")
    return int(number)


def _first(name: str, count: int, candidates: Candidates, seed: int) -> list[int]:
    allowed = np.flatnonzero(~candidates.left_out)
    found = SETS[name](candidates, allowed, min(count, len(allowed)), seed)
    if not len(found):
        raise DataError(
            f"--images {name}: the run has no such image under these methods. Choose another "
            f"set: {_ALL_SETS}."
        )
    return [int(place) for place in found]


Places = NDArray[np.int64]
_Set = Callable[[Candidates, Places, int, int], Places]
"""(candidates, allowed indices, number, seed) -> chosen indices, in order."""


def _ascending(candidates: Candidates, allowed: Places) -> Places:
    """In ascending order of the mean IoU over the methods."""
    return allowed[np.argsort(candidates.ious.mean(axis=0)[allowed], kind="stable")]


def _best(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    means = candidates.ious.mean(axis=0)[allowed]
    return allowed[np.argsort(-means, kind="stable")[:count]]


def _worst(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    return _ascending(candidates, allowed)[:count]


def _median(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    start = (len(allowed) - count) // 2
    return _ascending(candidates, allowed)[start : start + count]


def _random(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    drawn = np.random.default_rng(seed).choice(len(allowed), count, replace=False)
    return allowed[np.sort(drawn)]


def _disagree(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    """Images with the maximum range of IoUs over the methods, if it is above 0."""
    apart = np.ptp(candidates.ious, axis=0)[allowed]
    order = np.argsort(-apart, kind="stable")[:count]
    return allowed[order[apart[order] > 0]]


def _degenerate(candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    return _spread(allowed[candidates.degenerate[allowed]], count)


def _of_kind(code: int, candidates: Candidates, allowed: Places, count: int, seed: int) -> Places:
    """Images with this kind of failure under any of the methods."""
    return _spread(allowed[(candidates.kinds() == code).any(axis=0)[allowed]], count)


def _spread(places: Places, count: int) -> Places:
    """At most `count` of the indices, evenly spaced over the run."""
    steps = np.linspace(0, len(places) - 1, min(count, len(places)))
    return places[np.round(steps).astype(np.int64)]


SETS: Mapping[str, _Set] = MappingProxyType(
    {
        "best": _best,
        "worst": _worst,
        "median": _median,
        "random": _random,
        "disagree": _disagree,
        "degenerate": _degenerate,
        **{str(kind): partial(_of_kind, code) for code, kind in enumerate(KINDS)},
    }
)
"""Names that select a set of images; - and _ stand for a space."""

_ALL_SETS = f"{', '.join(SETS)}, each with :N for the number of images"


def _unknown(wanted: str, known: Sequence[str]) -> DataError:
    near = get_close_matches(wanted.partition(":")[0], [*SETS, *known], n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(map(shown, near))}?" if near else ""
    return DataError(
        f"--images: the run has no image {shown(wanted)!r}.{hint} It has {len(known):,} images, "
        f"such as {shown(known[0])}. Expected their ids, or {_ALL_SETS}."
    )
