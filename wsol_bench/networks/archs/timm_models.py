"""`timm:NAME[:option=value]`: every model of timm, with the preprocessing of its configuration."""

from functools import partial
from math import floor
from typing import TYPE_CHECKING, Any

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.networks.archs.entry import NO_ROLES, Arch, Preprocessing, Topology
from wsol_bench.networks.archs.options import plain_options
from wsol_bench.networks.archs.preprocessing import own_crop
from wsol_bench.specs import Spec

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm"
_SIZE_OPTION = "img_size"
"""The option by which timm's transformers take another input size."""

_CENTER = "center"
"""timm's crop mode of most models; "squash", which keeps no aspect ratio, is the view `warp`."""


def timm_arch(spec: Spec) -> Arch:
    """The arch of `timm:NAME`; options go to `timm.create_model`.

    Raises:
        UsageError: timm is not installed, or has no such model.
    """
    timm = _timm()
    name = spec.name.partition(":")[2]
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models())
    options = plain_options(spec)
    topology = Topology(
        build=partial(_build, name, options),
        roles=NO_ROLES,
        preprocessing=_preprocessing(timm.get_pretrained_cfg(name), options),
        finds_roles=True,
        on_meta=False,
    )
    return Arch(spec.text, spec.text, {PREFIX: topology}, default_weights=PREFIX)


def _timm() -> Any:
    try:
        import timm  # takes seconds, and most runs need none of it
    except ModuleNotFoundError as error:
        raise UsageError(
            "--arch timm:...: timm is not installed. Install it with: pip install "
            "'wsol_bench[timm]'."
        ) from error
    return timm


def _build(name: str, options: dict[str, Any], classes: int) -> "nn.Module":
    try:
        net: nn.Module = _timm().create_model(name, num_classes=classes, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise UsageError(
            f"--arch timm:{name}: cannot be built with {options} ({error})."
        ) from error
    return net.eval()


def _preprocessing(config: Any, options: dict[str, Any]) -> Preprocessing:
    size = options.get(_SIZE_OPTION, config.input_size[-1])
    if not isinstance(size, int):
        raise UsageError(f"--arch: {_SIZE_OPTION}={size}: expected one side, such as 384.")
    shorter = floor(size / config.crop_pct)  # as timm's own transforms round it
    crop = own_crop(size, shorter, config.interpolation) if config.crop_mode == _CENTER else None
    return Preprocessing(size, "rgb", 1 / 255, tuple(config.mean), tuple(config.std), crop)
