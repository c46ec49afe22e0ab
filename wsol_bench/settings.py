"""The settings of a run, as the user gave them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints

from cyclopts import Group, Parameter

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL
from wsol_bench.runtime.argument_values import checked
from wsol_bench.runtime.flag_values import (
    GATE,
    NUMBER,
    NUMBERS,
    PATH,
    SPECS,
    SWITCH,
    WHOLE,
    expanded,
)
from wsol_bench.specs import specs_in

DEFAULT_METHODS = ("backprop", "c_mwp", "grad_cam", "cam", "center")
"""Table 1's methods in its order, and the floor beneath them."""


DEFAULT_DATA = "demo"
NO_NETWORK = "none"
"""The value of `arch` if boxes and maps come from elsewhere."""

WHAT = Parameter(group=Group("What to run", sort_key=1))
INPUT = Parameter(group=Group("Preprocessing, in place of the weights' own", sort_key=2))
WHERE = Parameter(group=Group("Which images", sort_key=3))
HOW = Parameter(group=Group("How", sort_key=4))
MANY = Parameter(group=Group("On many GPUs or machines", sort_key=5))
OUTPUT = Parameter(group=Group("Output", sort_key=6))

REMOVED: Mapping[str, str] = MappingProxyType(
    {
        "layer": "is an option of each method now, as in the spec grad_cam:layer=NAME.",
        "layers": "is an option of each method now, as in the spec grad_cam:layer=NAME.",
        "sigma": "is an option of Backprop now, as in the spec backprop:sigma=VALUE.",
        "changes": "is now set, as the flag --set.",
    }
)
"""A removed setting -> its replacement."""

