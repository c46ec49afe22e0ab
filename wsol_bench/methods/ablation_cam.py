"""Ablation-CAM: feature maps weighted by how much the class's score falls without them.

With y the score of class c before the softmax and y_k the same with the k-th feature map A^k at 0,

    w_k = (y - y_k) / y,    map = ReLU(sum_k w_k A^k).

The paper has no rule for y <= 0. Here the divisor is |y|, so that a feature map without which the
score falls always counts for the class; at y = 0 the map is zero.

Where nothing before the layer is read after it, the passes start at the layer.

Source: Desai and Ramaswamy, Ablation-CAM: Visual Explanations for Deep Convolutional Network via
Gradient-free Localization, WACV 2020, eqs. 3 and 4. The absolute value is ours.
"""

from typing import TYPE_CHECKING

from wsol_bench.errors import UsageError
from wsol_bench.methods.entry import MapMethod, features_alone, on_cells
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

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        network = forward.network
        if layer not in network.cells and network.way.resumes_at(layer):
            values = every[index]
            found = [
                network.resume(
                    layer, values * _without(part, len(values)).to(values)[..., None, None]
                )
                for part in chunks(len(values))
            ]
        else:
            found = _with_hook(forward, layer, forward.inputs[index], every.shape[1])
        return list(torch.cat(found)[:, labels].T)

    without = forward.for_classes(("ablation_cam", layer), classes, make)  # y_k, (n, k)
    weights = scores[:, None] - without
    divisor = scores.abs()[:, None]
    weights = torch.where(divisor > 0, weights / divisor, 0)
    return torch.einsum("nk,nkuv->nuv", weights, every).relu()


def _without(part: slice, channels: int) -> "Tensor":
    """Factors that leave out one channel each, (m, channels), for a slice of m of the channels."""
    import torch

    kept = torch.ones(part.stop - part.start, channels)
    kept[:, part].fill_diagonal_(0)
    return kept


def _with_hook(forward: "Forward", layer: str, image: "Tensor", channels: int) -> "list[Tensor]":
    """The scores of an image with each channel of a layer at 0, (channels, C) in parts."""
    import torch

    module = forward.network.module()
    kept = torch.ones(0)

    def ablate(_: "nn.Module", __: object, output: "Tensor") -> "Tensor":
        return output * kept.to(output)

    handle = _module_of(module, layer).register_forward_hook(ablate)
    found = []
    try:
        for part in chunks(channels):
            kept = _laid_out(_without(part, channels), forward, layer)
            inputs = image[None].expand(len(kept), -1, -1, -1)
            with torch.no_grad():
                found.append(forward.network.scores_of(module(inputs)))
    finally:
        handle.remove()
    return found


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
    passes=one_per_channel,
)
