"""The table of archs, and the other values of `--arch`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.networks.archs.alexnet import ALEXNET, ALEXNET_CAM
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.archs.googlenet import GOOGLENET, GOOGLENET_CAM, GOOGLENET_GMP
from wsol_bench.networks.archs.none import NO_NETWORK
from wsol_bench.networks.archs.own import factory_arch, module_arch
from wsol_bench.networks.archs.squeezenet import SQUEEZENET1_1
from wsol_bench.networks.archs.timm_models import timm_arch
from wsol_bench.networks.archs.torchvision_models import torchvision_arch
from wsol_bench.networks.archs.vgg import VGG16, VGG16_CAM
from wsol_bench.runtime.user_code import names_user_code
from wsol_bench.specs import Spec, parse_spec

__all__ = ["ARCHS", "open_arch"]

ARCHS: dict[str, Arch] = {
    "vgg16": VGG16,
    "alexnet": ALEXNET,
    "googlenet": GOOGLENET,
    "squeezenet1_1": SQUEEZENET1_1,
    "vgg16_cam": VGG16_CAM,
    "alexnet_cam": ALEXNET_CAM,
    "googlenet_cam": GOOGLENET_CAM,
    "googlenet_gmp": GOOGLENET_GMP,
}

PREFIXES: Mapping[str, Callable[[Spec], Arch]] = MappingProxyType(
    {"torchvision": torchvision_arch, "timm": timm_arch}
)
"""Text before the first colon -> the function that makes an arch of the rest."""

FORMS = (
    "torchvision:NAME and timm:NAME take a library's models, FILE.py:FUNCTION or "
    "package.module:FUNCTION a function of yours that returns an nn.Module, none no network"
)


def open_arch(arch: "str | Arch | Any") -> Arch:
    """The arch of a spec, or of an object from Python.

    Args:
        arch: a value of `--arch`, an `Arch`, or an `nn.Module`.

    Raises:
        UsageError: there is none of this name; lists the nearest, and how to give one's own.
    """
    if isinstance(arch, Arch):
        return arch
    if not isinstance(arch, str):
        return _of_object(arch)
    known = {**ARCHS, NO_NETWORK.name: NO_NETWORK}
    if arch in known:
        return known[arch]
    spec = parse_spec(arch)
    prefix, colon, _ = spec.name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](spec)
    if names_user_code(spec.name):
        return factory_arch(spec)
    if spec.name in known:
        raise UsageError(f"--arch {arch}: {spec.name} takes no options.")
    raise UsageError(f"{unknown_name('arch', spec.name, known)} {FORMS}.")


def _of_object(arch: Any) -> Arch:
    from torch import nn

    if not isinstance(arch, nn.Module):
        raise UsageError(
            f"arch: expected a name, an nn.Module or an Arch, got a {type(arch).__name__}. {FORMS}."
        )
    return module_arch(arch)
