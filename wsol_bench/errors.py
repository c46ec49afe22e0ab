"""Every error that a user can cause, and the exit code of each.

The command line prints the message and exits with `exit_code`; nothing else
turns an exception into a code. A message says which file or flag, what was
expected, what came, and what to do.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

Entry = TypeVar("Entry")

EXIT_FINE = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_REGRESSION = 4
EXIT_INTERRUPTED = 130


class WsolBenchError(Exception):
    """The root of the tree: the run failed."""

    exit_code = EXIT_RUN_FAILED


class RunError(WsolBenchError):
    """Something went wrong while the networks ran: a NaN map, a failed gate."""


class UsageError(WsolBenchError):
    """A flag, a name or a configuration file does not make sense."""

    exit_code = EXIT_USAGE


class DataError(WsolBenchError):
    """A dataset, an image, an annotation or a run's folder is missing or bad."""

    exit_code = EXIT_DATA


class UnreadableImage(DataError):  # noqa: N818 - the image is at fault, the run need not fail
    """One image cannot be read or decoded; the others of the dataset may well be.

    `Dataset.open` raises it, and the message says all: the file, what was expected,
    what came. A run may record the image as unreadable and go on. What would befall
    the next image as well, such as a disk that is gone, is a plain `DataError`.
    """


class WeightsError(WsolBenchError):
    """A weights file is missing, unreadable or of another network."""

    exit_code = EXIT_DATA


class RegressionError(WsolBenchError):
    """A result left the tolerance of its baseline."""

    exit_code = EXIT_REGRESSION


class Interrupted(WsolBenchError):  # noqa: N818 - asked for, and no error
    """The user or a scheduler asked the run to stop; says what is kept."""

    exit_code = EXIT_INTERRUPTED


class NotApplicable(WsolBenchError):  # noqa: N818 - a reason, not a fault
    """A method cannot be defined on this network; the message is the reason.

    A run turns it into an "n/a" row. It never ends a run by itself.
    """

    exit_code = EXIT_USAGE


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Says what was asked, the nearest names, and all the names.

    Args:
        kind: what the name should have been, such as "arch".
        name: what the user wrote.
        known: every valid name.
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return UsageError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(names)}.")


def find(kind: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The entry of this name.

    Raises:
        UsageError: there is none; lists the known ones.
    """
    if name not in table:
        raise unknown_name(kind, name, table)
    return table[name]
