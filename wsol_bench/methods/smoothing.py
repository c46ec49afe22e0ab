"""The Gaussian by which maps at pixels are smoothed, as a share of the map's side.

Raw gradients are a scatter of single pixels, whose largest component covers next to nothing:
the smoothing decides the box, so it is an explicit option of every method at pixels.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import numpy as np

from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    from torch import Tensor

SIGMA = 0.02
"""Standard deviation of the Gaussian, as a share of the map's side."""

Sigma = Annotated[float, Between(0, 1, "a share of the map's side")]
"""The option `sigma`."""

_REACH = 4.0
"""The Gaussian is cut off at this many sigmas, as scipy.ndimage does."""


def smooth(maps: "Tensor", sigma: float) -> "Tensor":
    """Smooths maps with a Gaussian, edges mirrored (d c b a | a b c d | d c b a).

    Equals scipy.ndimage.gaussian_filter with its defaults, written as two matrix
    products, which cost little beside a forward pass on any device.

    Args:
        maps: (n, u, v).
        sigma: as a share of each side; 0 returns the maps as they are.
    """
    import torch

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
