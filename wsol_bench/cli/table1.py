"""The command that reproduces the paper's Table 1: parse, call, print."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from wsol_bench.runtime.flag_values import PATH, WHOLE
from wsol_bench.settings import RunSettings


def table1(
    *,
    data: Annotated[Path, PATH, Parameter(env_var="WSOL_BENCH_DATA")],
    weights_dir: Annotated[Path, PATH],
    out: Annotated[Path, PATH] = Path("table1"),
    layout: str | None = None,
    limit: Annotated[int | None, WHOLE] = None,
    allow_missing: Annotated[bool, Parameter(negative=())] = False,
    blacklist: Annotated[Path | None, PATH] = None,
    batch_size: Annotated[int, WHOLE] = 32,
    device: str = "auto",
    threads: Annotated[int | None, WHOLE] = None,
    workers: Annotated[int | None, WHOLE] = None,
    gpus_per_worker: float | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
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
    threads
        For decoding and boxes; one per core where not given.
    workers
        Networks that work at once, on a GPU each where there are some.
    gpus_per_worker
        0 to 1; 0.5 lets two workers share a GPU.
    engine
        local: this machine. ray: a Ray cluster (see docs/how-to/many-machines.md).
    ray_address
        HOST:PORT of the cluster's head, or auto on one of its machines.
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
        threads=threads,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        engine=engine,
        ray_address=ray_address,
    )
    from wsol_bench.records.result import refuse_unreadable
    from wsol_bench.report.tables.table1 import print_table1, save_table1
    from wsol_bench.runs.table1 import remake

    rows = list(remake(settings, weights_dir, quiet=quiet))
    print_table1(rows)
    for path in save_table1(rows, out):
        print(path)
    for row in rows:
        refuse_unreadable(row.unreadable, row.n, 0)
