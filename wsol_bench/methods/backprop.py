"""Backprop: the maximum absolute gradient over the colour channels, smoothed.

With y^c the score of class c before the softmax and x the input tensor,

    map_ij = max_k | dy^c / dx_kij |,

then a Gaussian whose sigma is a share of the map's side (default: 0.02; 0 leaves the
map raw). The smoothing decides the box: raw gradients are a scatter of single pixels
whose largest component covers next to nothing.

Source: Simonyan et al., Deep Inside Convolutional Networks, ICLR workshop 2014,
section 3.1. The paper draws boxes with GraphCut; Grad-CAM's paper does not state
how its Backprop row was smoothed, so sigma is explicit here.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, gradient_alone, on_cells
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def backprop(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sigma: Sigma = SIGMA,
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
    maps = on_cells(forward.gradient(layer, classes), layer).abs().amax(dim=1)  # (n, u, v)
    return smooth(maps, sigma)


BACKPROP = MapMethod(
    name="backprop",
    title="Backprop",
    source="Simonyan et al. 2013, section 3.1",
    role=None,
    requests=gradient_alone,
    maps=backprop,
)
