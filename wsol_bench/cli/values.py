"""How values of flags are read where cyclopts is more lenient than a user would wish."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import Parameter, Token

from wsol_bench.errors import UsageError
from wsol_bench.settings import DEFAULT_METHODS, expanded
from wsol_bench.specs import split_specs


def _whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts itself would round 2.7 to 3."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{_flag(tokens)} {text}: expected a whole number, such as 10.") from None


def _path(kind: Any, tokens: Sequence[Token]) -> Path:
    """A path with its ~ replaced, which a shell leaves as it is after --out=."""
    text = tokens[0].value
    if not text:
        raise UsageError(f"{_flag(tokens)}: expected a path, got an empty text.")
    return expanded(text)


def _flag(tokens: Sequence[Token]) -> str:
    return tokens[0].keyword or "value"


def method_specs(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The specs of a flag that may be repeated; by default those of Table 1 and the baseline."""
    if texts is None:
        return DEFAULT_METHODS
    return tuple(spec for text in texts for spec in split_specs(text))


WHOLE = Parameter(converter=_whole)
"""Of a flag that takes a whole number."""
PATH = Parameter(converter=_path)
"""Of a flag that takes a path."""
