"""How values of flags are read where cyclopts is more lenient than a user would wish."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

from wsol_bench.errors import UsageError
from wsol_bench.settings import DEFAULT_METHODS, expanded
from wsol_bench.specs import split_specs

if TYPE_CHECKING:
    from wsol_bench.scoring.metric import BoundMetric


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


def refuse_flags(command: str, flags: Mapping[str, object], why: str) -> None:
    """Refuses flags of another mode of a command, which would do nothing.

    Args:
        command: as the user called it.
        flags: flag -> its value, or None where it was not given.
        why: what the flag belongs to.

    Raises:
        UsageError: one was given.
    """
    for flag, value in flags.items():
        if value is not None:
            raise UsageError(f"{command}: {flag} {why}. Leave it out.")


def method_specs(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The specs of a flag that may be repeated; by default those of Table 1 and the baseline."""
    if texts is None:
        return DEFAULT_METHODS
    return tuple(spec for text in texts for spec in split_specs(text))


def numbers(flag: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers between commas; a fraction such as 1/255 is one.

    Raises:
        UsageError: a part is no number; names the flag.
    """
    if text is None:
        return None
    try:
        return tuple(_number(part) for part in text.split(","))
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"{flag} {text}: expected numbers with commas between.") from None


def _number(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)


Metrics = Annotated[list[str] | None, Parameter(negative=())]
"""Of a flag that takes specs of metrics; it may be repeated."""


def metrics_asked(texts: Sequence[str] | None) -> "tuple[BoundMetric, ...]":
    """The metrics of the flag's texts; none, which takes the protocol's, without the flag.

    Raises:
        UsageError: there is no such metric or option.
    """
    if not texts:
        return ()
    from wsol_bench.scoring.catalog import metrics_in  # what a command without it need not import

    return metrics_in(",".join(texts))


WHOLE = Parameter(converter=_whole)
"""Of a flag that takes a whole number."""
PATH = Parameter(converter=_path)
"""Of a flag that takes a path."""
