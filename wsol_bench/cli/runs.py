"""The commands on finished runs: parse, call, print."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from wsol_bench.cli.values import (
    Metrics,
    Rows,
    Runs,
    metrics_asked,
    refuse_flags,
    rows_asked,
)
from wsol_bench.errors import UsageError
from wsol_bench.runtime.flag_values import PATH, WHOLE

Switch = Annotated[bool, Parameter(negative=())]


def score(
    runs: Annotated[list[Path] | None, Parameter(name="RUN...", negative=())] = None,
    /,
    *,
    protocol: str | None = None,
    change: Annotated[list[str] | None, Parameter("--set", negative=())] = None,
    methods: Rows = None,
    metrics: Metrics = None,
    tune_on: Annotated[Path | None, PATH] = None,
    predictions: Annotated[Path | None, PATH] = None,
    data: Annotated[Path | None, PATH] = None,
    class_map: Annotated[Path | None, PATH] = None,
    blacklist: Annotated[Path | None, PATH] = None,
    limit: Annotated[int | None, WHOLE] = None,
    allow_missing: Switch = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Score finished runs again without their networks, or a file of predictions.

    For example:
        wsol-bench score RUN --protocol maxboxacc --metrics max_box_acc,pxap

    Parameters
    ----------
    runs
        Folders of runs.
    protocol
        The other protocol (see: list protocols), or a TOML file of one. Boxes drawn by
        another rule need a run that was made with --keep-maps.
    change
        FIELD=VALUE: replace a field of the protocol, such as iou=0.3. May be repeated.
    methods
        Comma-separated names of rows; default: all.
    metrics
        Comma-separated names of metrics with options, such as
        top1_loc,max_box_acc:threshold=fixed (see: list metrics). Default: the protocol's.
    tune_on
        Another run of the same kind, on other images, to choose the threshold of maxboxacc on;
        the name of another split, whose run lies beside this one; or a table of pseudo-boxes of
        the same images (CSV or Parquet).
    predictions
        A prediction file of the ILSVRC devkit's form, in place of a run.
    data
        The images' folder or tar, for --predictions.
    class_map
        File of "WNID id" lines, for --predictions over classes that are not ILSVRC's.
    blacklist
        File of 1-based image indices that localization errors exclude, for --predictions.
    limit
        At most N images, the first by id, for --predictions.
    allow_missing
        Continue without absent annotated images, for --predictions.
    as_json
        One JSON object on stdout instead of the table.
    """
    if bool(runs) == (predictions is not None):
        raise UsageError("score: expected a run's folder, or --predictions FILE --data DIR.")
    of_predictions = {
        "--data": data,
        "--class-map": class_map,
        "--blacklist": blacklist,
        "--limit": limit,
        "--allow-missing": allow_missing or None,
    }
    if runs:
        refuse_flags("score RUN", of_predictions, "goes with --predictions only")
    if predictions is not None:
        of_runs = {"--tune-on": tune_on, "--methods": methods}
        refuse_flags("score --predictions", of_runs, "goes with a run only")
        if data is None:
            raise UsageError("score --predictions: needs --data, the images' folder or tar.")
        from wsol_bench.report.tables.predictions import PredictionFiles, print_predictions

        files = PredictionFiles(predictions, data, class_map, blacklist, limit, allow_missing)
        print_predictions(
            files, protocol, tuple(change or ()), metrics_asked(metrics), as_json=as_json
        )
    elif runs:
        from wsol_bench.report.tables.rescoring import print_score

        print_score(
            runs,
            protocol,
            tuple(change or ()),
            tune_on,
            metrics_asked(metrics),
            rows_asked(methods),
            as_json=as_json,
        )


def pairs(
    runs: Runs,
    /,
    *,
    methods: Rows = None,
    metrics: Metrics = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print the paired difference of every two rows of a run, or of several runs.

    For example:
        wsol-bench pairs RUN OTHER --methods grad_cam,center --metrics top1_loc

    Parameters
    ----------
    runs
        Folders of runs over the same images.
    methods
        Comma-separated names of rows; default: all.
    metrics
        Comma-separated names of metrics, one table each (see: list metrics). Default: those of
        the first run's protocol.
    as_json
        One JSON object on stdout instead of the tables.
    """
    from wsol_bench.report.tables.pairs import print_pairs

    print_pairs(runs, metrics_asked(metrics), rows_asked(methods), as_json=as_json)


def table(
    runs: Runs,
    /,
    *,
    methods: Rows = None,
    metrics: Metrics = None,
    sort: str | None = None,
    best: Literal["bold", "plain"] = "plain",
    seeds: Switch = False,
    form: Annotated[
        Literal["md", "csv", "tex", "json", "html"] | None, Parameter("--format")
    ] = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print one table of the rows of any runs, with intervals and n, ready for a paper.

    A dagger marks figures that do not differ significantly from the best one on the same
    images under the same protocol (paired test, corrected by Holm).

    For example:
        wsol-bench table RUN OTHER --sort top1_loc --best bold --format tex

    Parameters
    ----------
    runs
        Folders of runs, of any networks, datasets and protocols.
    methods
        Comma-separated names of rows; default: all.
    metrics
        Comma-separated names of metrics, in the order of the columns (see: list metrics).
        Default: those of the runs' protocols.
    sort
        One of these metrics: its best figure comes first. Default: the order of the runs.
    best
        bold: the best figure on the same images under the same protocol is bold.
    seeds
        Make one row of those that differ only in their weights, such as checkpoints of one
        training with several seeds: mean and standard deviation.
    form
        md, csv, tex (for the package booktabs), json or html. Default: for a terminal.
    as_json
        The same as --format json.
    """
    from wsol_bench.report.tables.run_table import TableOptions, print_table

    rows = rows_asked(methods)
    options = TableOptions(metrics_asked(metrics), sort, best == "bold", seeds, rows)
    print_table(runs, options, "json" if as_json else form)


def breakdown(
    runs: Runs,
    /,
    *,
    methods: Rows = None,
    metrics: Metrics = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print the errors of methods by box size and number, and how their boxes fail.

    For example:
        wsol-bench breakdown RUN --methods grad_cam

    Parameters
    ----------
    runs
        Folders of runs.
    methods
        Comma-separated names of rows; default: all.
    metrics
        Comma-separated names of metrics (see: list metrics). Default: the protocol's.
    as_json
        One JSON object on stdout instead of the tables, with every class.
    """
    from wsol_bench.report.tables.breakdown import print_breakdown

    print_breakdown(runs, metrics_asked(metrics), rows_asked(methods), as_json=as_json)


def ablate(
    runs: Runs,
    /,
    *,
    methods: Rows = None,
    metrics: Metrics = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print how each figure changes when one choice of the protocol changes.

    For example:
        wsol-bench ablate RUN --methods grad_cam

    Parameters
    ----------
    runs
        Folders of runs that were made with --keep-maps.
    methods
        Comma-separated names of rows; default: all that make maps.
    metrics
        Comma-separated names of metrics (see: list metrics). Default: those of the protocol
        that a box can change.
    as_json
        One JSON object on stdout instead of the tables.
    """
    from wsol_bench.report.tables.ablation import print_ablation

    print_ablation(runs, metrics_asked(metrics), rows_asked(methods), as_json=as_json)
