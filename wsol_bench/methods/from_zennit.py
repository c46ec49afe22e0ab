"""Composites of zennit: `zennit:COMPOSITE`, such as `zennit:EpsilonPlusFlat`.

The relevance of the class's score at the pixels, summed over channels, of either sign. Batch norm
is merged into the convolution before it, where the modules follow one another.

Source: Anders et al., Software for Dataset-wide XAI: From Local Explanations to Global Insights
with Zennit, CoRelAy, and ViRelAy, 2021.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod
from wsol_bench.methods.libraries import from_library, summed

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsol_bench.networks.forward import Forward


def from_zennit(name: str) -> MapMethod:
    """The method of `zennit:COMPOSITE`."""
    return from_library(name, "zennit", "zennit.composites", "register", _one_map)


def _one_map(
    composite: Any, forward: "Forward", module: "nn.Module", layer: str, image: "Tensor", label: int
) -> "Tensor":
    import torch
    from zennit.attribution import Gradient
    from zennit.canonizers import SequentialMergeBatchNorm

    made = composite(canonizers=[SequentialMergeBatchNorm()])
    with Gradient(model=module, composite=made) as attributor:
        _, relevance = attributor(
            image,
            lambda out: (
                torch.nn.functional.one_hot(
                    torch.tensor([label], device=out.device), out.shape[1]
                ).to(out)
                * out.detach()
            ),
        )
    return summed(relevance)
