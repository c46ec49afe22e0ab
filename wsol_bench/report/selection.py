"""Which images of a run a figure shows: named ones, the best, the worst, or some at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from wsol_bench.errors import DataError, UsageError
from wsol_bench.wording import shown

FEW = 4
"""How many images `best`, `worst` or `random` are where no number is given."""
SETS = ("best", "worst", "random")


@dataclass(frozen=True, slots=True)
class Candidates:
    """The images of a run, n of them, in the order of the dataset.

    Attributes:
        image_ids: of the images.
        ious: (n,) the mean IoU over the methods to rank by.
        left_out: (n,) bool; blacklisted or unreadable images, shown only by name.
    """

    image_ids: Sequence[str]
    ious: NDArray[np.float64]
    left_out: NDArray[np.bool_]


def choose(wanted: str, candidates: Candidates, seed: int) -> tuple[int, ...]:
    """The places of the images to show, each once, in the order asked for.

    Args:
        wanted: image ids and sets between commas; a set is best, worst or random, with
            ":N" for how many. `best` falls and `worst` rises by IoU, random keeps the
            dataset's order; ties go to the earlier image.
        candidates: the run's images.
        seed: of `random`.

    Raises:
        UsageError: nothing is asked for, or a number is none.
        DataError: the run has no such image; says which are near.
    """
    places = {image_id: place for place, image_id in enumerate(candidates.image_ids)}
    chosen: dict[int, None] = {}
    for each in (part.strip() for part in wanted.split(",")):
        if not each:
            continue
        name, colon, number = each.partition(":")
        if each in places:
            chosen[places[each]] = None
        elif name in SETS:
            count = _count(each, number) if colon else FEW
            chosen |= dict.fromkeys(_set(name, count, candidates, seed))
        else:
            raise _unknown(each, candidates.image_ids)
    if not chosen:
        raise UsageError(f"--images {shown(wanted)}: expected image ids, or best, worst, random:5.")
    return tuple(chosen)


def _count(asked: str, number: str) -> int:
    if not number.isdecimal() or int(number) < 1:
        raise UsageError(f"--images {shown(asked)}: expected a number from 1 on after the colon.")
    return int(number)


def _set(name: str, count: int, candidates: Candidates, seed: int) -> list[int]:
    allowed = np.flatnonzero(~candidates.left_out)
    count = min(count, len(allowed))
    if name == "random":
        drawn = np.random.default_rng(seed).choice(len(allowed), count, replace=False)
        return [int(place) for place in allowed[np.sort(drawn)]]
    sign = -1.0 if name == "best" else 1.0
    order = np.argsort(sign * candidates.ious[allowed], kind="stable")
    return [int(place) for place in allowed[order[:count]]]


def _unknown(image_id: str, known: Sequence[str]) -> DataError:
    near = get_close_matches(image_id, known, n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(map(shown, near))}?" if near else ""
    return DataError(
        f"--images: the run has no image {shown(image_id)!r}.{hint} It has {len(known):,}, such as "
        f"{shown(known[0])}. Expected ids of them, or best, worst, random:5."
    )
