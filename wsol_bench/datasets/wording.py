"""How names of files and images appear in messages."""

from collections.abc import Sequence

NAMES_SHOWN = 3


def shown(name: str) -> str:
    r"""A name that can be printed anywhere; bytes that are not UTF-8 become \udcXX."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def first_names(names: Sequence[str], count: int = NAMES_SHOWN) -> str:
    """The first few names, and how many more there are.

    Args:
        names: at least one.
        count: how many to spell out.
    """
    listed = ", ".join(shown(name) for name in names[:count])
    more = len(names) - count
    return f"{listed} and {more:,} more" if more > 0 else listed
