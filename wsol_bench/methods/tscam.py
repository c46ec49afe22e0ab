"""TS-CAM: the class token's attention, summed over the layers, times the class's semantic map.

The network's head is a convolution over the patch tokens, then global average pooling: its output
before the pooling, S^c, is the semantic map of class c. With A_l the attention of layer l, averaged
over its heads, and a_l the class token's row of it on the grid of the patches,

    map = (sum_l a_l) * S^c,

without a ReLU.

Source: Gao et al., TS-CAM: Token Semantic Coupled Attention Map for Weakly Supervised Object
Localization, ICCV 2021, eqs. 5-8, and its code, which sums over the layers.
"""

from typing import TYPE_CHECKING

from wsol_bench.errors import NotApplicable
from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.tokens import check_class_token, class_row
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network


def tscam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the convolution that gives the semantic maps, (n, C, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32 of either sign, not normalised; zero for a class without an output.
    """
    import torch

    semantic = forward.features(layer)
    outputs = forward.network.outputs
    places = classes if outputs is None else outputs.outputs(classes)
    own = semantic[torch.arange(len(classes)), places.clamp(min=0)]  # S^c, (n, u, v)
    row = torch.stack([each[:, :, 0].mean(dim=1) for each in forward.attention()]).sum(dim=0)
    known = (places >= 0).to(own)[:, None, None]
    return class_row(forward, row) * own * known


def check_tscam(network: "Network", layer: str) -> None:
    """Checks that the network has a class token and a convolutional head.

    Raises:
        NotApplicable: it has not.
    """
    from torch import nn

    network.check_layer(layer)
    check_class_token(network, layer)
    if not isinstance(network.layer(layer), nn.Conv2d):
        raise NotApplicable(
            f"needs a convolution over the patch tokens as its head; {layer} is "
            f"{type(network.layer(layer)).__name__}"
        )


def _requests(layer: str) -> Requests:
    return Requests(features=frozenset({layer}), attention=True)


TSCAM = MapMethod(
    name="tscam",
    title="TS-CAM",
    source="Gao et al. 2021, eqs. 5-8",
    role="classifier",
    requests=_requests,
    maps=tscam,
    check=check_tscam,
)
