"""Integrated gradients: the gradient averaged on the way from a baseline, times the difference.

With x the input tensor, x' the baseline and y^c the score of class c before the softmax,

    IG = (x - x') * (1/m) sum_i dy^c/dx (x' + (i - 1/2)/m (x - x')),  i = 1 ... m,

and the map is its sum over channels, of either sign, then Backprop's Gaussian. Before the
smoothing, the sum of the map nears y^c(x) - y^c(x') as m grows (completeness).

The baseline is a black image by default; `baseline=mean` is 0 in the network's own input space,
the mean colour of the preprocessing, which is grey.

Source: Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, eqs. 1-3. The
midpoints are ours; the paper's sum takes right ends.
"""

from typing import TYPE_CHECKING, Annotated, Literal

from wsol_bench.methods.entry import MapMethod, scores_alone
from wsol_bench.methods.passes import chunks, summed_gradients_of
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth
from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def integrated_gradients(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    steps: Annotated[int, Between(1)] = 50,
    baseline: Literal["black", "mean"] = "black",
    sigma: Sigma = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: (n,) class indices.
        steps: points on the straight way from the baseline to the image.
        baseline: black pixels, or the mean colour of the preprocessing.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, height, width) float32 of either sign, not normalised.
    """
    import torch

    black = forward.network.black if baseline == "black" else (0.0, 0.0, 0.0)
    start = torch.tensor(black, device=forward.inputs.device)[:, None, None]
    shares = (torch.arange(steps, device=start.device) + 0.5) / steps

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        way = forward.inputs[index] - start
        points = (start + shares[part, None, None, None] * way for part in chunks(steps))
        totals = summed_gradients_of(forward, points, labels)
        return [(way * total / steps).sum(dim=0) for total in totals]

    return smooth(
        forward.for_classes(("integrated_gradients", steps, baseline), classes, make), sigma
    )


INTEGRATED_GRADIENTS = MapMethod(
    name="integrated_gradients",
    title="Integrated gradients",
    source="Sundararajan et al. 2017, eqs. 1-3",
    role=None,
    requests=scores_alone,
    maps=integrated_gradients,
    layers=None,
    passes=lambda side, *, steps, **options: steps,
)
