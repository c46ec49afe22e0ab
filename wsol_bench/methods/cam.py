"""CAM: feature maps weighted by the class's row of the linear layer.

On a network that ends in global average pooling and one linear layer with weights
w, the score of class c is the average over the cells of

    map = sum_k w_k^c A^k

plus a bias, which the map leaves out. On such a network Grad-CAM's weights are
w_k^c / Z, so the two maps differ by a factor and Grad-CAM's ReLU.

With global max pooling (GMP) the map is the same sum, as Zhou et al. make their
GoogLeNet-GMP row. On a network whose last layer is a convolution with a plane per
class, which is then pooled, the map is that plane, its bias included, as
wsolevaluation makes it.

Source: Zhou et al., Learning Deep Features for Discriminative Localization,
CVPR 2016, eqs. 1 and 2; Choe et al., CVPR 2020, for the planes.
"""

from typing import TYPE_CHECKING

from wsol_bench.errors import NotApplicable
from wsol_bench.methods.entry import MapMethod, features_alone

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network
    from wsol_bench.networks.graph import Step


def cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: the layer that is pooled and fed to the linear one, (n, k, u, v), or the
            convolution with a plane per class.
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32 of either sign, not normalised.
    """
    import torch

    if layer == forward.network.classifier:
        return forward.class_planes(classes)
    features = forward.features(layer)
    rows = forward.class_weights(classes)  # w^c, (n, k)
    return torch.einsum("nk,nkuv->nuv", rows, features)


def check_cam(network: "Network", layer: str) -> None:
    """Checks that the network is features, global pooling, one linear layer, or planes, pooled.

    Raises:
        NotApplicable: it is not, with what stands there instead.
    """
    from torch import nn

    from wsol_bench.networks import graph

    if network.averaged == layer:
        return
    if network.opening == "hooked":
        raise NotApplicable(
            "CAM needs average pooling, or max pooling, of its layer and then one linear layer, "
            f"which holds for {network.averaged or 'no layer'} of this network"
        )
    classifier = network.layer(network.classifier)
    if not isinstance(classifier, nn.Linear):
        raise NotApplicable(
            "CAM needs average pooling, or max pooling, and then one linear layer; "
            f"{network.classifier} is {graph.kind_of(classifier).__name__}"
        )
    pooling = _before(network, network.step(network.classifier))
    means = nn.AvgPool2d | nn.AdaptiveAvgPool2d
    maxima = nn.MaxPool2d | nn.AdaptiveMaxPool2d
    if not isinstance(graph.layer_of(network.traced, pooling), means | maxima):
        raise NotApplicable(
            "CAM needs average pooling, or max pooling, right before the one linear layer; "
            f"{network.classifier} comes after {pooling.target}"
        )
    pooled = _before(network, pooling)
    if not {pooled, *pooling.all_input_nodes} & {network.step(layer)}:
        raise NotApplicable(f"CAM needs the layer that is pooled, {pooled.target}, not {layer}")
    maps = graph.channels_of(network.traced, pooled)
    if maps not in (None, classifier.in_features):
        raise NotApplicable(
            f"CAM needs one weight per feature map; {network.classifier} takes "
            f"{classifier.in_features} inputs from {maps} maps"
        )


def _before(network: "Network", step: "Step") -> "Step":
    """The nearest step before this one that changes values."""
    from wsol_bench.networks import graph

    source = step.all_input_nodes[0]
    while graph.passes_values_on(network.traced, source):
        source = source.all_input_nodes[0]
    return source


CAM = MapMethod(
    name="cam",
    title="CAM",
    source="Zhou et al. 2016, eqs. 1-2",
    role="averaged",
    requests=features_alone,
    maps=cam,
    check=check_cam,
)
