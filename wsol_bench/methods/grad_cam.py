"""Grad-CAM: feature maps weighted by the mean gradient of the class's score.

With y^c the score of class c before the softmax, A^k the k-th feature map and Z
its number of cells,

    alpha_k = (1/Z) sum_ij dy^c / dA^k_ij,    map = ReLU(sum_k alpha_k A^k).

With `sign=negative` the gradient is negated: the map shows what speaks against the class, the
paper's counterfactual explanation.

Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization, ICCV 2017, eqs. 1 and 2, and section 3.3 for the sign.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from wsol_bench.methods.entry import MapMethod, features_and_gradient, on_cells

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def grad_cam(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    sign: Literal["positive", "negative"] = "positive",
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.
        sign: positive for the evidence for the class, negative for that against it.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no weighted sum of
        the features is positive.
    """
    import torch

    weights = on_cells(forward.gradient(layer, classes), layer).mean(dim=(2, 3))  # alpha, (n, k)
    sums = torch.einsum("nk,nkuv->nuv", weights, forward.features(layer))
    return (-sums if sign == "negative" else sums).relu()


GRAD_CAM = MapMethod(
    name="grad_cam",
    title="Grad-CAM",
    source="Selvaraju et al. 2017, eqs. 1-2",
    role="features",
    requests=features_and_gradient,
    maps=grad_cam,
)
GRAD_CAM_OTHER = replace(
    GRAD_CAM,
    name="grad_cam_other",
    title="Grad-CAM other",
    source="a check: the map of a random other class",
    target_class="other",
)
GRAD_CAM_SHUFFLED = replace(
    GRAD_CAM,
    name="grad_cam_shuffled",
    title="Grad-CAM shuffled",
    source="a check: the map of a random image's label",
    target_class="shuffled",
)
