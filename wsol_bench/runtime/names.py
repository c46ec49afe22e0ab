"""How names of files and images appear in messages, tables and JSON."""

from collections.abc import Sequence

NAMES_SHOWN = 3


def shown(name: str) -> str:
    r"""A name that can be printed, written and put into JSON anywhere.

    Bytes that are not UTF-8, which Python holds as lone surrogates, become \udcXX. What
    moves the cursor, breaks a line or turns the direction of text becomes \xXX or \uXXXX,
    so that one message stays one line and says what it seems to say.
    """
    if name.isprintable():
        return name
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in name
    )


def first_names(names: Sequence[str], count: int = NAMES_SHOWN) -> str:
    """The first few names, and how many more there are.

    Args:
        names: at least one.
        count: how many to spell out.
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
