"""Guided Grad-CAM: guided backprop at the pixels, times Grad-CAM enlarged to them.

With g the gradient at the input under the guided rule of ReLU and L Grad-CAM's map, enlarged
bilinearly to the input's size,

    map_ij = max_k | g_kij L_ij |,

then Backprop's Gaussian.

Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization, ICCV 2017, section 3.2. The paper draws no boxes from it: maximum and smoothing
are those of `backprop`.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod, any_layer, features_and_gradient, on_cells
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth
from wsol_bench.networks.requests import PIXELS, Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network

_RULE = "guided"


def guided_grad_cam(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sigma: Sigma = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: Grad-CAM's, the layer of the feature maps.
        classes: (n,) class indices.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, height, width) float32 of the input's size, >= 0, not normalised; all zero where
        Grad-CAM's map is.
    """
    import torch
    import torch.nn.functional as F

    weights = on_cells(forward.gradient(layer, classes), layer).mean(dim=(2, 3))
    coarse = torch.einsum("nk,nkuv->nuv", weights, forward.features(layer)).relu()
    guided = forward.gradient(PIXELS, classes, _RULE)  # (n, 3, height, width)
    fine = F.interpolate(coarse[:, None], guided.shape[2:], mode="bilinear", align_corners=False)
    return smooth((guided * fine).abs().amax(dim=1), sigma)


def _requests(layer: str, **options: Any) -> Requests:
    guided = Requests(ruled_gradients=frozenset({(PIXELS, _RULE)}))
    return Requests.merge([features_and_gradient(layer), guided])


def _check(network: "Network", layer: str) -> None:
    any_layer(network, layer)
    network.check_rule(_RULE)


GUIDED_GRAD_CAM = MapMethod(
    name="guided_grad_cam",
    title="Guided Grad-CAM",
    source="Selvaraju et al. 2017, section 3.2",
    role="features",
    requests=_requests,
    maps=guided_grad_cam,
    check=_check,
)
