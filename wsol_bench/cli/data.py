"""The `data` commands: parse, call, print."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Group, Parameter

from wsol_bench.cli.help import with_joined_attributes, with_joined_lines
from wsol_bench.runtime.flag_values import PATH, WHOLE
from wsol_bench.settings import DEFAULT_DATA, DatasetFlags

with_joined_attributes(DatasetFlags)
DEFAULT_READING = DatasetFlags()

data_app = App(
    name="data",
    help="Check datasets, print their statistics, or render the demo.",
    group_commands=Group("Commands"),
)


@data_app.command
@with_joined_lines
def check(
    data: str,
    /,
    *,
    reading: Annotated[DatasetFlags, Parameter(name="*")] = DEFAULT_READING,
    limit: Annotated[int | None, WHOLE] = None,
    allow_missing: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> int:
    """Check a dataset: counts, absent and unreadable images, boxes, labels, sizes, masks.

    For example:
        wsol-bench data check imagenet --split val

    Parameters
    ----------
    data
        Folder, tar, list or table with images and boxes, or "demo".
    limit
        At most N images, the first by id.
    allow_missing
        Absent images do not fail the check.
    as_json
        One JSON object on stdout instead of the text.
    """
    from wsol_bench.report.tables.dataset import print_check

    return print_check(data, reading, limit, allow_missing, as_json=as_json)


@data_app.command
@with_joined_lines
def make_demo(
    folder: Annotated[Path, PATH],
    /,
    *,
    count: Annotated[int, WHOLE] = 1000,
    seed: Annotated[int, WHOLE] = 2017,
    split: str = "val",
    quiet: Annotated[bool, Parameter(["--quiet", "-q"], negative=())] = False,
) -> None:
    """Render a set of demo images, in ILSVRC's layout.

    For example:
        wsol-bench data make-demo images --count 100

    Parameters
    ----------
    folder
        Folder to write; must be new or empty.
    count
        Number of images.
    seed
        Another seed gives other images; the same seed gives the same pixels.
    split
        Name of the split; other splits hold other images.
    quiet
        Print nothing on stderr.
    """
    from wsol_bench.report.tables.dataset import make_demo

    make_demo(folder, count, seed, split, quiet=quiet)


@data_app.command
@with_joined_lines
def statistics(
    data: str = DEFAULT_DATA,
    /,
    *,
    reading: Annotated[DatasetFlags, Parameter(name="*")] = DEFAULT_READING,
    allow_missing: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print the statistics of a dataset's boxes beside ILSVRC's.

    For example:
        wsol-bench data statistics images

    Parameters
    ----------
    data
        Folder, tar, list or table with images and boxes, or "demo".
    allow_missing
        Continue with the images present.
    as_json
        One JSON object on stdout instead of the table.
    """
    from wsol_bench.report.tables.dataset import print_statistics

    print_statistics(data, reading, allow_missing, as_json=as_json)
