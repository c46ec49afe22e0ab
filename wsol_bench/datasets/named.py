"""Datasets that have a name of their own instead of a path."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from wsol_bench.datasets.demo import DEFAULT_COUNT, DEFAULT_SEED, VERSION
from wsol_bench.errors import DataError


@dataclass(frozen=True, slots=True)
class NamedDataset:
    """A dataset that the package itself can put on the disk.

    Attributes:
        description: a line for `list datasets`.
        note: a line that a run says, so that nobody takes it for something else.
        weights: the spec of the weights that were trained on it.
        locate: (quiet) -> its folder, made first where it is not there.
    """

    description: str
    note: str
    weights: str
    locate: Callable[[bool], Path]

    def folder(self, *, quiet: bool) -> Path:
        """The dataset's folder, made first where it is not there."""
        return self.locate(quiet)


def cache_folder() -> Path:
    """Where the package keeps what it can make again: XDG's cache, `wsol_bench` in it."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "wsol_bench"


def demo_folder() -> Path:
    """Where the embedded demo lies once it is rendered; its name holds its version."""
    return cache_folder() / f"demo-v{VERSION}"


def _rendered_demo(quiet: bool) -> Path:
    folder = demo_folder()
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{folder.parent}: the demo cannot be rendered there ({error.strerror}). "
            "Set XDG_CACHE_HOME to a folder that can be written."
        ) from error
    # A program of its own: processes that render are spawned, which would run a
    # caller's script a second time where it has no `__main__` guard.
    command = [sys.executable, "-m", "wsol_bench", "data", "make-demo", str(folder)]
    options = [
        f"--count={DEFAULT_COUNT}",
        f"--seed={DEFAULT_SEED}",
        *(["--quiet"] if quiet else []),
    ]
    finished = subprocess.run([*command, *options], check=False, stdout=subprocess.DEVNULL)
    if finished.returncode != 0 and not folder.is_dir():  # another process may have been first
        raise DataError(
            f"{folder}: the demo could not be rendered there (exit code {finished.returncode})."
        )
    return folder


NAMED: Mapping[str, NamedDataset] = MappingProxyType(
    {
        "demo": NamedDataset(
            description="rendered objects in ILSVRC's layout, made by the package itself",
            note=(
                "This is the embedded demo: rendered images and small nets, not ImageNet. "
                "For ImageNet: --data FOLDER --weights torchvision (see data/README.md)."
            ),
            weights="demo",
            locate=_rendered_demo,
        ),
    }
)
"""What `--data` takes beside a path; a folder of that name is written ./demo."""
