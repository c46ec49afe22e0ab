"""HiResCAM: feature maps times their gradients, cell by cell.

With y^c the score of class c before the softmax and A^k the k-th feature map,

    map = ReLU(sum_k dy^c/dA^k * A^k),

the product taken in each cell. Where the layer is followed by global average pooling and one
linear layer, the gradient is the same in all cells and the map is Grad-CAM's.

Source: Draelos and Carin, Use HiResCAM instead of Grad-CAM for Faithful Explanations of
Convolutional Neural Networks, arXiv 2011.08891, 2020, eq. 4. The ReLU is Grad-CAM's.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, features_and_gradient, on_cells

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def hires_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no cell's sum is positive.
    """
    gradient = on_cells(forward.gradient(layer, classes), layer)
    return (gradient * forward.features(layer)).sum(dim=1).relu()


HIRES_CAM = MapMethod(
    name="hires_cam",
    title="HiResCAM",
    source="Draelos and Carin 2020, eq. 4",
    role="features",
    requests=features_and_gradient,
    maps=hires_cam,
)
