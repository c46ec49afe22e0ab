"""Grad-CAM: feature maps weighted by the mean gradient of the class's score.

With y^c the score of class c before the softmax, A^k the k-th feature map and Z
its number of cells,

    alpha_k = (1/Z) sum_ij dy^c / dA^k_ij,    map = ReLU(sum_k alpha_k A^k).

Source: Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization, ICCV 2017, eqs. 1 and 2.
"""

from dataclasses import replace

import torch
from torch import Tensor

from wsol_bench.methods.entry import MapMethod, any_layer, on_cells
from wsol_bench.networks.forward import Forward, Requests


def grad_cam(forward: Forward, layer: str, classes: Tensor) -> Tensor:
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no weighted sum of
        the features is positive.
    """
    weights = on_cells(forward.gradient(layer, classes), layer).mean(dim=(2, 3))  # alpha, (n, k)
    return torch.einsum("nk,nkuv->nuv", weights, forward.features(layer)).relu()


def _requests(layer: str) -> Requests:
    return Requests(features=frozenset({layer}), gradients=frozenset({layer}))


GRAD_CAM = MapMethod(
    name="grad_cam",
    title="Grad-CAM",
    source="Selvaraju et al. 2017, eqs. 1-2",
    role="features",
    requests=_requests,
    maps=grad_cam,
    check=any_layer,
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
