"""Grad-CAM++: positive gradients weighted so that each cell that matters counts alike.

With y^c the score of class c before the softmax, A^k the k-th feature map and
G^k = dy^c / dA^k,

    alpha_ij = G_ij^2 / (2 G_ij^2 + G_ij^3 sum_ab A_ab),   0 where the denominator is 0,
    w_k = sum_ij alpha_ij ReLU(G_ij),    map = ReLU(sum_k w_k A^k).

Implementations differ. The authors' code also divides alpha by its sum over the cells with
G > 0. pytorch-grad-cam adds 1e-6 to the denominator, which decides the map where G is small.

Source: Chattopadhay et al., Grad-CAM++: Generalized Gradient-based Visual Explanations for
Deep Convolutional Networks, WACV 2018, eqs. 5, 10 and 19. The derivatives are those of the
exponential of the score, whose common factor exp(y^c) the paper drops in the ratio.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, features_and_gradient, on_cells

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def grad_cam_pp(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no gradient is positive.
    """
    import torch

    features = forward.features(layer)
    gradient = on_cells(forward.gradient(layer, classes), layer)
    # Divided by G^2, so that small gradients keep their ratio: alpha = 1 / (2 + G sum A).
    denominator = 2 + gradient * features.sum(dim=(2, 3), keepdim=True)
    counts = (gradient != 0) & (denominator != 0)
    alpha = counts / denominator.where(counts, 1)  # (n, k, u, v)
    weights = (alpha * gradient.relu()).sum(dim=(2, 3))  # (n, k)
    return torch.einsum("nk,nkuv->nuv", weights, features).relu()


GRAD_CAM_PP = MapMethod(
    name="grad_cam_pp",
    title="Grad-CAM++",
    source="Chattopadhay et al. 2018, eqs. 5, 10 and 19",
    role="features",
    requests=features_and_gradient,
    maps=grad_cam_pp,
)
