"""The commands on runs that are there, and on many of them: parse, call, print."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wsol_bench.settings import RunSettings

Switch = Annotated[bool, Parameter(negative=())]


def score(
    run: Path,
    /,
    *,
    protocol: str | None = None,
    change: Annotated[list[str] | None, Parameter("--set", negative=())] = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Score a run again, under its own or another protocol, without the network.

    Parameters
    ----------
    run
        The run's folder.
    protocol
        The other protocol (see: list protocols), or a TOML file of one. Boxes drawn by
        another rule need a run that was made with --keep-maps.
    change
        FIELD=VALUE: replace a field of the protocol, such as iou=0.3. May be repeated.
    as_json
        One JSON object on stdout instead of the table.
    """
    from wsol_bench.report.rescoring import score_run
    from wsol_bench.tables import print_result

    result = score_run(run, protocol, tuple(change or ()))
    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print_result(result)


def ablate(run: Path, /) -> None:
    """Print how each error moves when one choice of the protocol moves.

    Parameters
    ----------
    run
        The folder of a run that was made with --keep-maps.
    """
    from wsol_bench.report.rescoring import print_ablation

    print_ablation(run)


def table1(
    *,
    data: Annotated[Path, Parameter(env_var="WSOL_BENCH_DATA")],
    weights_dir: Path,
    out: Path = Path("table1"),
    layout: str | None = None,
    limit: int | None = None,
    allow_missing: Switch = False,
    blacklist: Path | None = None,
    batch_size: int = 32,
    device: str = "auto",
    quiet: Annotated[bool, Parameter(["--quiet", "-q"], negative=())] = False,
) -> None:
    """Re-make every row of the paper's Table 1 whose weights are there.

    Parameters
    ----------
    data
        Folder or tar with ILSVRC's validation images and boxes.
    weights_dir
        Folder with VGG_ILSVRC_16_layers.caffemodel, vgg16CAM_train_iter_90000.caffemodel,
        bvlc_alexnet.caffemodel, bvlc_googlenet.caffemodel, or some of them.
    out
        Folder for the runs and table1.md, .csv, .tex, .json. What is done is kept.
    layout
        Of the dataset, where looking at it does not tell.
    limit
        Only the first so many images.
    allow_missing
        Go on where annotated images are absent.
    blacklist
        File of 1-based image indices that localization errors leave out.
    batch_size
        Tensors per forward pass.
    device
        auto, cpu, cuda, cuda:1, mps.
    quiet
        Say nothing on stderr.
    """
    settings = RunSettings(
        arch="",
        data=str(data),
        layout=layout,
        out=out,
        limit=limit,
        allow_missing=allow_missing,
        blacklist=blacklist,
        batch_size=batch_size,
        device=device,
    )
    from wsol_bench.report.table1 import print_table1, save_table1
    from wsol_bench.table1 import remake

    rows = list(remake(settings, weights_dir, quiet=quiet))
    print_table1(rows)
    for path in save_table1(rows, out):
        print(path)


RUN_COMMANDS = (score, ablate, table1)
