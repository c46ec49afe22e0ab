"""The main command: parse, call, print."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from wsol_bench.cli.values import PATH, WHOLE, method_specs, numbers
from wsol_bench.errors import UsageError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL
from wsol_bench.settings import (
    DEFAULT_DATA,
    RunSettings,
)

WHAT = Group("What to run", sort_key=1)
WHERE = Group("Which images", sort_key=2)
INPUT = Group("Preprocessing, in place of the weights' own", sort_key=3)
HOW = Group("How", sort_key=4)
MANY = Group("On many GPUs or machines", sort_key=5)
OUTPUT = Group("Output", sort_key=6)


def run(
    *,
    arch: Annotated[str, Parameter(group=WHAT)],
    weights: Annotated[str | None, Parameter(group=WHAT)] = None,
    methods: Annotated[list[str] | None, Parameter(group=WHAT, negative=())] = None,
    protocol: Annotated[str, Parameter(group=WHAT)] = DEFAULT_PROTOCOL,
    classes: Annotated[Path | None, PATH, Parameter(group=WHAT)] = None,
    scores: Annotated[Literal["all", "dataset"], Parameter(group=WHAT)] = "all",
    side: Annotated[int | None, WHOLE, Parameter(group=INPUT)] = None,
    mean: Annotated[str | None, Parameter(group=INPUT)] = None,
    std: Annotated[str | None, Parameter(group=INPUT)] = None,
    scale: Annotated[str | None, Parameter(group=INPUT)] = None,
    order: Annotated[Literal["rgb", "bgr"] | None, Parameter(group=INPUT)] = None,
    change: Annotated[list[str] | None, Parameter("--set", group=WHAT, negative=())] = None,
    data: Annotated[str, Parameter(group=WHERE, env_var="WSOL_BENCH_DATA")] = DEFAULT_DATA,
    layout: Annotated[str | None, Parameter(group=WHERE)] = None,
    split: Annotated[str | None, Parameter(group=WHERE)] = None,
    box_ends: Annotated[Literal["inclusive", "half-open"] | None, Parameter(group=WHERE)] = None,
    limit: Annotated[int | None, WHOLE, Parameter(group=WHERE)] = None,
    allow_missing: Annotated[bool, Parameter(group=WHERE, negative=())] = False,
    allow_unreadable: Annotated[int, WHOLE, Parameter(group=WHERE)] = 0,
    blacklist: Annotated[Path | None, PATH, Parameter(group=WHERE)] = None,
    batch_size: Annotated[int, WHOLE, Parameter(group=HOW)] = 32,
    device: Annotated[str, Parameter(group=HOW)] = "auto",
    threads: Annotated[int | None, WHOLE, Parameter(group=HOW)] = None,
    gate: Annotated[str | None, Parameter(group=HOW)] = None,
    precision: Annotated[Literal["fp32", "tf32", "bf16"], Parameter(group=HOW)] = "fp32",
    deterministic: Annotated[bool | None, Parameter(group=HOW)] = None,
    workers: Annotated[int | None, WHOLE, Parameter(group=MANY)] = None,
    gpus_per_worker: Annotated[float | None, Parameter(group=MANY)] = None,
    engine: Annotated[Literal["local", "ray"], Parameter(group=MANY)] = "local",
    ray_address: Annotated[str | None, Parameter(group=MANY)] = None,
    out: Annotated[Path | None, PATH, Parameter(group=OUTPUT)] = None,
    keep_maps: Annotated[bool, Parameter(group=OUTPUT, negative=())] = False,
    boxes: Annotated[Literal["label", "top5"], Parameter(group=OUTPUT)] = "label",
    as_json: Annotated[bool, Parameter("--json", group=OUTPUT, negative=())] = False,
    quiet: Annotated[bool, Parameter(["--quiet", "-q"], group=OUTPUT, negative=())] = False,
    verbose: Annotated[bool, Parameter(["--verbose", "-v"], group=OUTPUT, negative=())] = False,
) -> None:
    """Run one network with some methods over a dataset and print its errors.

    Parameters
    ----------
    arch
        The network: vgg16, alexnet, googlenet, ... (see: list archs), or "all" for these three;
        torchvision:NAME, timm:NAME[:option=value]; FILE.py:FUNCTION or package.module:FUNCTION,
        which returns an nn.Module.
    weights
        torchvision, timm, demo, demo:PATH, caffe:PATH of a .caffemodel, none, or the PATH of a
        state dict or checkpoint of any suffix. Default: the demo's for the demo, else those of
        the arch's library.
    classes
        File of class id and output, as JSON or lines of class_id,output, for a network with
        other outputs than the dataset's classes. Images of other classes are left out.
    scores
        all ranks the scores over all outputs of the network, dataset over those of the
        dataset's classes.
    side
        Of the square input, in pixels.
    mean
        One number per channel with commas between, or one for all, in the channels' order.
    std
        As mean.
    scale
        Pixels, 0 to 255, are multiplied by it before the mean is subtracted; such as 1/255.
    order
        Of the channels.
    methods
        Comma-separated specs NAME[:option=value]..., such as grad_cam:layer=features.22 (see:
        list methods, list methods NAME).
    protocol
        View, box rule and scoring (see: list protocols), or a TOML file of one.
    change
        FIELD=VALUE: replace a field of the protocol, such as threshold=0.2. May be repeated.
    data
        Folder or tar with images and boxes, or "demo": rendered images that need nothing
        else on the disk.
    layout
        Of the dataset (see: list datasets); default: recognised by its content.
    split
        Of the dataset, such as val; default: the first that it has.
    box_ends
        How maximum corners are meant, where the dataset's files do not state it.
    limit
        Only the first so many images.
    allow_missing
        Go on where annotated images are absent.
    allow_unreadable
        So many images may be damaged: they count as wrong, and the run is fine. With more
        it is made all the same, and then ends with exit code 3.
    blacklist
        File of 1-based image indices that localization errors leave out.
    batch_size
        Tensors per forward pass; ten crops of an image are ten.
    device
        auto, cpu, cuda, cuda:1, mps.
    threads
        For decoding and boxes; one per core where not given. Workers on this machine
        share them; a worker of a Ray cluster reserves so many processors.
    gate
        Stop if top-1 classification error is far from the published one, or from the
        per cent given.
    precision
        Of the network; fp32 is exact. bf16 is faster on hardware that has it and moves
        every error a little: compare with an fp32 run by `pairs RUN RUN`.
    deterministic
        The same command on the same machine gives the same bits. Where not given: on a CPU,
        where it costs nothing. On a GPU some operations are slower, and one without such
        a form ends the run.
    workers
        Networks that work at once, on a GPU each where there are some. No result
        depends on it.
    gpus_per_worker
        0 to 1; 0.5 lets two workers share a GPU.
    engine
        local: this machine. ray: a Ray cluster (see docs/how-to/many-machines.md).
    ray_address
        HOST:PORT of the cluster's head, or auto on one of its machines. Where not given,
        Ray is started on this machine for the run.
    out
        Folder for records and run.json, or a URI such as s3://bucket/run. The same
        command again finishes what is missing; several at once share the work.
    keep_maps
        Keep low-resolution maps in --out, to score them again without a network.
    boxes
        top5 also draws the boxes of the five best classes, for a submission file.
    as_json
        One JSON object on stdout instead of the table.
    quiet
        Say nothing on stderr.
    verbose
        Say more on stderr.
    """
    settings = RunSettings(
        arch=arch,
        weights=weights,
        data=data,
        layout=layout,
        split=split,
        box_ends=box_ends,
        methods=method_specs(methods),
        protocol=protocol,
        classes=classes,
        scores=scores,
        side=side,
        mean=numbers("--mean", mean),
        std=numbers("--std", std),
        scale=(numbers("--scale", scale) or (None,))[0],
        order=order,
        changes=tuple(change or ()),
        boxes=boxes,
        keep_maps=keep_maps,
        out=out,
        limit=limit,
        allow_missing=allow_missing,
        allow_unreadable=allow_unreadable,
        batch_size=batch_size,
        device=device,
        threads=threads,
        blacklist=blacklist,
        gate=_gate_in(gate),
        precision=precision,
        deterministic=deterministic,
        engine=engine,
        workers=workers,
        gpus_per_worker=gpus_per_worker,
        ray_address=ray_address,
    )
    if keep_maps and out is None:
        raise UsageError("--keep-maps: needs --out FOLDER, where the maps are kept.")
    from wsol_bench.records.result import require_readable, to_json
    from wsol_bench.report.tables.result import print_result
    from wsol_bench.runs.evaluate import evaluate

    results = evaluate(settings, quiet=quiet, verbose=verbose)
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
    else:
        for result in results:
            print_result(result)
    require_readable(results, settings.allow_unreadable)


def _gate_in(gate: str | None) -> float | str | None:
    if gate is None or gate == "published":
        return gate
    try:
        percent = float(gate)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"--gate {gate}: expected a per cent, 0 to 100, or nothing after it.")
    return percent
