"""LayerCAM: feature maps weighted cell by cell by their positive gradients.

With y^c the score of class c before the softmax and A^k the k-th feature map,

    map = ReLU(sum_k ReLU(dy^c/dA^k) * A^k),

the product taken in each cell. Maps M of several layers, `layer=a+b`, are fused: each is scaled
to a maximum of 1 and becomes tanh(2 M / max M), all are enlarged to the finest grid among
them, bilinearly, and the map is their maximum in each cell.

Source: Jiang et al., LayerCAM: Exploring Hierarchical Class Activation Maps for Localization,
IEEE Transactions on Image Processing 2021, eqs. 5-6, and 9 for the scaling. The authors'
code fuses no layers; the maximum is section III-C's.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import (
    LAYERS,
    MapMethod,
    any_layers,
    features_and_gradient,
    layers_in,
    on_cells,
)

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward

_GAMMA = 2.0
"""Factor of the tanh's argument, eq. 9."""


def layer_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer of the feature maps, or several joined with +.
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised; all zero where no sum is positive in any cell.
    """
    import torch

    maps = [_map(forward, each, classes) for each in layers_in(layer)]
    if len(maps) == 1:
        return maps[0]
    finest = max((each.shape[1:] for each in maps), key=lambda shape: shape[0] * shape[1])
    return torch.stack([_enlarged(_scaled(each), finest) for each in maps]).amax(dim=0)


def _map(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    gradient = on_cells(forward.gradient(layer, classes), layer)
    return (gradient.relu() * forward.features(layer)).sum(dim=1).relu()


def _scaled(maps: "Tensor") -> "Tensor":
    maximum = maps.amax(dim=(1, 2), keepdim=True)
    return (_GAMMA * maps / maximum.where(maximum > 0, 1)).tanh()


def _enlarged(maps: "Tensor", shape: tuple[int, ...]) -> "Tensor":
    import torch.nn.functional as F

    if maps.shape[1:] == shape:
        return maps
    return F.interpolate(maps[:, None], shape, mode="bilinear", align_corners=False)[:, 0]


LAYER_CAM = MapMethod(
    name="layer_cam",
    title="LayerCAM",
    source="Jiang et al. 2021, eqs. 5-6 and 9",
    role="features",
    requests=features_and_gradient,
    maps=layer_cam,
    check=any_layers,
    layers=LAYERS,
)
