"""The command that compares two results: parse, call, print."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.cli.values import Metrics, metrics_asked
from wsol_bench.runtime.flag_values import PATH


def compare(
    baseline: Annotated[Path, PATH],
    new: Annotated[Path, PATH],
    /,
    *,
    metrics: Metrics = None,
    tolerance: Annotated[list[str] | None, Parameter(negative=())] = None,
    markdown: Annotated[bool, Parameter(negative=())] = False,
    update: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> int:
    """Compare two results cell by cell; exit 4 if one exceeds its tolerance.

    For example:
        wsol-bench compare results/baseline.json RUN --tolerance top1_loc=0.5

    Parameters
    ----------
    baseline
        What `run --json` printed, or a run's folder. Of two folders the images whose
        records differ are named too.
    new
        What to compare with it, likewise.
    metrics
        Comma-separated names of metrics to compare, measured anew from a run's folder (see:
        list metrics). Default: those of the baseline.
    tolerance
        METRIC=POINTS: the permitted change of a metric. May be repeated. Default: those that the
        baseline states under "tolerance", else 0.5.
    markdown
        Print Markdown, for a CI summary.
    update
        Then write the new figures into the baseline, which keeps its tolerances.
    as_json
        One JSON object on stdout instead of the tables: every cell with its verdict.
    """
    from wsol_bench.report.tables.comparison import print_comparison

    return print_comparison(
        baseline,
        new,
        tolerance or [],
        metrics_asked(metrics),
        markdown=markdown,
        update=update,
        as_json=as_json,
    )
