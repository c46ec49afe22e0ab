"""Finds what a function requests of a forward pass by running it once and watching.

A method of this package states its requests. A user's function need not: it is run on one trial
image, with a stand-in for the forward pass that makes a new pass whenever something is read that
was not requested yet. What was read is then requested of every pass of the run.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wsol_bench.networks.requests import Requests

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward, Network

_PLAIN = "plain"


class RecordingForward:
    """Returns values as a `Forward` does, and records which are read.

    Attributes:
        requests: everything that was read so far, and what was requested before.
        network: the network that runs.
    """

    def __init__(self, forward: "Forward", requests: Requests) -> None:
        """Starts from a pass that was made under `requests`."""
        self.requests = requests
        self.network = forward.network
        self._forward = forward

    def __getattr__(self, name: str) -> Any:
        """Members that need no request: scores, inputs, grid, prefix_tokens, again."""
        return getattr(self._forward, name)

    def features(self, layer: str) -> "Tensor":
        """As `Forward.features`."""
        return self._with(Requests(features=frozenset({layer}))).features(layer)

    def gradient(self, layer: str, classes: "Tensor", rule: str = _PLAIN) -> "Tensor":
        """As `Forward.gradient`."""
        wanted = (
            Requests(gradients=frozenset({layer}))
            if rule == _PLAIN
            else Requests(ruled_gradients=frozenset({(layer, rule)}))
        )
        return self._with(wanted).gradient(layer, classes, rule)

    def excitation(self, layer: str, classes: "Tensor", *, contrastive: bool) -> "Tensor":
        """As `Forward.excitation`."""
        wanted = Requests(excitations=frozenset({(layer, contrastive)}))
        return self._with(wanted).excitation(layer, classes, contrastive=contrastive)

    def attention(self) -> "tuple[Tensor, ...]":
        """As `Forward.attention`."""
        return self._with(Requests(attention=True)).attention()

    def attention_gradient(self, classes: "Tensor") -> "tuple[Tensor, ...]":
        """As `Forward.attention_gradient`."""
        return self._with(Requests(attention_gradient=True)).attention_gradient(classes)

    def _with(self, wanted: Requests) -> "Forward":
        merged = Requests.merge([self.requests, wanted])
        if merged != self.requests:
            self._forward = self.network.forward(self._forward.inputs, merged)
            self.requests = merged
        return self._forward


def recorded(network: "Network", side: int, run: Callable[[Any, "Tensor"], object]) -> Requests:
    """The values that a function reads of a pass over one trial image.

    Args:
        network: that runs.
        side: of its input.
        run: (forward, classes) -> anything.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    device = network.device
    inputs = torch.randn(1, 3, side, side, generator=generator).to(device)
    forward = RecordingForward(network.forward(inputs, Requests()), Requests())
    run(forward, torch.zeros(1, dtype=torch.int64))
    return forward.requests
