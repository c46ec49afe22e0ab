"""Guided backprop and the deconvnet: gradients under another backward rule of ReLU.

With g the gradient at a ReLU's output y = max(x, 0), the rule propagates

    guided_backprop    max(g, 0) [x > 0]
    deconvnet          max(g, 0)

to its input; every other layer propagates its derivative. The map is the maximum over colour
channels of the absolute result at the pixels, then Backprop's Gaussian.

Sources: Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR workshop
2015, section 3.4 (guided); Zeiler and Fergus, Visualizing and Understanding Convolutional
Networks, ECCV 2014, section 2.1 (deconvnet). Neither draws boxes: maximum and smoothing are
those of `backprop`.
"""

from typing import TYPE_CHECKING, Annotated, Any

from wsol_bench.methods.entry import MapMethod, on_cells
from wsol_bench.methods.options import Between
from wsol_bench.methods.smoothing import SIGMA, SIGMA_IS, smooth
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network

_GUIDED, _DECONV = "guided", "deconv"


def guided_backprop(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sigma: Annotated[float, Between(0, 1, SIGMA_IS)] = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: `PIXELS`, or a layer whose gradient is taken instead.
        classes: (n,) class indices.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, u, v) float32, >= 0, not normalised.
    """
    return _maps(forward, layer, classes, _GUIDED, sigma)


def deconvnet(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sigma: Annotated[float, Between(0, 1, SIGMA_IS)] = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: `PIXELS`, or a layer whose gradient is taken instead.
        classes: (n,) class indices.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, u, v) float32, >= 0, not normalised.
    """
    return _maps(forward, layer, classes, _DECONV, sigma)


def _maps(forward: "Forward", layer: str, classes: "Tensor", rule: str, sigma: float) -> "Tensor":
    gradient = on_cells(forward.gradient(layer, classes, rule), layer)
    return smooth(gradient.abs().amax(dim=1), sigma)


def _guided_requests(layer: str, **options: Any) -> Requests:
    return Requests(ruled_gradients=frozenset({(layer, _GUIDED)}))


def _deconv_requests(layer: str, **options: Any) -> Requests:
    return Requests(ruled_gradients=frozenset({(layer, _DECONV)}))


def _guided_check(network: "Network", layer: str) -> None:
    network.check_layer(layer)
    network.check_rule(_GUIDED)


def _deconv_check(network: "Network", layer: str) -> None:
    network.check_layer(layer)
    network.check_rule(_DECONV)


GUIDED_BACKPROP = MapMethod(
    name="guided_backprop",
    title="Guided backprop",
    source="Springenberg et al. 2015, section 3.4",
    role=None,
    requests=_guided_requests,
    maps=guided_backprop,
    check=_guided_check,
)
DECONVNET = MapMethod(
    name="deconvnet",
    title="Deconvnet",
    source="Zeiler and Fergus 2014, section 2.1",
    role=None,
    requests=_deconv_requests,
    maps=deconvnet,
    check=_deconv_check,
)
