"""Input x gradient: the share of each pixel in the score, were the network linear.

With x the input tensor as the network takes it, after its preprocessing, and y^c the score of
class c before the softmax,

    map_ij = sum_k | x_kij dy^c / dx_kij |,

then Backprop's Gaussian. A pixel at the mean colour of the preprocessing is 0 and contributes
nothing, whatever its gradient.

Source: Shrikumar et al., Not Just a Black Box: Learning Important Features Through Propagating
Activation Differences, arXiv 1605.01713, 2016, section 4. Sum and smoothing are ours.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod, on_cells
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth
from wsol_bench.networks.requests import PIXELS, Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def input_x_gradient(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sigma: Sigma = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: `PIXELS`, or a layer whose output and gradient are taken instead.
        classes: (n,) class indices.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, u, v) float32, >= 0, not normalised.
    """
    values = forward.inputs if layer == PIXELS else forward.features(layer)
    gradient = on_cells(forward.gradient(layer, classes), layer)
    return smooth((values * gradient).abs().sum(dim=1), sigma)


def _requests(layer: str, **options: Any) -> Requests:
    read = frozenset[str]() if layer == PIXELS else frozenset({layer})
    return Requests(features=read, gradients=frozenset({layer}))


INPUT_X_GRADIENT = MapMethod(
    name="input_x_gradient",
    title="Input x gradient",
    source="Shrikumar et al. 2016, section 4",
    role=None,
    requests=_requests,
    maps=input_x_gradient,
)
