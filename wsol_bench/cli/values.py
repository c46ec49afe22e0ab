"""Parsing of flags that several commands share, stricter than cyclopts's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from wsol_bench.errors import UsageError
from wsol_bench.settings import DEFAULT_METHODS
from wsol_bench.specs import split_specs

if TYPE_CHECKING:
    from wsol_bench.scoring.metric import BoundMetric


def refuse_flags(command: str, flags: Mapping[str, object], why: str) -> None:
    """Refuses flags of another mode of a command, which would do nothing.

    Args:
        command: as the user called it.
        flags: flag -> its value, or None by default.
        why: the mode to which the flag belongs.

    Raises:
        UsageError: one was given.
    """
    for flag, value in flags.items():
        if value is not None:
            raise UsageError(f"{command}: {flag} {why}. Leave it out.")


Rows = Annotated[list[str] | None, Parameter(negative=())]
"""Parameter of a flag that takes names of rows; it may be repeated."""


def rows_asked(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The names of rows in a flag that may be repeated; none without the flag."""
    return tuple(name for text in texts or () for name in split_specs(text))


def method_specs(texts: Sequence[str] | None) -> tuple[str, ...]:
    """The specs of a flag that may be repeated; by default those of Table 1 and the baseline."""
    return DEFAULT_METHODS if texts is None else rows_asked(texts)


Runs = Annotated[list[Path], Parameter(name="RUN...")]
"""Argument of a command that takes several runs."""

Metrics = Annotated[list[str] | None, Parameter(negative=())]
"""Parameter of a flag that takes specs of metrics; it may be repeated."""


def metrics_asked(texts: Sequence[str] | None) -> "tuple[BoundMetric, ...]":
    """The metrics of the flag's texts; none, which takes the protocol's, without the flag.

    Raises:
        UsageError: there is no such metric or option.
    """
    if not texts:
        return ()
    from wsol_bench.scoring.catalog import metrics_in  # imported only by commands with the flag

    return metrics_in(",".join(texts))
