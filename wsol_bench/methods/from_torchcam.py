"""Methods of torch-cam: `torchcam:NAME`, such as `torchcam:SSCAM`.

Source: Fernandez, TorchCAM: class activation explorer, 2020.
"""

import inspect
from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.libraries import from_library, layer_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward


def from_torchcam(name: str) -> MapMethod:
    """The method of `torchcam:NAME`."""
    return from_library(name, "torchcam", "torchcam.methods", _is_method, _one, lambda method: True)


def _is_method(value: Any) -> bool:
    return inspect.isclass(value) and hasattr(value, "compute_cams")


def _one(method: Any) -> Any:
    def run(
        forward: "Forward", module: "nn.Module", layer: str, image: "Tensor", label: int
    ) -> "Tensor":
        shape = tuple(image.shape[1:])
        with method(module, target_layer=layer_of(module, layer), input_shape=shape) as extractor:
            scores = module(image)
            (cam,) = extractor(label, scores)
        found: Tensor = cam[0]
        return found

    return run
