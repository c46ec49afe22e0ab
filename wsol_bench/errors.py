"""The exceptions of this package and their exit codes.

    WsolBenchError            1
    ├── RunError              1   the run failed: a NaN map, a failed gate, lost workers
    ├── UsageError            2   a flag, a name or a configuration file is wrong
    ├── NotApplicable         2   a method is not defined on a network; becomes an "n/a" row
    ├── DataError             3   a dataset, an image or a run's folder is missing or bad
    │   ├── UnreadableImage   3   one image cannot be decoded; a run may tolerate it
    │   └── Damaged           3   a file of a run is missing or not its own; made anew
    ├── StorageError          3   a file of a run cannot be read now; nothing was removed
    ├── WeightsError          3   a weights file is missing, unreadable or does not fit
    ├── RegressionError       4   a result is outside the tolerance of its baseline
    └── Interrupted         130   a signal requested a stop; finished batches are kept

The command line prints the message and exits with `exit_code`. A message names the file or
flag and states what was expected, what was found and what to do. Any other exception is a
fault of this package: exit code 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

__all__ = [
    "DataError",
    "Interrupted",
    "NotApplicable",
    "RegressionError",
    "RunError",
    "UnreadableImage",
    "UsageError",
    "WeightsError",
    "WsolBenchError",
    "find",
    "unknown_name",
]

Entry = TypeVar("Entry")

EXIT_FINE = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_REGRESSION = 4
EXIT_INTERRUPTED = 130


class WsolBenchError(Exception):
    """The base class; by itself: the run failed."""

    exit_code = EXIT_RUN_FAILED


class RunError(WsolBenchError):
    """The run failed: a map holds NaN, a gate failed, or workers were lost."""


class UsageError(WsolBenchError):
    """A flag, a name or a configuration file is wrong."""

    exit_code = EXIT_USAGE


class DataError(WsolBenchError):
    """A dataset, an image, an annotation or a run's folder is missing or bad."""

    exit_code = EXIT_DATA


class UnreadableImage(DataError):  # noqa: N818 - need not end the run
    """One image cannot be read or decoded.

    `Dataset.open` raises it. A run may record the image as unreadable and continue. An
    error that the next image would meet too, such as a missing disk, is a `DataError`.
    """


class WeightsError(WsolBenchError):
    """A weights file is missing, unreadable or does not fit the network."""

    exit_code = EXIT_DATA


class RegressionError(WsolBenchError):
    """A result is outside the tolerance of its baseline."""

    exit_code = EXIT_REGRESSION


class Interrupted(WsolBenchError):  # noqa: N818 - requested, not a fault
    """A signal requested a stop; the message states what is kept."""

    exit_code = EXIT_INTERRUPTED


class NotApplicable(WsolBenchError):  # noqa: N818 - not a fault
    """A method is not defined on this network; the message is the reason.

    A run reports it as an "n/a" row; it ends the run only if no method is applicable.
    """

    exit_code = EXIT_USAGE


def unknown_name(kind: str, name: str, known: Iterable[str], own: str = "") -> UsageError:
    """An error that lists the nearest and all known names, or how many there are if many.

    Args:
        kind: the kind of the name, such as "arch".
        name: the name that the user gave.
        known: every valid name.
        own: how to give something that is not in the table, or "".
    """
    names = sorted(known)
    near = _nearest(name, names)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    also = f" Your own: {own}." if own else ""
    listed = f"Known: {', '.join(names)}."
    if len(names) > _LISTED:
        listed = f"{len(names):,} names are known."
    return UsageError(f"unknown {kind} {name!r}.{hint} {listed}{also}")


_LISTED = 100
"""Maximum number of names that a message lists; a library of models has more."""


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    """At most three names like the given one; of very many first those that begin like it."""
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if len(names) <= _LISTED:
        return near
    starts = {each[: len(name)] for each in names}
    alike = get_close_matches(name, starts, n=1, cutoff=0.8)
    longer = [each for each in names if each[: len(name)] in alike]
    return list(dict.fromkeys([*sorted(longer, key=len), *near]))[:3]


def find(kind: str, name: str, table: Mapping[str, Entry], own: str = "") -> Entry:
    """The entry of this name in a table.

    Raises:
        UsageError: there is none; lists the known names.

    Example:
        >>> find("arch", "vgg61", {"vgg16": 1, "alexnet": 2})
        Traceback (most recent call last):
        wsol_bench.errors.UsageError: unknown arch 'vgg61'. Did you mean vgg16? ...
    """
    if name not in table:
        raise unknown_name(kind, name, table, own)
    return table[name]
