"""SmoothGrad: the gradient at the pixels, averaged over noisy copies of the input.

With x the input tensor, y^c the score of class c before the softmax and noise e of a normal
distribution whose standard deviation is `noise` times max(x) - min(x),

    g = (1/n) sum_i dy^c/dx (x + e_i),    map = max over channels of | g |,

then Backprop's Gaussian. The noise is seeded by the image's id.

Source: Smilkov et al., SmoothGrad: removing noise by adding noise, arXiv 1706.03825, 2017,
section 3; n = 50 and 10 to 20 % noise are the paper's advice.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from wsol_bench.methods.entry import MapMethod, scores_alone
from wsol_bench.methods.passes import chunks, summed_gradients_of
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth
from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def smooth_grad(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    n: Annotated[int, Between(1)] = 50,
    noise: Annotated[float, Between(0, what="a share of max - min of the input")] = 0.15,
    sigma: Sigma = SIGMA,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: (n,) class indices.
        n: noisy copies of each image.
        noise: standard deviation, as a share of the input's maximum less its minimum.
        sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

    Returns:
        (n, height, width) float32, >= 0, not normalised.
    """

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        noisy = _noisy(forward.inputs[index], n, noise, forward.seeds[index])
        return [total / n for total in summed_gradients_of(forward, noisy, labels)]

    means = forward.for_classes(("smooth_grad", n, noise), classes, make)
    return smooth(means.abs().amax(dim=1), sigma)


def _noisy(image: "Tensor", n: int, noise: float, seed: int) -> "Iterator[Tensor]":
    """The noisy copies of an image, some at a time."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    deviation = noise * (image.max() - image.min())
    for part in chunks(n):
        drawn = torch.randn(part.stop - part.start, *image.shape, generator=generator)
        yield image + deviation * drawn.to(image.device)


SMOOTH_GRAD = MapMethod(
    name="smooth_grad",
    title="SmoothGrad",
    source="Smilkov et al. 2017, section 3",
    role=None,
    requests=scores_alone,
    maps=smooth_grad,
    layers=None,
    passes=lambda side, *, n, **options: n,
)
