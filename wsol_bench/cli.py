"""The commands: parse, call, print. What a command does is elsewhere.

Nothing here imports torch before a command needs it, so `--help` is quick.
"""

import json
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Group, Parameter

from wsol_bench.cli_data import data_app
from wsol_bench.cli_runs import RUN_COMMANDS
from wsol_bench.errors import (
    EXIT_FINE,
    EXIT_INTERRUPTED,
    EXIT_RUN_FAILED,
    EXIT_USAGE,
    UsageError,
    WsolBenchError,
)
from wsol_bench.protocol import DEFAULT_PROTOCOL
from wsol_bench.settings import DEFAULT_DATA, DEFAULT_METHODS, SIGMA, RunSettings, names_in

PROGRAM = "wsol-bench"

app = App(
    name=PROGRAM,
    help="Measures how well networks trained on image labels alone can say where the object is.",
    version=lambda: f"{PROGRAM} {version('wsol_bench')}",
    help_format="plaintext",
)
WHAT = Group("What to run", sort_key=1)
WHERE = Group("Which images", sort_key=2)
HOW = Group("How", sort_key=3)
OUTPUT = Group("Output", sort_key=4)

app.command(data_app)
for command in RUN_COMMANDS:
    app.command(command)


@app.command
def run(
    *,
    arch: Annotated[str, Parameter(group=WHAT)],
    weights: Annotated[str | None, Parameter(group=WHAT)] = None,
    methods: Annotated[str, Parameter(group=WHAT)] = ",".join(DEFAULT_METHODS),
    protocol: Annotated[str, Parameter(group=WHAT)] = DEFAULT_PROTOCOL,
    change: Annotated[list[str] | None, Parameter("--set", group=WHAT, negative=())] = None,
    layer: Annotated[list[str] | None, Parameter(group=WHAT, negative=())] = None,
    sigma: Annotated[float, Parameter(group=WHAT)] = SIGMA,
    data: Annotated[str, Parameter(group=WHERE, env_var="WSOL_BENCH_DATA")] = DEFAULT_DATA,
    layout: Annotated[str | None, Parameter(group=WHERE)] = None,
    limit: Annotated[int | None, Parameter(group=WHERE)] = None,
    allow_missing: Annotated[bool, Parameter(group=WHERE, negative=())] = False,
    blacklist: Annotated[Path | None, Parameter(group=WHERE)] = None,
    batch_size: Annotated[int, Parameter(group=HOW)] = 32,
    device: Annotated[str, Parameter(group=HOW)] = "auto",
    threads: Annotated[int | None, Parameter(group=HOW)] = None,
    gate: Annotated[str | None, Parameter(group=HOW)] = None,
    out: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
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
        The network: vgg16, alexnet, googlenet, ... (see: list archs), or "all" for these three.
    weights
        torchvision, demo, demo:PATH, caffe:PATH of a .caffemodel, or the PATH of a
        .safetensors or .pth state dict. Where not given, the demo's for the demo, else
        torchvision's.
    methods
        Comma-separated (see: list methods).
    protocol
        View, box rule and scoring (see: list protocols), or a TOML file of one.
    change
        FIELD=VALUE: replace a field of the protocol, such as threshold=0.2. May be repeated.
    layer
        METHOD=NAME: read this layer instead of the arch's own. May be repeated.
    sigma
        Of backprop's Gaussian, as a share of the map's side; 0 leaves it raw.
    data
        Folder or tar with images and boxes, or "demo": rendered images that need nothing
        else on the disk.
    layout
        Of the dataset, where looking at it does not tell (see: list datasets).
    limit
        Only the first so many images.
    allow_missing
        Go on where annotated images are absent.
    blacklist
        File of 1-based image indices that localization errors leave out.
    batch_size
        Tensors per forward pass; ten crops of an image are ten.
    device
        auto, cpu, cuda, cuda:1, mps.
    threads
        For decoding and boxes; one per core where not given.
    gate
        Stop if top-1 classification error is far from the published one, or from the
        per cent given.
    out
        Folder for records and run.json. The same command again finishes what is missing.
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
        methods=names_in(methods),
        protocol=protocol,
        changes=tuple(change or ()),
        boxes=boxes,
        keep_maps=keep_maps,
        out=out,
        limit=limit,
        allow_missing=allow_missing,
        batch_size=batch_size,
        device=device,
        threads=threads,
        sigma=sigma,
        layers=_layers_in(layer or []),
        blacklist=blacklist,
        gate=_gate_in(gate),
    )
    from wsol_bench.evaluate import evaluate
    from wsol_bench.result import to_json
    from wsol_bench.tables import print_result

    results = evaluate(settings, quiet=quiet, verbose=verbose)
    if as_json:
        print(json.dumps(to_json(results), ensure_ascii=False))
    else:
        for result in results:
            print_result(result)


@app.command(name="list")
def list_names(what: str, /) -> None:
    """List what can be chosen from.

    Parameters
    ----------
    what
        archs, methods, datasets, protocols or weights.
    """
    from wsol_bench.catalog import print_catalog

    print_catalog(what)


@app.command
def compare(
    baseline: Path,
    new: Path,
    /,
    *,
    tolerance: Annotated[list[str] | None, Parameter(negative=())] = None,
    markdown: Annotated[bool, Parameter(negative=())] = False,
    update: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare two results cell by cell; exit 4 where one moved further than it may.

    Parameters
    ----------
    baseline
        What `run --json` printed, or a run's folder.
    new
        What to hold against it, likewise.
    tolerance
        METRIC=POINTS: how far a metric may move. May be repeated. Where not given,
        what the baseline states under "tolerance", else 0.5.
    markdown
        Print Markdown, for a CI summary.
    update
        Then write the new figures into the baseline, which keeps its tolerances.
    """
    from wsol_bench.report.comparison import print_comparison

    return print_comparison(baseline, new, tolerance or [], markdown=markdown, update=update)


@app.command
def doctor(*, as_json: Annotated[bool, Parameter("--json", negative=())] = False) -> int:
    """Print what a bug report needs; exit 1 where something essential is broken.

    Parameters
    ----------
    as_json
        One JSON object on stdout instead of the text.
    """
    from wsol_bench.report.doctor import print_doctor

    return print_doctor(as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in tokens
    tokens = _complete_gate([token for token in tokens if token != "--debug"])
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        return _fail(str(error), EXIT_USAGE, debug)
    except WsolBenchError as error:
        return _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail("interrupted.", EXIT_INTERRUPTED, debug)
    except BrokenPipeError:  # the reader of stdout, such as `head`, has seen enough
        sys.stdout = None
        return EXIT_FINE
    except Exception as error:  # the last resort: a fault of ours, told without a traceback
        kind = type(error).__name__
        return _fail(
            f"unexpected {kind}: {error}. Run again with --debug and report what it shows.",
            EXIT_RUN_FAILED,
            debug,
        )
    return code if isinstance(code, int) else EXIT_FINE


def _fail(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code


def _layers_in(pairs: Sequence[str]) -> dict[str, str]:
    layers = {}
    for pair in pairs:
        method, equals, name = pair.partition("=")
        if not (method and equals and name):
            raise UsageError(f"--layer {pair}: expected METHOD=NAME, such as grad_cam=relu5_2.")
        layers[method] = name
    return layers


def _complete_gate(tokens: list[str]) -> list[str]:
    """Lets `--gate` stand alone, which means the published figure."""
    completed = []
    for at, token in enumerate(tokens):
        completed.append(token)
        alone = at + 1 == len(tokens) or tokens[at + 1].startswith("-")
        if token == "--gate" and alone:
            completed.append("published")
    return completed


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
