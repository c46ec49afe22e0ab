"""The commands on runs that are there, and on many of them: parse, call, print."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from wsol_bench.errors import UsageError
from wsol_bench.settings import RunSettings

Switch = Annotated[bool, Parameter(negative=())]


def score(
    run: Path | None = None,
    /,
    *,
    protocol: str | None = None,
    change: Annotated[list[str] | None, Parameter("--set", negative=())] = None,
    tune_on: Path | None = None,
    predictions: Path | None = None,
    data: Path | None = None,
    class_map: Path | None = None,
    blacklist: Path | None = None,
    limit: int | None = None,
    allow_missing: Switch = False,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Score a run again without its network, or anybody's predictions.

    Parameters
    ----------
    run
        The run's folder.
    protocol
        The other protocol (see: list protocols), or a TOML file of one. Boxes drawn by
        another rule need a run that was made with --keep-maps.
    change
        FIELD=VALUE: replace a field of the protocol, such as iou=0.3. May be repeated.
    tune_on
        Another run of the same kind, on other images, to choose the threshold of
        maxboxacc on.
    predictions
        A prediction file of the ILSVRC devkit's form, in place of a run.
    data
        The images' folder or tar, for --predictions.
    class_map
        File of "WNID id" lines, for --predictions over classes that are not ILSVRC's.
    blacklist
        File of 1-based image indices that localization errors leave out, for --predictions.
    limit
        Only the first so many images, for --predictions.
    allow_missing
        Go on where annotated images are absent, for --predictions.
    as_json
        One JSON object on stdout instead of the table.
    """
    from wsol_bench.report import rescoring

    if (run is None) == (predictions is None):
        raise UsageError("score: expected a run's folder, or --predictions FILE --data DIR.")
    if predictions is not None:
        if data is None:
            raise UsageError("score --predictions: needs --data, the images' folder or tar.")
        files = rescoring.PredictionFiles(
            predictions, data, class_map, blacklist, limit, allow_missing
        )
        rescoring.print_predictions(files, protocol, tuple(change or ()), as_json=as_json)
    elif run is not None:
        rescoring.print_score(run, protocol, tuple(change or ()), tune_on, as_json=as_json)


def export(
    run: Path,
    out: Path,
    /,
    *,
    method: str,
    format: Literal["devkit", "coco"] = "devkit",
    class_map: Path | None = None,
) -> None:
    """Write a run's boxes for an outside scorer.

    Parameters
    ----------
    run
        The run's folder. Made with --boxes top5 it has a box for each of five classes,
        else for the label's only; the others are then written as empty boxes, which
        changes no error.
    out
        The file to write.
    method
        Whose boxes.
    format
        devkit: five groups of class and box a line, devkit class ids, 0-based inclusive.
        coco: results JSON.
    class_map
        File of "WNID id" lines, for classes that are not ILSVRC's.
    """
    from wsol_bench.report.exports import export_run

    export_run(run, out, method, format, class_map)


def pairs(runs: list[Path], /, *, metric: str = "top1_loc") -> None:
    """Print the paired difference of every two rows of a run, or of several runs.

    Parameters
    ----------
    runs
        Folders of runs over the same images.
    metric
        Which error.
    """
    from wsol_bench.report.statistics import print_pairs

    print_pairs(runs, metric)


def breakdown(run: Path, /, *, method: str) -> None:
    """Print a method's errors by box size and number, and how its boxes fail.

    Parameters
    ----------
    run
        The run's folder.
    method
        Which method's records.
    """
    from wsol_bench.report.statistics import print_breakdown

    print_breakdown(run, method)


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


def bench(
    *,
    arch: str = "vgg16",
    topology: str = "caffe",
    device: str = "auto",
    batch_size: int = 8,
    rounds: int = 5,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Measure what localization costs, in forward passes of the same network.

    Parameters
    ----------
    arch
        The network, with random weights.
    topology
        Which net of that name (see: list archs).
    device
        auto, cpu, cuda, cuda:1, mps.
    batch_size
        Images per pass.
    rounds
        Interleaved repeats; the median is given.
    as_json
        One JSON object on stdout instead of the table.
    """
    from wsol_bench.report.bench import print_bench

    print_bench(arch, topology, device, batch_size, rounds, as_json=as_json)


RUN_COMMANDS = (table1, score, ablate, pairs, breakdown, export, bench)
