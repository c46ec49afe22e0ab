"""MWP and c-MWP: excitation backprop's signal, summed over channels.

The marginal winning probability of a class is propagated from its score to a
layer by the rules of `networks.rules`; the map is its sum over channels,

    map_ij = sum_k p_kij.

c-MWP sends the contrastive signal instead, which starts at the input of the last
layer with weights as the class's signal less that of its negated weights.

Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016,
sections 3.2 (MWP) and 3.4 (contrastive MWP).
"""

from typing import TYPE_CHECKING

from wsol_bench.methods.entry import MapMethod, on_cells
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network


def mwp(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image, (n, u, v) float32, >= 0, summing to at most 1.

    Args:
        forward: a pass over n images.
        layer: the layer at whose output the signal is read.
        classes: (n,) class indices.
    """
    return on_cells(forward.excitation(layer, classes, contrastive=False), layer).sum(dim=1)


def c_mwp(forward: "Forward", layer: str, classes: "Tensor") -> "Tensor":
    """Maps of one class per image, (n, u, v) float32 of either sign, summing to about 0.

    Arguments as for `mwp`.
    """
    return on_cells(forward.excitation(layer, classes, contrastive=True), layer).sum(dim=1)


def _check(network: "Network", layer: str) -> None:
    network.excitation_path(layer)


def _requests_plain(layer: str) -> Requests:
    return Requests(excitations=frozenset({(layer, False)}))


def _requests_contrast(layer: str) -> Requests:
    return Requests(excitations=frozenset({(layer, True)}))


MWP = MapMethod(
    name="mwp",
    title="MWP",
    source="Zhang et al. 2016, section 3.2",
    role="excitation",
    requests=_requests_plain,
    maps=mwp,
    check=_check,
)
C_MWP = MapMethod(
    name="c_mwp",
    title="c-MWP",
    source="Zhang et al. 2016, section 3.4",
    role="excitation",
    requests=_requests_contrast,
    maps=c_mwp,
    check=_check,
)
