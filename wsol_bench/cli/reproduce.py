"""The command that measures published tables again: parse, call, print."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from wsol_bench.errors import DataError
from wsol_bench.runtime.flag_values import PATH, WHOLE
from wsol_bench.settings import RunSettings

Switch = Annotated[bool, Parameter(negative=())]


def reproduce(
    table: str,
    /,
    *,
    data: Annotated[list[str] | None, Parameter(negative=(), env_var="WSOL_BENCH_DATA")] = None,
    weights_dir: Annotated[Path | None, PATH] = None,
    out: Annotated[Path | None, PATH] = None,
    layout: str | None = None,
    limit: Annotated[int | None, WHOLE] = None,
    allow_missing: Switch = False,
    blacklist: Annotated[Path | None, PATH] = None,
    batch_size: Annotated[int, WHOLE] = 32,
    device: str = "auto",
    threads: Annotated[int | None, WHOLE] = None,
    workers: Annotated[int | None, WHOLE] = None,
    gpus_per_worker: float | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
    quiet: Annotated[bool, Parameter(["--quiet", "-q"], negative=())] = False,
) -> None:
    """Measure a published table again: every row whose data and weights are there.

    Rows that cannot be measured are printed with what they need.

    For example:
        wsol-bench reproduce gradcam-table1 --data imagenet --weights-dir nets

    Parameters
    ----------
    table
        gradcam-table1, cam-table2, choe2020, pointing (see: list tables), or a TOML file of
        your own.
    data
        Folder or tar with images and boxes; NAME=PATH for a table of several datasets. May be
        repeated.
    weights_dir
        Folder with the files of weights that the table names, or some of them.
    out
        Folder for the runs and the table as .md, .csv, .tex, .json; default: the table's name.
        What is finished is kept.
    layout
        Layout of the dataset; default: recognised by its content.
    limit
        At most N images.
    allow_missing
        Continue if annotated images are absent.
    blacklist
        File of 1-based image indices that localization errors exclude.
    batch_size
        Tensors per forward pass.
    device
        auto, cpu, cuda, cuda:1, mps.
    threads
        For decoding and boxes; default: one per core.
    workers
        Number of networks that run at once, each on its own GPU if any.
    gpus_per_worker
        0 to 1; 0.5 lets two workers share a GPU.
    engine
        local: this machine. ray: a Ray cluster (see docs/how-to/many-machines.md).
    ray_address
        HOST:PORT of the cluster's head, or auto on one of its machines.
    as_json
        One JSON object on stdout instead of the table.
    quiet
        Print nothing on stderr.
    """
    settings = RunSettings(
        layout=layout,
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
    from wsol_bench.scoring.published import published_table

    published = published_table(table)
    from wsol_bench.records.result import refuse_unreadable
    from wsol_bench.report.tables import reproduction
    from wsol_bench.runs.reproduce import Places, data_places, reproduce

    runs = out or Path(Path(table).stem)
    places = Places(data_places(published, data or []), weights_dir, runs)
    rows = tuple(reproduce(published, settings, places, quiet=quiet))
    found = reproduction.Reproduction(table, published, rows)
    if as_json:
        print(reproduction.as_json(found), end="")
    else:
        reproduction.print_reproduction(found)
    if not any(row.n for row in rows):
        raise DataError(f"reproduce {table}: no row could be measured; each states what it needs.")
    for path in reproduction.save_reproduction(found, runs):
        if not as_json:
            print(path)
    for row in rows:
        refuse_unreadable(row.unreadable, row.n, 0)
