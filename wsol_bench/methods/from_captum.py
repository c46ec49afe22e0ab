"""Methods of Captum: `captum:NAME`, such as `captum:IntegratedGradients`.

A method of a layer gets the arch's features, or `layer=NAME`. Attributions are summed over
channels; occlusion slides a patch of 32 x 32 in steps of 16.

Source: Kokhlikyan et al., Captum: A unified and generic model interpretability library for
PyTorch, 2020.
"""

import inspect
from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.libraries import from_library, layer_of, summed

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "Occlusion": {"sliding_window_shapes": (3, 32, 32), "strides": (3, 16, 16)},
}
"""Method -> arguments that its `attribute` needs beside the image and class."""


def from_captum(name: str) -> MapMethod:
    """The method of `captum:NAME`."""
    return from_library(name, "captum", "captum.attr", "attribute", _one_map, _reads_layer)


def _reads_layer(method: Any) -> bool:
    return "layer" in inspect.signature(method.__init__).parameters


def _one_map(
    method: Any, forward: "Forward", module: "nn.Module", layer: str, image: "Tensor", label: int
) -> "Tensor":
    layers = (layer_of(module, layer),) if _reads_layer(method) else ()
    attributor = method(module, *layers)
    arguments = _ARGUMENTS.get(method.__name__, {})
    return summed(attributor.attribute(image, target=label, **arguments))
