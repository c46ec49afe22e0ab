"""Occlusion: how far a grey patch lowers the score, averaged over the patches on a pixel.

With y^c the score of class c before the softmax and x_p the input with patch p set to 0 in the
network's own input space, the mean colour of the preprocessing,

    map_ij = mean over the patches p that cover pixel (i, j) of y^c(x) - y^c(x_p).

Patches lie `stride` apart from the top left corner; the last of each row and column ends at the
image's edge.

Source: Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014,
section 4.2. The sizes are ours.
"""

from typing import TYPE_CHECKING, Annotated, Any

from wsol_bench.methods.entry import MapMethod, scores_alone
from wsol_bench.methods.passes import chunks, scores_of
from wsol_bench.specs.options import Between

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward


def occlusion(
    forward: "Forward",
    layer: str,
    classes: "Tensor",
    *,
    patch: Annotated[int, Between(1, what="pixels of the input")] = 32,
    stride: Annotated[int, Between(1, what="pixels of the input")] = 16,
) -> "Tensor":
    """Maps of one class per image.

    Args:
        forward: a pass over n images.
        layer: not read.
        classes: (n,) class indices.
        patch: side of the patch, in pixels of the network's input.
        stride: between patches; more than the patch's side leaves pixels uncovered, which are 0.

    Returns:
        (n, height, width) float32 of either sign, not normalised.
    """
    import torch

    height, width = forward.inputs.shape[2:]
    corners = [
        (y, x) for y in _starts(height, patch, stride) for x in _starts(width, patch, stride)
    ]
    covers = torch.zeros(len(corners), height, width, device=forward.inputs.device)
    for cover, (y, x) in zip(covers, corners, strict=True):
        cover[y : y + patch, x : x + patch] = 1
    counts = covers.sum(dim=0).clamp(min=1)

    def make(index: int, labels: list[int]) -> "list[Tensor]":
        image, scores = forward.inputs[index], forward.scores[index]
        inputs = (image * (1 - covers[part, None]) for part in chunks(len(corners)))
        drops = (
            scores[label] - occluded
            for label, occluded in zip(labels, scores_of(forward, inputs, labels), strict=True)
        )
        return [torch.einsum("p,puv->uv", each, covers) / counts for each in drops]

    return forward.for_classes(("occlusion", patch, stride), classes, make)


def _starts(side: int, patch: int, stride: int) -> list[int]:
    last = max(side - patch, 0)
    return [*range(0, last, stride), last]


def _passes(side: int, *, patch: int, stride: int, **options: Any) -> int:
    return len(_starts(side, patch, stride)) ** 2


OCCLUSION = MapMethod(
    name="occlusion",
    title="Occlusion",
    source="Zeiler and Fergus 2014, section 4.2",
    role=None,
    requests=scores_alone,
    maps=occlusion,
    layers=None,
    passes=_passes,
)
