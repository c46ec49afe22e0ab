"""Support for conventions of the project's docstrings that Sphinx does not know."""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

SEVERAL = re.compile(r"(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>\S.*)")
"""`height, width: size of the image`, one description of several arguments."""

ARRAY = re.compile(r"[~\w.]*ndarray\[tuple\[[~\w.]*Any, \.\.\.\], [~\w.]*dtype\[[~\w.]*?(\w+)\]\]")
"""How Python prints NDArray[...]."""


def _one_by_one(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Repeats a shared description for each argument, because fields of Sphinx cannot share it."""
    made: list[str] = []
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        several = SEVERAL.fullmatch(line)
        if not several:
            made.append(line)
            continue
        deeper = several["indent"] + " "
        more = []
        while rest and rest[0].startswith(deeper):
            more.append(rest.pop(0))
        for each in several["names"].split(", "):
            made += [f"{several['indent']}{each}: {several['text']}", *more]
    lines[:] = made


def _plain(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """A signature without noise, such as the <factory> of a dataclass, which is not Python."""
    if not signature:
        return None
    return tuple(
        part and ARRAY.sub(r"NDArray[\1]", part).replace("<factory>", "...")
        for part in (signature, returns)
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Runs before napoleon, which parses the sections of the docstring."""
    app.connect("autodoc-process-docstring", _one_by_one, priority=400)
    app.connect("autodoc-process-signature", _plain)
    for each in PyObject.doc_field_types:
        if each.name == "variable":
            each.label = "Attributes"  # the docstrings' own heading instead of Sphinx's "Variables"
    return {"parallel_read_safe": True}
