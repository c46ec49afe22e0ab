"""Guided backprop and the deconvnet: gradients under another backward rule of ReLU.

With g the gradient at a ReLU's output y = max(x, 0), the rule propagates

    guided_backprop    max(g, 0) [x > 0]
    deconvnet          max(g, 0)

to its input; every other layer propagates its derivative. The map is the maximum over colour
channels of the absolute result at the pixels, then Backprop's Gaussian.

Sources: Springenberg et al., Striving for Simplicity: The All Convolutional Net, ICLR workshop
2015, section 3.4 (guided); Zeiler and Fergus, Visualizing and Understanding Convolutional
Networks, ECCV 2014, section 2.1 (deconvnet). Neither draws boxes: maximum and smoothing are
those of `backprop`.
"""

from typing import TYPE_CHECKING, Any

from wsol_bench.methods.entry import MapMethod, on_cells
from wsol_bench.methods.smoothing import SIGMA, Sigma, smooth
from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network


def _entry(name: str, title: str, source: str, rule: str) -> MapMethod:
    """The method of a backward rule; see `networks.relu_rules`."""

    def maps(
        forward: "Forward",
        layer: str,
        classes: "Tensor",
        *,
        sigma: Sigma = SIGMA,
    ) -> "Tensor":
        """Maps of one class per image.

        Args:
            forward: a pass over n images.
            layer: `PIXELS`, or a layer whose gradient is taken instead.
            classes: (n,) class indices.
            sigma: of the Gaussian, as a share of the map's side; 0 leaves the map raw.

        Returns:
            (n, u, v) float32, >= 0, not normalised.
        """
        gradient = on_cells(forward.gradient(layer, classes, rule), layer)
        return smooth(gradient.abs().amax(dim=1), sigma)

    def requests(layer: str, **options: Any) -> Requests:
        return Requests(ruled_gradients=frozenset({(layer, rule)}))

    def check(network: "Network", layer: str) -> None:
        network.check_layer(layer)
        network.check_rule(rule)

    return MapMethod(
        name=name,
        title=title,
        source=source,
        role=None,
        requests=requests,
        maps=maps,
        check=check,
    )


GUIDED_BACKPROP = _entry(
    "guided_backprop", "Guided backprop", "Springenberg et al. 2015, section 3.4", "guided"
)
DECONVNET = _entry("deconvnet", "Deconvnet", "Zeiler and Fergus 2014, section 2.1", "deconv")
