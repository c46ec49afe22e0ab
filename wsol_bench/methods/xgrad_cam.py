"""XGrad-CAM: gradients averaged with the activations as weights.

With y^c the score of class c before the softmax, A^k the k-th feature map and
G^k = dy^c / dA^k,

    w_k = sum_ij A_ij G_ij / sum_ab A_ab,   0 where that sum is 0,
    map = ReLU(sum_k w_k A^k).

Where features have both signs, the sum in the denominator may lie near 0 and the weight is
unstable.

Source: Fu et al., Axiom-based Grad-CAM, BMVC 2020, eqs. 5 and 7.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, features_and_gradient, on_cells

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def xgrad_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no weighted sum of
        the features is positive.
    """
    import torch

    features = forward.features(layer)
    gradient = on_cells(forward.gradient(layer, classes), layer)
    total = features.sum(dim=(2, 3))  # (n, k)
    product = (features * gradient).sum(dim=(2, 3))
    weights = (product / total.where(total != 0, 1)).where(total != 0, 0)
    return torch.einsum("nk,nkuv->nuv", weights, features).relu()


XGRAD_CAM = MapMethod(
    name="xgrad_cam",
    title="XGrad-CAM",
    source="Fu et al. 2020, eqs. 5 and 7",
    role="features",
    requests=features_and_gradient,
    maps=xgrad_cam,
    note="unstable where the layer's features have both signs",
)
