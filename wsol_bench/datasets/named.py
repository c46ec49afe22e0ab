"""Datasets that are given by name instead of a path."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from wsol_bench.datasets.demo import DEFAULT_COUNT, DEFAULT_SEED, VERSION
from wsol_bench.errors import DataError
from wsol_bench.runtime.flag_values import expanded
from wsol_bench.runtime.subprograms import command_of, environment_of

__all__ = ["demo_folder"]

_END = 10.0
"""Seconds that an interrupted program has to remove what it wrote."""


@dataclass(frozen=True, slots=True)
class NamedDataset:
    """A dataset that the package itself can create.

    Attributes:
        description: a line for `list datasets`.
        note: a line that a run prints, so that the dataset is not mistaken for another.
        weights: the spec of the weights that were trained on it.
        locate: (quiet) -> its folder, which is created if it does not exist.
    """

    description: str
    note: str
    weights: str
    locate: Callable[[bool], Path]

    def folder(self, *, quiet: bool) -> Path:
        """The dataset's folder, which is created if it does not exist."""
        return self.locate(quiet)


def cache_folder() -> Path:
    """The folder for what the package can create again: `wsol_bench` in XDG's cache.

    Raises:
        DataError: XDG_CACHE_HOME is not set and there is no home folder.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        return Path(base).expanduser() / "wsol_bench"
    except RuntimeError as error:  # neither HOME nor a name for this user's id, as in containers
        raise DataError(
            f"{base}: there is no home folder ({str(error).rstrip('.')}). "
            "Set XDG_CACHE_HOME to a folder that can be written."
        ) from error


def demo_folder() -> Path:
    """The folder of the rendered demo; its name contains the demo's version."""
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
    options = [f"--count={DEFAULT_COUNT}", f"--seed={DEFAULT_SEED}"]
    options += ["--quiet"] if quiet else []
    code = _run(command_of("wsol_bench", "data", "make-demo", str(folder), *options))
    if code != 0 and not folder.is_dir():  # another process may have rendered it
        raise DataError(f"{folder}: the demo could not be rendered there (exit code {code}).")
    return folder


def _run(command: Sequence[str]) -> int:
    """Runs a program to its end; an interruption of this process ends it too."""
    program = subprocess.Popen(
        command,
        env=environment_of(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C is for this process, which passes it on once
    )
    try:
        return program.wait()
    except BaseException:
        program.terminate()
        with suppress(subprocess.TimeoutExpired):
            program.wait(_END)
        program.kill()
        program.wait()
        raise


def folder_of(data: str | Path, *, quiet: bool) -> Path:
    """The folder, tar or file that `--data` names: a dataset's name, or a path.

    Args:
        data: as the user gave it.
        quiet: print nothing on stderr while a named dataset is made.
    """
    named = NAMED.get(str(data))
    return named.folder(quiet=quiet) if named else expanded(data)


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
"""Names that `--data` takes besides paths; a folder of such a name is given as ./demo."""