ARCH_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"all": ("vgg16", "alexnet", "googlenet")}
)
"""Names of several archs: those of Table 1, in its order."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of one run: the flags of `run`, which the command line reads from here.

    From Python `arch` may also be an nn.Module or an `Arch`, and `methods` may hold functions,
    `MapMethod` and `BoxMethod`.

    Attributes:
        arch: The network: vgg16, alexnet, googlenet, ... (see: list archs), or "all" for these
            three; torchvision:NAME, timm:NAME[:option=value]; FILE.py:FUNCTION or
            package.module:FUNCTION, which returns an nn.Module; none for methods that need no
            network, whose images may be absent.
        weights: torchvision, timm, demo, demo:PATH, caffe:PATH of a .caffemodel, none, or the
            PATH of a state dict or checkpoint of any suffix. Default: the demo's for the demo,
            else those of the arch's library.
        methods: Comma-separated specs NAME[:option=value]..., such as
            grad_cam:layer=features.22 (see: list methods, list methods NAME).
            Default: backprop,c_mwp,grad_cam,cam,center.
        protocol: View, box rule and scoring (see: list protocols), or a TOML file of one.
        metrics: Comma-separated names of metrics with options, such as pxap,pointing_game (see:
            list metrics, list metrics NAME). Default: the protocol's, and pxap and peak_iou on a
            dataset with masks.
        set: FIELD=VALUE: replace a field of the protocol, such as threshold=0.2. May be
            repeated.
        classes: File of class id and output, as JSON or lines of class_id,output, for a network
            with other outputs than the dataset's classes. Images of other classes are left out.
        target: File of class id and output, as --classes takes it, for a network whose outputs
            are no classes of the dataset: the maps are those of the named outputs, which
            classes may share, and classes are not ranked.
        scores: all ranks the scores over all outputs of the network, dataset over those of the
            dataset's classes. With --arch none the FILE (.csv, .npz or GenPromp's .json) of each
            image's scores.
        side: Side of the square input, in pixels.
        mean: One number per channel, comma-separated, or one for all, in the channels'
            order.
        std: In the same form as mean.
        scale: Pixels, 0 to 255, are multiplied by it before the mean is subtracted; such as
            1/255.
        order: Order of the channels.
        data: Folder or tar with images and boxes, or "demo": rendered images that need nothing
            else on the disk.
        layout: Layout of the dataset (see: list datasets); default: recognised by its content.
        split: Split of the dataset, such as val; default: its first.
        box_ends: How maximum corners are meant, where the dataset's files do not state it.
        limit: At most N images.
        allow_missing: Continue if annotated images are absent.
        allow_unreadable: Up to N images may be damaged: they count as wrong, and the run ends
            with exit code 0. With more it is completed as well, and then ends with exit code 3.
        blacklist: File of 1-based image indices that localization errors exclude.
        batch_size: Tensors per forward pass; ten crops of an image are ten.
        device: auto, cpu, cuda, cuda:1, mps.
        threads: For decoding and boxes; default: one per core. Workers on this machine share
            them; a worker of a Ray cluster reserves this many processors.
        gate: Stop if top-1 classification error is far from the published one, or from the
            percentage given.
        precision: Of the computation; fp32 is exact. bf16 is faster on hardware that has it and
            moves every error a little: compare with an fp32 run by `pairs RUN RUN`.
        deterministic: The same command on the same machine gives the same bits. Default: on a
            CPU, where it costs nothing. On a GPU some operations are slower, and one without
            such a form ends the run.
        workers: Number of networks that run at once, each on its own GPU if any. The records do
            not depend on it.
        gpus_per_worker: 0 to 1; 0.5 lets two workers share a GPU.
        engine: local: this machine. ray: a Ray cluster (see docs/how-to/many-machines.md).
        ray_address: HOST:PORT of the cluster's head, or auto on one of its machines. Default:
            Ray is started on this machine for the run.
        out: Folder for records and run.json, or a URI such as s3://bucket/run. The same command
            again finishes what is missing; several at once share the work.
        keep_maps: Keep low-resolution maps in --out, to score them again without a network.
        boxes: top5 also predicts the boxes of the five best classes, for a submission file.
    """

    arch: Annotated[Any, WHAT] = None
    weights: Annotated[str | None, WHAT] = None
    methods: Annotated[tuple[Any, ...], WHAT, SPECS, Parameter(show_default=False)] = (
        DEFAULT_METHODS
    )
    protocol: Annotated[str, WHAT] = DEFAULT_PROTOCOL
    set: Annotated[tuple[str, ...], WHAT, Parameter(negative=(), show_default=False)] = ()
    metrics: Annotated[tuple[str, ...], WHAT, SPECS, Parameter(show_default=False)] = ()
    classes: Annotated[Path | None, WHAT, PATH] = None
    target: Annotated[Path | None, WHAT, PATH] = None
    scores: Annotated[str, WHAT, Parameter(show_default=False)] = "all"
    side: Annotated[int | None, INPUT, WHOLE] = None
    mean: Annotated[tuple[float, ...] | None, INPUT, NUMBERS] = None
    std: Annotated[tuple[float, ...] | None, INPUT, NUMBERS] = None
    scale: Annotated[float | None, INPUT, NUMBER] = None
    order: Annotated[Literal["rgb", "bgr"] | None, INPUT] = None
    data: Annotated[str, WHERE, Parameter(env_var="WSOL_BENCH_DATA")] = DEFAULT_DATA
    layout: Annotated[str | None, WHERE] = None
    split: Annotated[str | None, WHERE] = None
    box_ends: Annotated[Literal["inclusive", "half-open"] | None, WHERE] = None
    limit: Annotated[int | None, WHERE, WHOLE] = None
    allow_missing: Annotated[bool, WHERE, SWITCH] = False
    allow_unreadable: Annotated[int, WHERE, WHOLE] = 0
    blacklist: Annotated[Path | None, WHERE, PATH] = None
    batch_size: Annotated[int, HOW, WHOLE] = 32
    device: Annotated[str, HOW] = "auto"
    threads: Annotated[int | None, HOW, WHOLE] = None
    gate: Annotated[float | str | None, HOW, GATE] = None
    precision: Annotated[Literal["fp32", "tf32", "bf16"], HOW] = "fp32"
    deterministic: Annotated[bool | None, HOW] = None
    workers: Annotated[int | None, MANY, WHOLE] = None
    gpus_per_worker: Annotated[float | None, MANY] = None
    engine: Annotated[Literal["local", "ray"], MANY] = "local"
    ray_address: Annotated[str | None, MANY] = None
    out: Annotated[Path | None, OUTPUT, PATH] = None
    keep_maps: Annotated[bool, OUTPUT, SWITCH] = False
    boxes: Annotated[Literal["label", "top5"], OUTPUT] = "label"

    def require_arch(self) -> None:
        """Checks that a network is named.

        Raises:
            UsageError: none is named; states how to begin.
        """
        if self.arch is None:
            raise UsageError(
                "--arch: expected a network. A first run, which needs no data and no download:\n"
                "  wsol-bench run --arch vgg16\n"
                "Names: list archs. Your own: torchvision:NAME, timm:NAME, FILE.py:FUNCTION, and "
                "in Python an nn.Module."
            )

    def by_arch(self) -> tuple["RunSettings", ...]:
        """The settings of each arch; those of a set get folders beneath `out`."""
        if not isinstance(self.arch, str) or self.arch not in ARCH_SETS:
            return (self,)
        return tuple(
            replace(self, arch=arch, out=self.out and self.out / arch)
            for arch in ARCH_SETS[self.arch]
        )

    @classmethod
    def of(cls, **values: Any) -> "RunSettings":
        """The settings from plain values: paths may be strings, and tuples lists.

        Raises:
            UsageError: there is no such setting, or a value is not of its type.
        """
        kinds = get_type_hints(cls)
        for name in values:
            if name in REMOVED:
                raise UsageError(f"{name}: {REMOVED[name]}")
            if name not in kinds:
                raise unknown_name("setting", name, kinds)
        return cls(**{name: _value(name, each, kinds[name]) for name, each in values.items()})


