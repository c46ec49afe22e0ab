"""What a user asks of a run, before any of it is looked up."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL
from wsol_bench.specs import specs_in

DEFAULT_METHODS = ("backprop", "c_mwp", "grad_cam", "cam", "center")
"""Table 1's methods in its order, and the floor beneath them."""


DEFAULT_DATA = "demo"
DEFAULT_ENGINE = "local"

REMOVED: Mapping[str, str] = MappingProxyType(
    {
        "layer": "is an option of each method now: --methods grad_cam:layer=NAME.",
        "layers": "is an option of each method now: methods='grad_cam:layer=NAME'.",
        "sigma": "is an option of Backprop now: --methods backprop:sigma=VALUE.",
    }
)
"""A setting that is gone -> how it is spelled now."""

ARCH_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"all": ("vgg16", "alexnet", "googlenet")}
)
"""Names of several archs: those of Table 1, in its order."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The settings of one run; the command line's flags, one for one.

    Attributes:
        arch: a spec of an arch, or the name of a set of them; from Python also an nn.Module
            or an `Arch`.
        weights: "torchvision", "demo", "caffe:PATH" or a PATH to a state dict; None
            takes the dataset's own where it has some, else torchvision's.
        data: the folder or tar of a dataset, or the name of an embedded one.
        layout: of the dataset; default: recognised by its content.
        split: of the dataset, such as "val"; default: the first that it has.
        box_ends: of the corners in the dataset's files, "inclusive" or "half-open", where the
            format leaves it open; default: what the format or the file states.
        methods: specs of methods with their options, in the order of the rows.
        protocol: a name of `list protocols`, or the path of a TOML file.
        classes: file of class id and output, for a network with other outputs than the dataset's
            classes; images of classes that are not in it are left out.
        scores: "all" ranks the scores over all outputs, "dataset" over the dataset's classes.
        side: of the square input, in pixels; default: the weights'.
        mean, std: one number per channel or one for all; default: the weights'.
        scale: by which pixels, 0..255, are multiplied before the mean is subtracted; default:
            the weights'.
        order: of the channels; default: the weights'.
        out: the run's folder, or None to keep no records.
        limit: only the first so many images.
        allow_missing: go on where annotated images are absent.
        batch_size: tensors per forward pass. Another may add sums up in another order,
            which now and then moves a box by a pixel.
        device: "auto", or what torch calls it, such as "cuda:1".
        threads: for decoding and boxes; None takes one per core.
        blacklist: file of 1-based indices left out of localization errors.
        changes: field=value pairs that replace fields of the protocol.
        boxes: "label" draws the box of the label's class, the only one that can
            count; "top5" also those of the best classes, for a submission file.
        keep_maps: keep low-resolution maps in `out`, to score again without a network.
        gate: top-1 error in per cent to check against, "published" for the one
            stated for the weights, or None for no check.
        precision: of the network's convolutions and products; tf32 acts on a GPU.
            Excitation is always in float32.
        deterministic: take only operations that repeat themselves to the bit; None does
            on a CPU.
        engine: a name of `engine.catalog.ENGINES`: where the work is done.
        workers: how many networks work at once; None takes one on this machine, and
            as many as there is room for in a Ray cluster.
        gpus_per_worker: at most 1; a fraction shares a GPU. None gives each worker one
            where there are GPUs, and shares them where there are more workers.
        ray_address: HOST:PORT of a Ray cluster, or None to start Ray here.
    """

    arch: Any
    weights: str | None = None
    data: str = DEFAULT_DATA
    layout: str | None = None
    split: str | None = None
    box_ends: Literal["inclusive", "half-open"] | None = None
    methods: tuple[Any, ...] = DEFAULT_METHODS
    protocol: str = DEFAULT_PROTOCOL
    classes: Path | None = None
    scores: Literal["all", "dataset"] = "all"
    side: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    order: Literal["rgb", "bgr"] | None = None
    out: Path | None = None
    limit: int | None = None
    allow_missing: bool = False
    allow_unreadable: int = 0
    batch_size: int = 32
    device: str = "auto"
    threads: int | None = None
    blacklist: Path | None = None
    changes: tuple[str, ...] = ()
    boxes: Literal["label", "top5"] = "label"
    keep_maps: bool = False
    gate: float | str | None = None
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    deterministic: bool | None = None
    engine: str = DEFAULT_ENGINE
    workers: int | None = None
    gpus_per_worker: float | None = None
    ray_address: str | None = None

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
        """The settings from plain values: paths and lists of names may be strings.

        Raises:
            UsageError: there is no such setting, or a path is empty.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            if name in REMOVED:
                raise UsageError(f"{name}: {REMOVED[name]}")
            if name not in known:
                raise unknown_name("setting", name, known)
        for name in ("out", "blacklist", "classes"):
            if values.get(name) == "":
                raise UsageError(f"{name}: expected a path, got an empty text.")
            if values.get(name) is not None:
                values[name] = expanded(values[name])
        if "methods" in values:
            given = values["methods"]
            values["methods"] = specs_in((given,) if callable(given) else given)
        return cls(**{**values, "data": str(values["data"])} if "data" in values else values)


def expanded(path: str | Path) -> Path:
    """The path with the home folder in the place of ~, where there is such a user."""
    with suppress(RuntimeError):  # "~nobody/x": there is no such user, so no such folder
        return Path(path).expanduser()
    return Path(path)


def names_in(names: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The names of a comma-separated text, or of a list as it is."""
    parts = names.split(",") if isinstance(names, str) else names
    return tuple(part.strip() for part in parts if part.strip())
