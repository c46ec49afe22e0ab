"""Common code of the adapters of other libraries: one image at a time, seeded, on the plain module.

A library works on the network's plain module, a frozen copy with the same parameters, and knows
nothing of our passes. Images go through it one by one, so that neither a batch nor a draw of a
random method changes a map.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from wsol_bench.errors import NotApplicable, UsageError, unknown_name
from wsol_bench.methods.entry import LAYER, MapMethod, any_layer, scores_alone
from wsol_bench.runtime.user_code import failures_named

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward, Network

OneMap = Callable[[Any, "Forward", "nn.Module", str, "Tensor", int], Any]
"""(the library's method, forward, module, layer, image (1, 3, h, w), output) -> the image's map,
(..., h, w)."""


def from_library(
    name: str,
    package: str,
    module: str,
    member: str,
    one: OneMap,
    reads_layer: Callable[[Any], bool] = lambda method: False,
    *,
    on_tokens: bool = False,
) -> MapMethod:
    """The method of `PREFIX:NAME`.

    Args:
        name: the whole name.
        package: its name for pip, for its version and for the message where it is missing.
        module: that has the classes.
        member: the name that a class has as a member if it is one of the library's methods.
        one: computes one map by a method of the library.
        reads_layer: whether a method reads a layer, else the pixels.
        on_tokens: whether the layer may give a transformer's tokens.

    Raises:
        UsageError: the library is not installed, or has no such method; lists those it has.
    """
    prefix, _, wanted = name.partition(":")
    try:
        library = importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{name}: {package} is not installed ({error}). pip install {package}"
        ) from error
    known = {
        each: value
        for each, value in vars(library).items()
        if inspect.isclass(value) and hasattr(value, member)
    }
    if wanted not in known:
        raise unknown_name(f"{prefix} method", wanted, known)

    def maps(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
        return _each(name, partial(one, known[wanted]), forward, layer, classes)

    def check(network: "Network", layer: str) -> None:
        any_layer(network, layer)
        cells = network.cells.get(layer)
        if cells is not None and cells.order != "channels_first" and not on_tokens:
            raise NotApplicable(f"{package} reads (channels, rows, columns); {layer} gives tokens")

    takes_layer = reads_layer(known[wanted])
    return MapMethod(
        name=name,
        title=f"{wanted} ({prefix})",
        source=f"{package} {version(package)}",
        role="features" if takes_layer else None,
        requests=scores_alone,
        maps=maps,
        check=check,
        layers=LAYER if takes_layer else None,
        code={"name": f"{module}.{wanted}", "version": version(package)},
    )


def _each(
    name: str,
    one: Callable[["Forward", "nn.Module", str, "Tensor", int], Any],
    forward: "Forward",
    layer: str,
    classes: "Tensor",
) -> "Tensor":
    """The maps of n images, one after another."""
    import torch

    module, found = forward.network.module(), []
    for image, label, seed in zip(forward.inputs, classes.tolist(), forward.seeds, strict=True):
        single = image[None].clone().requires_grad_(True)
        with torch.enable_grad(), torch.random.fork_rng(), failures_named(name):
            torch.manual_seed(seed % 2**63)
            values = one(forward, module, layer, single, _output_of(forward, label))
        found.append(torch.as_tensor(values).detach().float().to(image.device))
    return torch.cat([each.reshape(1, *each.shape[-2:]) for each in found])


def _output_of(forward: "Forward", label: int) -> int:
    """The network's own output for a class."""
    import torch

    outputs = forward.network.outputs
    return label if outputs is None else int(outputs.outputs(torch.tensor([label]))[0])


def layer_of(module: "nn.Module", layer: str) -> "nn.Module":
    """The submodule of a layer.

    Raises:
        UsageError: it is none.
    """
    try:
        return module.get_submodule(layer)
    except AttributeError as error:
        raise UsageError(
            f"the layer {layer!r} is no submodule, which the library needs. Name one with "
            "layer=NAME."
        ) from error


def summed(attributions: "Tensor") -> "Tensor":
    """Attributions of pixels or of a layer's cells, (1, k, h, w), summed over channels."""
    return attributions.sum(dim=1)
