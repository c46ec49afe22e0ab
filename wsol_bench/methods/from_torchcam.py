"""Methods of torch-cam: `torchcam:NAME`, such as `torchcam:SSCAM`.

Source: Fernandez, TorchCAM: class activation explorer, 2020.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.libraries import from_library, layer_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward


def from_torchcam(name: str) -> MapMethod:
    """The method of `torchcam:NAME`."""
    return from_library(
        name, "torchcam", "torchcam.methods", "compute_cams", _one_map, lambda method: True
    )


def _one_map(
    method: Any, forward: "Forward", module: "nn.Module", layer: str, image: "Tensor", label: int
) -> "Tensor":
    shape = tuple(image.shape[1:])
    with method(module, target_layer=layer_of(module, layer), input_shape=shape) as extractor:
        scores = module(image)
        (cam,) = extractor(label, scores)
    found: Tensor = cam[0]
    return found
