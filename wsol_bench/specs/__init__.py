"""The one grammar of names with options: `NAME[:option=value]...`, separated by commas.

A spec is split at `:`; parts with `=` are options, the rest is the name. Specs are separated
by commas; a spec in double quotes is not split at commas, and `""` inside them is one quote.
A spec whose name begins with a prefix of `PATH_PREFIXES` holds a path, which runs to the
last `:key=` whose key is an option there, so that it may hold `:`, `,` and `=` itself.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from wsol_bench.errors import UsageError

PATH_PREFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"maps": ("name", "per_class"), "boxes": ("name", "box_ends", "any_class")}
)
"""Prefix of a spec that names a path -> the options that may follow it."""

NAME = re.compile(r"[A-Za-z0-9_.+-]{1,60}")
"""The values of `name=`: tables show it, so it is short and plain."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One name with its options, as text.

    Attributes:
        text: the whole spec as written, without quotes around it.
        name: such as "grad_cam", "my_maps.py:blur" or "maps:DIR".
        options: (option, value) pairs in the order written.
    """

    text: str
    name: str
    options: tuple[tuple[str, str], ...]


def split_specs(text: str) -> tuple[str, ...]:
    """The specs of a comma-separated text, without the quotes around them.

    Raises:
        UsageError: a quote is not closed, or text follows one.
    """
    found: list[str] = []
    at = 0
    while at <= len(text):
        start = at + len(text[at:]) - len(text[at:].lstrip())
        if text.startswith('"', start):
            spec, at = _quoted(text, start)
        else:
            comma = text.find(",", at)
            end = len(text) if comma < 0 else comma
            spec, at = text[at:end].strip(), end + 1
        if spec:
            found.append(spec)
    return tuple(found)


def _quoted(text: str, start: int) -> tuple[str, int]:
    """The spec in the quotes that open at `start`, and where the next spec begins."""
    end = start + 1
    while True:
        end = text.find('"', end)
        if end < 0:
            raise UsageError(f"{text}: a double quote is not closed.")
        if not text.startswith('""', end):
            break
        end += 2
    rest = text[end + 1 :].lstrip()
    if rest and not rest.startswith(","):
        raise UsageError(f"{text}: expected a comma after the closing quote, got {rest[:20]!r}.")
    comma = text.find(",", end)
    return text[start + 1 : end].replace('""', '"').strip(), comma + 1 if rest else len(text) + 1


def specs_in(names: str | Iterable[object]) -> tuple[object, ...]:
    """The specs of a text, or the elements of a list as they are: a list is never split."""
    if isinstance(names, str):
        return split_specs(names)
    return tuple(each.strip() if isinstance(each, str) else each for each in names)


def parse_spec(text: str) -> Spec:
    """A spec's name and options.

    Raises:
        UsageError: it has no name, an option without a key or value, or one option twice.
    """
    prefix = text.partition(":")[0]
    name, parts = (
        _path_spec(text, PATH_PREFIXES[prefix]) if prefix in PATH_PREFIXES else _plain_spec(text)
    )
    options: dict[str, str] = {}
    for part in parts:
        key, _, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if not key or not value:
            raise UsageError(f"{text}: expected OPTION=VALUE, got {part!r}.")
        if key in options:
            raise UsageError(f"{text}: the option {key} is given twice.")
        options[key] = value
    if not name:
        raise UsageError(f"{text}: expected a name before its options, such as grad_cam.")
    return Spec(text, name, tuple(options.items()))


def _plain_spec(text: str) -> tuple[str, list[str]]:
    parts = text.split(":")
    return (
        ":".join(part for part in parts if "=" not in part).strip(),
        [part for part in parts if "=" in part],
    )


def _path_spec(text: str, keys: tuple[str, ...]) -> tuple[str, list[str]]:
    options: list[str] = []
    while True:
        head, colon, last = text.rpartition(":")
        if not colon or last.partition("=")[0] not in keys or "=" not in last:
            return text, options[::-1]
        text, options = head, [*options, last]


def short_name(name: str) -> str:
    """A spec's name with a path in it cut to its last part, as rows show it.

    `maps/mine/blur.py:blur` becomes `blur.py:blur`, `maps:out/grad_cam` becomes
    `maps:grad_cam`.
    """
    prefix, colon, path = name.partition(":")
    if prefix in PATH_PREFIXES and colon:
        return f"{prefix}:{PurePath(path).name}"
    return f"{PurePath(prefix).name}{colon}{path}" if prefix.endswith(".py") else name
