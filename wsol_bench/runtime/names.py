"""The printable form of file and image names in messages, tables and JSON."""

from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import quote

NAMES_SHOWN = 3
_LONGEST = 120
"""Characters of a file name; with a suffix it fits every file system."""


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


def file_name(name: str) -> str:
    """The name of a file for any name: of a method, an image, a class.

    Names come from files of others. What could leave a folder, hide a file or mean something
    to a shell or a file system is escaped as in a URL; equal file names mean equal names.

    Example:
        >>> file_name("grad_cam"), file_name("../../x"), file_name("")
        ('grad_cam', '%2E.%2F..%2Fx', '%')
    """
    escaped = quote(name, safe="=,+@ ", errors="surrogateescape") or "%"
    if escaped.startswith("."):
        escaped = f"%2E{escaped[1:]}"
    if len(escaped) > _LONGEST:
        digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        escaped = f"{escaped[: _LONGEST - 17]}%{digest}"
    return escaped
