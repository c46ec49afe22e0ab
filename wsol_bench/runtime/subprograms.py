"""How this package starts its own programs: workers, and the rendering of the demo."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def command_of(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package.

    With -P, Python does not search the current folder, where a user's statistics.py would
    replace the standard library's.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment_of(surroundings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """An environment in which this copy of the package is found, installed or not."""
    paths = [str(_ROOT), *filter(None, [surroundings.get("PYTHONPATH")])]
    return {**surroundings, "PYTHONPATH": os.pathsep.join(paths)}