@dataclass(frozen=True, slots=True)
class DatasetFlags:
    """How a dataset's files are read: flags of the commands that look at one.

    Attributes:
        layout: Layout of the dataset; default: recognised by its content.
        split: Split of the dataset, such as train; default: its first.
        box_ends: How maximum corners are meant, where the dataset's files do not state it.
    """

    layout: str | None = None
    split: str | None = None
    box_ends: Literal["inclusive", "half-open"] | None = None


def _value(name: str, given: Any, kind: Any) -> Any:
    """A value of a setting, from Python."""
    if kind == Path | None:
        return _path(name, given)
    if name in _ONE_OR_SEVERAL:
        given = _ONE_OR_SEVERAL[name](given)
    if isinstance(given, Path):
        given = str(given)
    return given if kind is Any else checked(name, given, kind)


def _path(name: str, given: Any) -> Path | None:
    if given is None:
        return None
    if not isinstance(given, (str, Path)) or not str(given):
        raise UsageError(f"{name}={given!r}: expected a path.")
    return expanded(given)


def _methods(given: Any) -> Any:
    several = (given,) if callable(given) else given
    if not isinstance(several, Iterable):
        raise UsageError(
            f"methods={given!r}: expected specs, functions or a list of them, such as "
            "'grad_cam,center'."
        )
    return specs_in(several)


def _several(given: Any) -> Any:
    return (given,) if isinstance(given, (str, int, float)) else given


_ONE_OR_SEVERAL: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {"methods": _methods, "metrics": specs_in, "set": _several, "mean": _several, "std": _several}
)
"""Settings of several values, for which one value stands for a list of it."""


def names_in(names: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The names of a comma-separated text, or of a list as it is."""
    parts = names.split(",") if isinstance(names, str) else names
    return tuple(part.strip() for part in parts if part.strip())
