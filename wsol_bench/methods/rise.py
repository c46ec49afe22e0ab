"""RISE: random masks, weighted by the probability of the class under them.

With N masks M_i, each a grid of s x s cells of which a share p is open, enlarged bilinearly to
(s + 1) times ceil(side / s) and cut at a random offset of less than one cell,

    map = (1 / (N p)) sum_i P_c(x * M_i) M_i,

P_c the softmax probability of class c. Masked pixels are 0 in the network's own input space, the
mean colour of the preprocessing. The masks are seeded by the image's id.

Source: Petsiuk et al., RISE: Randomized Input Sampling for Explanation of Black-box Models,
BMVC 2018, eq. 6 and section 4.1. N is 4,000 there for VGG-16 and 8,000 for ResNet-50.
"""

import math
from typing import TYPE_CHECKING, Annotated

from wsol_bench.methods.entry import MapMethod, scores_alone
from wsol_bench.methods.passes import chunks, probabilities_of
from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def rise(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    n: Annotated[int, Between(1)] = 4000,
    grid: Annotated[int, Between(1)] = 7,
    p: Annotated[float, Between(0.01, 1, "a probability")] = 0.5,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: (n,) class indices.
        n: masks of each image.
        grid: cells of a mask along each side.
        p: probability that a cell is open.

    Returns:
        (n, height, width) float32, >= 0, not normalised.
    """
    import torch

    shape = (forward.inputs.shape[2], forward.inputs.shape[3])

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        image = forward.inputs[index]
        generator = torch.Generator().manual_seed(forward.seeds[index])
        totals = torch.zeros(len(labels), *shape, device=image.device)
        for part in chunks(n):
            masks = random_masks(part.stop - part.start, shape, grid, p, generator)
            masks = masks.to(image.device)
            found = probabilities_of(forward, [image * masks[:, None]], labels)
            for total, weights in zip(totals, found, strict=True):
                total += torch.einsum("m,muv->uv", weights, masks)
        return list(totals / (n * p))

    return forward.for_classes(("rise", n, grid, p), classes, make)


def random_masks(
    count: int, shape: tuple[int, int], grid: int, p: float, generator: "torch.Generator"
) -> "Tensor":
    """Random masks, (count, *shape), 0..1."""
    import torch

    cells = [math.ceil(side / grid) for side in shape]
    opened = (torch.rand(count, grid, grid, generator=generator) < p).float()
    offsets = [torch.randint(cell, (count,), generator=generator) for cell in cells]
    # Only the cut is enlarged, as a product along each axis: a tenth of enlarging all.
    rows, columns = (
        _enlarging(grid, cell)[offset[:, None] + torch.arange(side)]  # (count, side, grid)
        for cell, offset, side in zip(cells, offsets, shape, strict=True)
    )
    return rows @ opened @ columns.transpose(1, 2)


def _enlarging(grid: int, cell: int) -> "Tensor":
    """The share of each cell in each place of the enlarged grid, (grid * cell + cell, grid)."""
    import torch
    import torch.nn.functional as F

    large = (grid + 1) * cell
    return F.interpolate(torch.eye(grid)[None], large, mode="linear", align_corners=False)[0].T


RISE = MapMethod(
    name="rise",
    title="RISE",
    source="Petsiuk et al. 2018, eq. 6",
    role=None,
    requests=scores_alone,
    maps=rise,
    layers=None,
    passes=lambda side, *, n, **options: n,
)
