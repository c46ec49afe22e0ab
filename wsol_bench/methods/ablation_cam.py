"""Ablation-CAM: feature maps weighted by how much the class's score falls without them.

With y the score of class c before the softmax and y_k the same with the k-th feature map A^k at 0,

    w_k = (y - y_k) / y,    map = ReLU(sum_k w_k A^k).

The paper has no rule for y <= 0. Here the divisor is |y|, so that a feature map without which the
score falls always counts for the class; at y = 0 the map is zero.

Source: Desai and Ramaswamy, Ablation-CAM: Visual Explanations for Deep Convolutional Network via
Gradient-free Localization, WACV 2020, eqs. 3 and 4. The absolute value is ours.
"""

from typing import TYPE_CHECKING

from wsol_bench.errors import UsageError
from wsol_bench.methods.entry import MapMethod, any_layer, features_alone, on_cells
from wsol_bench.methods.passes import chunks, one_per_channel

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward


def ablation_cam(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images, whose features and scores are reused.
        layer: the layer of the feature maps, (n, k, u, v).
        classes: (n,) class indices.

    Returns:
        (n, u, v) float32, >= 0, not normalised.
    """
    import torch

    every = on_cells(forward.features(layer), layer)
    scores = forward.scores.gather(1, classes.to(every.device)[:, None])[:, 0]  # y, (n,)
    weights = torch.stack(
        [
            score - _without_each(forward, layer, image, int(label), every.shape[1])
            for image, label, score in zip(forward.inputs, classes, scores, strict=True)
        ]
    )  # y - y_k, (n, k)
    divisor = scores.abs()[:, None]
    weights = torch.where(divisor > 0, weights / divisor, 0)
    return torch.einsum("nk,nkuv->nuv", weights, every).relu()


def _without_each(
    forward: "Forward", layer: str, image: "Tensor", label: int, channels: int
) -> "Tensor":
    """The score of a class with each channel of a layer at 0, (channels,)."""
    import torch

    module = forward.network.module()
    kept = torch.ones(0)

    def ablate(_: "nn.Module", __: object, output: "Tensor") -> "Tensor":
        return output * kept.to(output)

    handle = _module_of(module, layer).register_forward_hook(ablate)
    found = []
    try:
        for part in chunks(channels):
            rows = torch.arange(part.start, part.stop)
            kept = _laid_out(1 - torch.eye(channels)[rows], forward, layer)
            inputs = image[None].expand(len(rows), -1, -1, -1)
            with torch.no_grad():
                scores = module(inputs).flatten(1).float()
            outputs = forward.network.outputs
            found.append((scores if outputs is None else outputs.scores(scores))[:, label])
    finally:
        handle.remove()
    return torch.cat(found)


def _laid_out(kept: "Tensor", forward: "Forward", layer: str) -> "Tensor":
    """Factors of (m, channels) along the axes of a layer's output."""
    cells = forward.network.cells.get(layer)
    order = "channels_first" if cells is None else cells.order
    shapes = {"channels_first": (-1, 1, 1), "channels_last": (1, 1, -1), "tokens": (1, -1)}
    return kept.view(len(kept), *shapes[order])


def _module_of(module: "nn.Module", layer: str) -> "nn.Module":
    """The submodule of a layer.

    Raises:
        UsageError: it is no module, so nothing can be put in the place of its output.
    """
    try:
        return module.get_submodule(layer)
    except AttributeError as error:
        raise UsageError(
            f"ablation_cam: the layer {layer!r} is no submodule. Name one with layer=NAME."
        ) from error


ABLATION_CAM = MapMethod(
    name="ablation_cam",
    title="Ablation-CAM",
    source="Desai and Ramaswamy 2020, eqs. 3-4",
    role="features",
    requests=features_alone,
    maps=ablation_cam,
    check=any_layer,
    passes=one_per_channel,
)
