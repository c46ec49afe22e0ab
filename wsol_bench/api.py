"""The result of `wsol_bench.run`: errors, records and figures of one run."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Literal
from weakref import finalize

from wsol_bench.errors import UsageError
from wsol_bench.records.opened_run import open_parts
from wsol_bench.records.result import Result
from wsol_bench.report.exports.csv_columns import record_columns
from wsol_bench.report.figures.drawing import Drawing
from wsol_bench.report.figures.figure import PAPER_WIDTH, FigureOptions, draw_run
from wsol_bench.report.tables.result_html import result_html
from wsol_bench.runs.evaluate import evaluate
from wsol_bench.settings import RunSettings, names_in

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunResult"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class RunResult(Result):
    """A result and the folder of its run.

    Attributes:
        folder: the run's folder. A temporary one is deleted with this object.
    """

    folder: Path

    def to_frame(self, of: Literal["errors", "records"] = "errors") -> "pd.DataFrame":
        """The result as a data frame.

        Args:
            of: "errors": one row per method, with percentages and their intervals;
                "records": one row per image and method, as `export --format csv`.
        """
        if of == "errors":
            return Result.to_frame(self)
        import pandas as pd

        parts = open_parts(self.folder)
        return pd.DataFrame(record_columns(parts, parts[0].order))

    def show(
        self,
        images: str | Sequence[str] = "worst",
        *,
        methods: str | Sequence[str] = (),
        width_in: float = PAPER_WIDTH,
        seed: int = 0,
    ) -> Drawing:
        """A figure of images under the run's methods, as the command `figure` draws it.

        Args:
            images: image ids, or sets such as best, median, disagree:5, "too large".
            methods: names of the run's methods; default: all.
            width_in: width of the figure in inches.
            seed: of the set `random`.

        Returns:
            A drawing that a notebook displays; `.save(path)` writes it. It shows maps if
            the run had `keep_maps=True`.

        Raises:
            UsageError: an argument is not a name; otherwise see `draw_run`.
            DataError: see `draw_run`.
        """
        wanted = _names("images", images)
        chosen = names_in(_names("methods", methods))
        return draw_run(self.folder, FigureOptions(wanted, chosen, None, width_in, seed))

    def _repr_html_(self) -> str:
        return result_html(self)


def _names(what: str, given: str | Sequence[str]) -> str:
    """Comma-separated names."""
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"show: {what}={given!r}: expected a name or several, such as 'worst:3' or "
            "['grad_cam', 'cam']."
        )
    return ",".join(names)


def run_and_keep(settings: RunSettings, *, quiet: bool) -> RunResult:
    """Runs one arch; without `out`, its records are deleted with the result.

    Args:
        settings: of one arch; `out` may be None.
        quiet: print nothing on stderr.

    Raises:
        WsolBenchError: see `evaluate`.
    """
    if settings.out is not None:
        return _with_folder(evaluate(settings, quiet=quiet)[0], settings.out)
    own = Path(mkdtemp(prefix="wsol_bench-"))
    try:
        out = own / "run"
        result = _with_folder(evaluate(replace(settings, out=out), quiet=quiet)[0], out)
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    finalize(result, shutil.rmtree, own, ignore_errors=True)
    return result


def _with_folder(result: Result, folder: Path) -> RunResult:
    values = {field.name: getattr(result, field.name) for field in fields(Result)}
    return RunResult(**values, folder=folder)
