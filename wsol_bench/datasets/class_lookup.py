"""Finding the class that a user names: by index, class id, name or part of a name."""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches

from wsol_bench.errors import UsageError

_LISTED = 5
"""Maximum number of classes that a message lists."""


def find_class(asked: str, class_ids: Sequence[str], names: Sequence[str]) -> int:
    """The index of the class that a text names.

    Tried in this order: an index, a class id, a whole name or one of its names between
    commas ("tabby" of "tabby, tabby cat"), whole words of a name, and last any part of
    one. Letter case does not count.

    Args:
        asked: as the user wrote it.
        class_ids: of the classes; position is the index.
        names: of the classes; several between commas are synonyms.

    Raises:
        UsageError: no class has this name (the message lists similar names), or several
            have it (the message lists them).
    """
    text = asked.strip().casefold()
    if text.isdecimal():
        return _by_index(int(text), asked, len(class_ids))
    if text and text in class_ids:
        return class_ids.index(text)
    word = re.compile(rf"\b{re.escape(text)}\b")
    synonyms = [_synonyms(name) for name in names]
    tests: tuple[Callable[[Sequence[str]], bool], ...] = (
        lambda each: text in each,
        lambda each: any(word.search(name) for name in each),
        lambda each: any(text in name for name in each),
    )
    for holds in tests:
        found = [index for index, each in enumerate(synonyms) if text and holds(each)]
        if len(found) > 1:
            raise _several(asked, found, class_ids, names)
        if found:
            return found[0]
    raise _unknown(asked, text, synonyms)


def first_name(name: str) -> str:
    """The first of the names between commas, where space is short."""
    return name.partition(",")[0].strip()


def _synonyms(name: str) -> list[str]:
    parts = [part.strip().casefold() for part in name.split(",")]
    return list(dict.fromkeys([name.casefold(), *parts]))


def _by_index(index: int, asked: str, count: int) -> int:
    if index >= count:
        raise UsageError(
            f"--class {asked}: the network has {count:,} classes. Expected an index from 0 to "
            f"{count - 1}, a WNID or a name."
        )
    return index


def _several(
    asked: str, found: Sequence[int], class_ids: Sequence[str], names: Sequence[str]
) -> UsageError:
    listed = "; ".join(f"{class_ids[index]} {names[index]}" for index in found[:_LISTED])
    more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return UsageError(
        f"--class {asked}: {len(found)} classes have this in their name: {listed}{more}. "
        "Name one of them by its WNID."
    )


def _unknown(asked: str, text: str, synonyms: Sequence[Sequence[str]]) -> UsageError:
    every = sorted({each for names in synonyms for each in names})
    near = get_close_matches(text, every, n=3, cutoff=0.6)
    hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    return UsageError(
        f"--class {asked}: no class has this name.{hint} Expected an index, a WNID such as "
        "n01440764, or a name or a part of it."
    )
