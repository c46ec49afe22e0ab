"""The commands that write HTML pages: parse, call."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.cli.values import Metrics, Rows, Runs, metrics_asked, rows_asked
from wsol_bench.runtime.flag_values import PATH, WHOLE


def report(
    runs: Runs,
    /,
    *,
    out: Annotated[Path, PATH] = Path("report.html"),
    data: Annotated[Path | None, PATH] = None,
    methods: Rows = None,
    metrics: Metrics = None,
    pictures: Annotated[int, WHOLE] = 200,
    max_mb: float = 10.0,
    quiet: Annotated[bool, Parameter(["--quiet", "-q"], negative=())] = False,
) -> None:
    """Write one self-contained HTML page of one run or several.

    For example:
        wsol-bench report RUN OTHER --out page.html

    Parameters
    ----------
    runs
        Folders of runs. Those made with --keep-maps also show maps, and errors at every
        threshold.
    out
        The file to write.
    data
        The images' folder or tar. Default: the paths that the runs recorded.
    methods
        Comma-separated names of rows; default: all.
    metrics
        Comma-separated names of metrics that the table of figures shows (see: list metrics).
        Default: those of each run's protocol.
    pictures
        At most this number of images per run; 0 for none.
    max_mb
        The file's limit in megabytes, which the pictures keep to.
    quiet
        Print nothing on stderr.
    """
    from wsol_bench.report.page.page import PageSettings, write_report

    asked, rows = metrics_asked(metrics), rows_asked(methods)
    write_report(runs, PageSettings(out, data, max_mb, pictures, quiet, asked, rows))


def leaderboard(
    folder: Annotated[Path, PATH],
    /,
    *,
    out: Annotated[Path, PATH] = Path("leaderboard.html"),
) -> None:
    """Write one static HTML page of a folder of result files, sortable and filterable.

    For example:
        wsol-bench leaderboard results --out leaderboard.html

    Parameters
    ----------
    folder
        Folder with what `run --json` or `score --json` printed, in .json files at any depth.
    out
        The page to write.
    """
    from wsol_bench.report.page.leaderboard import write_leaderboard

    write_leaderboard(folder, out)
