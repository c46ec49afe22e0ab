"""The main command: parse, call, print."""

import json
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.cli.help import with_joined_attributes
from wsol_bench.errors import UsageError
from wsol_bench.settings import OUTPUT, RunSettings

with_joined_attributes(RunSettings)
NO_SETTINGS = RunSettings()


def run(
    *,
    settings: Annotated[RunSettings, Parameter(name="*")] = NO_SETTINGS,
    as_json: Annotated[bool, OUTPUT, Parameter("--json", negative=())] = False,
    quiet: Annotated[bool, OUTPUT, Parameter(["--quiet", "-q"], negative=())] = False,
    verbose: Annotated[bool, OUTPUT, Parameter(["--verbose", "-v"], negative=())] = False,
) -> None:
    """Run one network with some methods over a dataset and print its errors.

    For example:
        wsol-bench run --arch vgg16 --data imagenet --methods grad_cam,center --out RUN

    Parameters
    ----------
    as_json
        One JSON object on stdout instead of the table.
    quiet
        Print nothing on stderr.
    verbose
        Print more on stderr.
    """
    settings.require_arch()
    if settings.keep_maps and settings.out is None:
        raise UsageError("--keep-maps: needs --out FOLDER, where the maps are kept.")
    from wsol_bench.records.result import require_readable, to_json
    from wsol_bench.report.tables.result import print_results
    from wsol_bench.runs.evaluate import evaluate

    results = evaluate(settings, quiet=quiet, verbose=verbose)
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
    else:
        print_results(results)
    require_readable(results, settings.allow_unreadable)
