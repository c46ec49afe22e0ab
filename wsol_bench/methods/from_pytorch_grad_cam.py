"""Methods of pytorch-grad-cam: `pytorch_grad_cam:NAME`, such as `pytorch_grad_cam:GradCAMPlusPlus`.

The library enlarges its maps to the input and scales them to 0..1. A transformer's tokens are laid
on the grid that the network states.

Source: Gildenblat and contributors, PyTorch library for CAM methods, 2021.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.libraries import from_library, layer_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward


def from_pytorch_grad_cam(name: str) -> MapMethod:
    """The method of `pytorch_grad_cam:NAME`."""
    return from_library(
        name,
        "grad-cam",
        "pytorch_grad_cam",
        "get_cam_image",
        _one_map,
        lambda method: True,
        on_tokens=True,
    )


def _one_map(
    method: Any, forward: "Forward", module: "nn.Module", layer: str, image: "Tensor", label: int
) -> Any:
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    from wsol_bench.networks.cells import to_maps

    cells = forward.network.cells.get(layer)
    laid_out = None if cells is None else lambda values: to_maps(values, cells)
    with method(module, [layer_of(module, layer)], reshape_transform=laid_out) as cam:
        return cam(image, [ClassifierOutputTarget(label)])
