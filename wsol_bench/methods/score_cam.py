"""Score-CAM: feature maps weighted by the probability of the class where they are active.

With A^k the k-th feature map, enlarged bilinearly to the input and then scaled to 0..1 as H^k,

    w_k = P_c(x * H^k),    map = ReLU(sum_k w_k A^k enlarged),

P_c the softmax probability of class c. A channel that is constant has no H^k and is skipped. What
is masked is 0 in the network's own input space. pytorch-grad-cam and torch-cam weight by
the scores before the softmax, and by a softmax over channels of them: their maps are others.

Source: Wang et al., Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural
Networks, CVPR workshop 2020, eqs. 6-9, as the authors' code has the weights.
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, features_alone, on_cells
from wsol_bench.methods.passes import chunks, one_per_channel, probabilities_of

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def score_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images, whose features are reused.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, height, width) float32 of the input's size, >= 0, not normalised; all zero where
        every channel is constant.
    """
    import torch
    import torch.nn.functional as F

    size = forward.inputs.shape[2:]
    all_features = on_cells(forward.features(layer), layer)

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        image, features = forward.inputs[index], all_features[index]
        low, high = features.amin(dim=(1, 2)), features.amax(dim=(1, 2))
        varied = features[high > low]  # (k, u, v)
        if not len(varied):
            return [torch.zeros(size, device=image.device)] * len(labels)
        masked = (
            image * _unit(F.interpolate(varied[part, None], size, mode="bilinear"))
            for part in chunks(len(varied))
        )
        totals = (
            torch.einsum("k,kuv->uv", weights, varied)
            for weights in probabilities_of(forward, masked, labels)
        )
        return [
            F.interpolate(each[None, None], size, mode="bilinear")[0, 0].relu() for each in totals
        ]

    return forward.for_classes(("score_cam", layer), classes, make)


def _unit(maps: "Tensor") -> "Tensor":
    """Each map of (k, 1, h, w) scaled to 0..1."""
    low, high = maps.amin(dim=(2, 3), keepdim=True), maps.amax(dim=(2, 3), keepdim=True)
    return (maps - low) / (high - low).clamp(min=1e-12)


SCORE_CAM = MapMethod(
    name="score_cam",
    title="Score-CAM",
    source="Wang et al. 2020, eqs. 6-9",
    role="features",
    requests=features_alone,
    maps=score_cam,
    passes=one_per_channel,
)
