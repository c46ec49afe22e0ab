"""Help texts without the line breaks of their source, so that any terminal may break them."""

import re
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])
_SECTION = re.compile(r"^\w+\n-{3,}$", re.M)
"""Where numpydoc's sections begin: names at the margin, descriptions indented."""
_IN_PARAGRAPH = re.compile(r"(?<=\S)\n(?=\S)")
_IN_ATTRIBUTE = re.compile(r"(?<=\S)\n {12}(?=\S)")
_IN_DESCRIPTION = re.compile(r"(?<=\S)\n +(?=\S)")


def with_joined_lines(command: Command) -> Command:
    """The same command; in its docstring each paragraph is one line."""
    command.__doc__ = joined(command.__doc__ or "")
    return command


def with_joined_attributes(settings: type) -> type:
    """The same dataclass; in its Google docstring each attribute's description is one line."""
    settings.__doc__ = _IN_ATTRIBUTE.sub(" ", settings.__doc__ or "")
    return settings


def joined(text: str) -> str:
    """A numpydoc docstring whose paragraphs and descriptions are one line each."""
    clean = cleandoc(text)
    section = _SECTION.search(clean)
    start = section.start() if section else len(clean)
    entries = re.split(r"\n(?=\S)", clean[start:])  # a name and its description each
    texts = [_entry(*entry.partition("\n")) for entry in entries]
    return _IN_PARAGRAPH.sub(" ", clean[:start]) + "\n".join(texts)


def _entry(name: str, newline: str, description: str) -> str:
    return f"{name}{newline}{_IN_DESCRIPTION.sub(' ', description)}"
