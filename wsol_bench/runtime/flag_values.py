"""Parsing of flag values, stricter than cyclopts's own."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cyclopts import Parameter, Token

from wsol_bench.errors import UsageError
from wsol_bench.specs import split_specs


def expanded(path: str | Path) -> Path:
    """The path with ~ replaced by the home folder, if there is such a user."""
    with suppress(RuntimeError):  # "~nobody/x": there is no such user, so no such folder
        return Path(path).expanduser()
    return Path(path)


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


def _specs(kind: Any, tokens: Sequence[Token]) -> tuple[str, ...]:
    """The specs of a flag that may be repeated."""
    return tuple(spec for token in tokens for spec in split_specs(token.value))


def _numbers(kind: Any, tokens: Sequence[Token]) -> tuple[float, ...]:
    """The numbers between commas; a fraction such as 1/255 is one."""
    text = tokens[0].value
    try:
        return tuple(_of_fraction(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{_flag(tokens)} {text}: expected comma-separated numbers.") from None


def _number(kind: Any, tokens: Sequence[Token]) -> float:
    """One number, or a fraction such as 1/255."""
    return _numbers(kind, tokens)[0]


def _of_fraction(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


def _gate(kind: Any, tokens: Sequence[Token]) -> float | str:
    """A percentage, or "published"."""
    text = tokens[0].value
    if text == "published":
        return text
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"--gate {text}: expected a per cent, 0 to 100, or nothing after it.")
    return percent


WHOLE = Parameter(converter=_whole)
"""Parameter of a flag that takes a whole number."""
PATH = Parameter(converter=_path)
"""Parameter of a flag that takes a path."""
SPECS = Parameter(converter=_specs, negative=())
"""Parameter of a flag that takes specs and may be repeated."""
NUMBERS = Parameter(converter=_numbers, negative=(), n_tokens=1)
"""Parameter of a flag that takes comma-separated numbers."""
NUMBER = Parameter(converter=_number)
"""Parameter of a flag that takes a number or a fraction."""
GATE = Parameter(converter=_gate)
"""Parameter of a flag that takes a percentage or nothing."""
SWITCH = Parameter(negative=())
"""Parameter of a flag without a value, which cannot be negated."""
