"""wsol_bench: can a network that was trained on image labels alone say where?

import wsol_bench
result = wsol_bench.run(arch="googlenet", weights="torchvision", data="imagenet/")
result.to_frame()
"""

import sys


def _ignore_current_folder() -> None:
    """Keeps `python -m wsol_bench` from importing a user's json.py in place of Python's own.

    -m puts the current folder first on the path; `python -P` and the program do not.
    """
    given = sys.orig_argv
    started = "-m" in given and given[given.index("-m") + 1] == __name__
    if started and not sys.flags.safe_path:
        del sys.path[0]


if sys.argv[:1] == ["-m"]:  # while Python looks for the module to run
    _ignore_current_folder()

from typing import TYPE_CHECKING, Any  # noqa: E402

from wsol_bench.errors import (  # noqa: E402
    DataError,
    RegressionError,
    RunError,
    UsageError,
    WeightsError,
    WsolBenchError,
)
from wsol_bench.settings import RunSettings  # noqa: E402

if TYPE_CHECKING:
    from wsol_bench.api import RunResult

__all__ = [
    "DataError",
    "RegressionError",
    "RunError",
    "RunSettings",
    "UsageError",
    "WeightsError",
    "WsolBenchError",
    "run",
]


def run(*, quiet: bool = True, **settings: Any) -> "RunResult":
    """Runs one arch with some methods over one dataset.

    Args:
        quiet: say nothing on stderr.
        **settings: the fields of `RunSettings`, which are the command line's flags;
            paths may be strings.

    Returns:
        The result, with `.rows`, `.to_frame()`, `.to_frame("records")`, `.show(image_id)`,
        `.save(path)`. Its records live as long as it does, or in `out` where that is given.

    Raises:
        WsolBenchError: one of its kinds; the message says what to do.

    Example:
        >>> result = run(arch="alexnet", data="demo", methods="grad_cam,center", limit=4)
        >>> [row.title for row in result.rows]
        ['Grad-CAM', 'Centred box']
    """
    from wsol_bench.api import run_and_keep  # imports torch, which takes seconds

    named = RunSettings.of(**settings)
    if len(named.by_arch()) > 1:
        raise UsageError(f"arch={named.arch!r}: expected one arch; call run() for each.")
    return run_and_keep(named, quiet=quiet)
