"""The command that checks whether maps depend on the network: parse, call, print."""

import json
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.cli.run import NO_SETTINGS
from wsol_bench.errors import UsageError
from wsol_bench.settings import HOW, OUTPUT, RunSettings


def sanity(
    *,
    settings: Annotated[RunSettings, Parameter(name="*")] = NO_SETTINGS,
    steps: Annotated[int, HOW] = 5,
    seed: Annotated[int, HOW] = 0,
    as_json: Annotated[bool, OUTPUT, Parameter("--json", negative=())] = False,
) -> None:
    """Randomise a network from its last layer down and measure whether maps change with it.

    The sanity checks of Adebayo et al. 2018. A method whose maps stay the same ignores the
    network. Take --limit 100: every step is a run over the images.

    For example:
        wsol-bench sanity --arch vgg16 --methods grad_cam,guided_backprop --limit 100

    Parameters
    ----------
    steps
        Into which the cascade is cut, besides that of the last layer alone.
    seed
        Of the random weights.
    as_json
        One JSON object on stdout instead of the tables.
    """
    settings.require_arch()
    for flag, given in (("--out", settings.out), ("--workers", settings.workers)):
        if given is not None:
            raise UsageError(f"{flag}: sanity works in one process and keeps nothing.")
    from wsol_bench.report.tables.sanity import print_sanity
    from wsol_bench.runs.sanity import check_sanity

    found = check_sanity(settings, steps, seed)
    if as_json:
        print(json.dumps(found.to_json(), ensure_ascii=False))
    else:
        print_sanity(found)
