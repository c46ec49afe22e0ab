"""wsol_bench: benchmark of weakly supervised object localization.

import wsol_bench
result = wsol_bench.run(arch="googlenet", weights="torchvision", data="imagenet/", out="run")
print(result)
wsol_bench.open("run").save("table.tex")
"""

import sys


def _ignore_current_folder() -> None:
    """Keeps `python -m wsol_bench` from importing a user's json.py in place of Python's own.

    -m puts the current folder first on the path; `python -P` and the program do not.
    """
    given = sys.orig_argv
    started = "-m" in given and given[given.index("-m") + 1] == __name__
    if started and not sys.flags.safe_path:
        del sys.path[0]


if sys.argv[:1] == ["-m"]:  # while Python looks for the module to run
    _ignore_current_folder()

from collections.abc import Callable, Iterable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TYPE_CHECKING, Literal, Never  # noqa: E402

from wsol_bench.errors import (  # noqa: E402
    DataError,
    RegressionError,
    RunError,
    UsageError,
    WeightsError,
    WsolBenchError,
)
from wsol_bench.settings import DEFAULT_DATA, DEFAULT_METHODS, RunSettings  # noqa: E402

if TYPE_CHECKING:
    from torch import nn

    from wsol_bench.api import RunResult
    from wsol_bench.methods.entry import MapMethod
    from wsol_bench.networks.archs.entry import Arch

__all__ = [
    "DataError",
    "RegressionError",
    "RunError",
    "RunSettings",
    "UsageError",
    "WeightsError",
    "WsolBenchError",
    "open",
    "run",
]


def run(
    *,
    arch: "str | nn.Module | Arch | None" = None,
    weights: str | Path | None = None,
    methods: "str | Callable[..., object] | Iterable[str | Callable[..., object] | MapMethod]" = (
        DEFAULT_METHODS
    ),
    protocol: str | Path = "gradcam-iccv17",
    metrics: str | Iterable[str] = (),
    set: str | Iterable[str] = (),
    classes: str | Path | None = None,
    target: str | Path | None = None,
    scores: str | Path = "all",
    side: int | None = None,
    mean: float | Iterable[float] | None = None,
    std: float | Iterable[float] | None = None,
    scale: float | None = None,
    order: Literal["rgb", "bgr"] | None = None,
    data: str | Path = DEFAULT_DATA,
    layout: str | None = None,
    split: str | None = None,
    box_ends: Literal["inclusive", "half-open"] | None = None,
    limit: int | None = None,
    allow_missing: bool = False,
    allow_unreadable: int = 0,
    blacklist: str | Path | None = None,
    batch_size: int = 32,
    device: str = "auto",
    threads: int | None = None,
    gate: float | str | None = None,
    precision: Literal["fp32", "tf32", "bf16"] = "fp32",
    deterministic: bool | None = None,
    workers: int | None = None,
    gpus_per_worker: float | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    out: str | Path | None = None,
    keep_maps: bool = False,
    boxes: Literal["label", "top5"] = "label",
    quiet: bool | None = None,
    **unknown: Never,
) -> "RunResult":
    """Runs one network with some methods over a dataset, as the command `run`.

    The arguments are the command's flags; `RunSettings` describes each of them.

    Args:
        arch: a spec such as "vgg16" or "timm:vit_tiny_patch16_224", an `nn.Module` or an `Arch`.
        weights: such as "torchvision", "demo", "caffe:PATH", or the path of a checkpoint.
        methods: specs such as "grad_cam:layer=layer3,center", functions, or a list of them.
        protocol: its name, or a TOML file.
        metrics: names with options, such as "pxap"; default: the protocol's.
        set: FIELD=VALUE texts, each of which replaces a field of the protocol.
        classes, target, scores: see `RunSettings`, also for the arguments that follow.
        side, mean, std, scale, order: preprocessing, in place of the weights' own.
        data: a dataset's folder, tar, list or table, or "demo".
        layout, split, box_ends, limit, allow_missing, allow_unreadable, blacklist: which images.
        batch_size, device, threads, gate, precision, deterministic: how.
        workers, gpus_per_worker, engine, ray_address: on many GPUs or machines.
        out: folder for the records; default: a temporary one that lives as long as the result.
        keep_maps, boxes: what is kept beside the records.
        quiet: show no progress and no messages. Default: False in notebooks, else True.

    Returns:
        The result: `print` shows its table; `.metrics`, `.records`, `.maps(image)`,
        `.pairs(other)`, `.show(images)` and `.save(path)` give the rest.

    Raises:
        WsolBenchError: a subclass; the message states what to do.

    Example:
        >>> result = run(arch="alexnet", data="demo", methods="grad_cam,center", limit=4)
        >>> [row.title for row in result.rows]
        ['Grad-CAM', 'Centred box']
    """
    asked = {name: value for name, value in locals().items() if name in RunSettings.__slots__}
    settings = RunSettings.of(**asked, **unknown)
    if settings.arch is None:
        raise UsageError(
            'run: expected a network as arch, such as arch="vgg16", which needs no data and no '
            'download; "torchvision:NAME", "timm:NAME", "FILE.py:FUNCTION", an nn.Module or an '
            'Arch; or "none" for methods that need no network.'
        )
    if len(settings.by_arch()) > 1:
        raise UsageError(f"arch={settings.arch!r}: expected one arch; call run() for each.")
    from wsol_bench.api import run_and_keep  # imports torch, which takes seconds
    from wsol_bench.runtime.notebook import in_notebook

    return run_and_keep(settings, quiet=not in_notebook() if quiet is None else quiet)


def open(run: str | Path) -> "RunResult":
    """Opens a finished run from its folder, without its network.

    Args:
        run: the folder that was the run's `out`.

    Returns:
        The same kind of object as `wsol_bench.run` returns, measured from the records.

    Raises:
        DataError: no finished run is there.
        UsageError: the folder holds the runs of several archs; the message names them.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp() + "/run"
        >>> made = run(arch="alexnet", data="demo", methods="center", limit=4, out=folder)
        >>> open(folder).metrics.equals(made.metrics)
        True
    """
    from wsol_bench.api import open_result

    return open_result(run)
