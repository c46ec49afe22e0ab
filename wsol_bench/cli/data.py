"""The `data` commands: parse, call, print."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from wsol_bench.cli.help import with_joined_lines
from wsol_bench.cli.values import PATH, WHOLE
from wsol_bench.settings import DEFAULT_DATA

data_app = App(name="data", help="Look at datasets, or render the demo.")


@data_app.command
@with_joined_lines
def check(
    path: Annotated[Path, PATH],
    /,
    *,
    layout: str | None = None,
    limit: Annotated[int | None, WHOLE] = None,
    allow_missing: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Look through a dataset: counts, missing and unreadable images, boxes, labels, sizes.

    Parameters
    ----------
    path
        Folder or tar with images and boxes.
    layout
        Of the dataset, where looking at it does not tell.
    limit
        Only the first so many images.
    allow_missing
        Report absent images and go on with those present.
    """
    from wsol_bench.report.tables.dataset import print_check

    return print_check(path, layout, limit, allow_missing)


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

    Parameters
    ----------
    folder
        Where to; must be new or empty.
    count
        How many images.
    seed
        Other seeds give other images; the same seed the same pixels.
    split
        Name of the split; other splits hold other images.
    quiet
        Say nothing on stderr.
    """
    from wsol_bench.report.tables.dataset import make_demo

    make_demo(folder, count, seed, split, quiet=quiet)


@data_app.command
@with_joined_lines
def statistics(
    data: str = DEFAULT_DATA,
    /,
    *,
    layout: str | None = None,
    allow_missing: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Print what a dataset's boxes are like, beside ILSVRC's.

    Parameters
    ----------
    data
        Folder or tar with images and boxes, or "demo".
    layout
        Of the dataset, where looking at it does not tell.
    allow_missing
        Go on with the images present.
    """
    from wsol_bench.report.tables.dataset import print_statistics

    print_statistics(data, layout, allow_missing)
