"""Programs of this package that it starts itself: workers, and the rendering of the demo."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules.

    With -P Python leaves the current folder out: a user's statistics.py there would
    be imported in the place of Python's own.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment_of(surroundings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which this very copy of the package is found, installed or not."""
    paths = [str(_ROOT), *filter(None, [surroundings.get("PYTHONPATH")])]
    return {**surroundings, "PYTHONPATH": os.pathsep.join(paths)}
