"""The printable form of file and image names in messages, tables and JSON."""

from collections.abc import Sequence

NAMES_SHOWN = 3


def shown(name: str) -> str:
    r"""Escapes a name so that it can be printed, written and encoded as JSON.

    Bytes that are not UTF-8, which Python holds as lone surrogates, become \udcXX.
    Characters that move the cursor, break a line or change the direction of text become
    \xXX or \uXXXX, so that a message stays on one line and cannot be forged.
    """
    if name.isprintable():
        return name
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )


def first_names(names: Sequence[str], count: int = NAMES_SHOWN) -> str:
    """The first names of a list, and the number of further ones.

    Args:
        names: at least one.
        count: the number of names to list.
    """
    listed = ", ".join(shown(name) for name in names[:count])
    more = len(names) - count
    return f"{listed} and {more:,} more" if more > 0 else listed


def last_part(path: str) -> str:
    """The last part of a path, after a prefix such as `caffe:` if it has one.

    Reports are passed on; the folders of the machine that wrote them are private.
    """
    prefix, colon, rest = path.partition(":")
    if colon and rest:
        return f"{prefix}:{last_part(rest)}"
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2] or path
