"""The devkit's class ids: 1..1000 in an order of its own, which is not the WNIDs'.

The ids of the CLS-LOC task never changed: ILSVRC2012_ID, ILSVRC2015_CLSLOC_ID and the
second column of the devkit's map_clsloc.txt are the same. The devkit of 2015 states so of
its meta_clsloc.mat and of its validation ground truth (readme.txt, sections 3.1 and
3.2.2). The ids of the detection task (1..200) and those of ILSVRC2010 are others.

The package contains the 1,000 pairs in devkit_ids.txt, WNID and id, in the devkit's order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names, shown

OFFICIAL_SOURCE = "the devkit's 1,000 CLS-LOC ids"


@dataclass(frozen=True, slots=True)
class DevkitIds:
    """A dataset's class indices and the ids that a prediction file has for them.

    Attributes:
        ids: the id of each class index.
        index_of: id to class index, also for ids that `ids` does not need: those have
            a class index of -1, since no image of the dataset can be of that class.
        source: where the ids come from, for messages.
    """

    ids: tuple[int, ...]
    index_of: Mapping[int, int]
    source: str


def devkit_ids(wnids: Sequence[str], class_map: Path | None = None) -> DevkitIds:
    """The ids of a dataset's classes.

    Args:
        wnids: the dataset's classes; position is the class index.
        class_map: a file in the form of the devkit's map_clsloc.txt, "n02119789 1 kit_fox"
            on each line; default: the devkit's own ids.

    Raises:
        DataError: the file is absent or bad, names the line; or a class is not in it.
    """
    if class_map is None:
        pairs, source = _official_pairs(), OFFICIAL_SOURCE
    else:
        pairs, source = parse_pairs(_read_text(class_map), shown(str(class_map))), str(class_map)
    absent = [wnid for wnid in wnids if wnid not in pairs]
    if absent:
        raise DataError(
            f"{len(absent):,} of {len(wnids):,} classes have no id in {shown(source)}: "
            f"{first_names(absent)}. Give a file that has them with --class-map: a WNID and an "
            "id on each line."
        )
    index_of = dict.fromkeys(pairs.values(), -1)
    index_of |= {pairs[wnid]: index for index, wnid in enumerate(wnids)}
    return DevkitIds(tuple(pairs[wnid] for wnid in wnids), index_of, source)


def parse_pairs(text: str, source: str) -> dict[str, int]:
    """Reads lines "WNID id name"; the name is optional and disregarded.

    Raises:
        DataError: no line, a line in another form, or a WNID or id that comes twice.
    """
    pairs: dict[str, int] = {}
    used: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        if (
            len(fields) < 2
            or not (fields[1].isascii() and fields[1].isdigit())
            or not int(fields[1])
        ):
            raise DataError(
                f"{source}, line {number}: expected a WNID and an id from 1 on, such as "
                f'"n02119789 1 kit_fox", got {line[:60]!r}. Correct the line.'
            )
        wnid, identity = fields[0], int(fields[1])
        if wnid in pairs or identity in used:
            raise DataError(
                f"{source}, line {number}: {shown(wnid)} or the id {identity} occurs on an "
                "earlier line. Expected each WNID and each id once."
            )
        pairs[wnid] = identity
        used[identity] = wnid
    if not pairs:
        raise DataError(f"{source} is empty. Expected a WNID and an id on each line.")
    return pairs


@cache
def _official_pairs() -> Mapping[str, int]:
    file = resources.files("wsol_bench.datasets") / "devkit_ids.txt"
    return parse_pairs(file.read_text(encoding="utf-8"), OFFICIAL_SOURCE)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"--class-map {shown(str(path))}: cannot be read as text ({error})."
        ) from error
