"""Backprop: the maximum absolute gradient over the colour channels, smoothed.

With y^c the score of class c before the softmax and x the input tensor,

    map_ij = max_k | dy^c / dx_kij |,

then a Gaussian whose sigma is a share of the map's side (default: 0.02; 0 leaves the
map raw). The smoothing decides the box: raw gradients are a scatter of single pixels
whose largest component covers next to nothing.

Source: Simonyan et al., Deep Inside Convolutional Networks, ICLR workshop 2014,
section 3.1. The paper draws boxes with GraphCut; Grad-CAM's table does not say
how its Backprop row was smoothed, so sigma is explicit here.
"""

from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from wsol_bench.methods.entry import MapMethod, any_layer, on_cells
from wsol_bench.methods.options import Between
from wsol_bench.networks.forward import Forward, Requests

SIGMA = 0.02
"""Of the Gaussian, as a share of the map's side."""

_REACH = 4.0
"""The Gaussian is cut off at this many sigmas, as scipy.ndimage does."""


def backprop(
    forward: Forward,
    layer: str,
    classes: Tensor,
    *,
    sigma: Annotated[float, Between(0, 1, "a share of the map's side")] = SIGMA,
) -> Tensor:
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


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Smooths maps with a Gaussian, edges mirrored (d c b a | a b c d | d c b a).

    Equals scipy.ndimage.gaussian_filter with its defaults, written as two matrix
    products, which cost little beside a forward pass on any device.

    Args:
        maps: (n, u, v).
        sigma: as a share of each side; 0 returns the maps as they are.
    """
    if sigma == 0:
        return maps
    rows, columns = (
        torch.from_numpy(_gaussian(side, sigma * side)).to(maps.device, maps.dtype)
        for side in maps.shape[1:]
    )
    return rows @ maps @ columns.T


@lru_cache(maxsize=16)
def _gaussian(side: int, sigma: float) -> np.ndarray:
    """(side, side): row i holds the weights of the pixels that make pixel i."""
    reach = int(_REACH * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    sources = (np.arange(side)[:, None] + offsets) % (2 * side)
    sources = np.minimum(sources, 2 * side - 1 - sources)  # mirrored at both edges
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], sources), kernel)
    return matrix


def _requests(layer: str, **options: Any) -> Requests:
    return Requests(gradients=frozenset({layer}))


BACKPROP = MapMethod(
    name="backprop",
    title="Backprop",
    source="Simonyan et al. 2013, section 3.1",
    role=None,
    requests=_requests,
    maps=backprop,
    check=any_layer,
)
