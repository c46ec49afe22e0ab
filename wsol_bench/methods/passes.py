"""Common code of methods with many passes: more inputs of one image, a fixed number at a time.

The inputs of an image go through the network in batches of their own, so that neither its
neighbours in a batch of images nor their number change a sum.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward

AT_ONCE = 32
"""Inputs per pass."""


def scores_of(forward: "Forward", inputs: "Iterable[Tensor]", label: int) -> "Tensor":
    """The scores of one class before the softmax, (m,).

    Args:
        forward: a pass of the network.
        inputs: batches of tensors, (b, 3, h, w), m together.
        label: the class.
    """
    import torch

    return torch.cat([forward.again(batch)[:, label] for batch in inputs])


def probabilities_of(forward: "Forward", inputs: "Iterable[Tensor]", label: int) -> "Tensor":
    """The softmax probability of one class, (m,); arguments as of `scores_of`."""
    import torch

    return torch.cat([forward.again(batch).softmax(dim=1)[:, label] for batch in inputs])


def gradients_of(forward: "Forward", inputs: "Iterable[Tensor]", label: int) -> "Iterator[Tensor]":
    """The gradient of a class's score at each batch of inputs, (b, 3, h, w)."""
    import torch

    from wsol_bench.networks.requests import PIXELS, Requests

    requests = Requests(gradients=frozenset({PIXELS}))
    for batch in inputs:
        labels = torch.full((len(batch),), label)
        yield forward.network.forward(batch, requests).gradient(PIXELS, labels)


def one_per_channel() -> int:
    """The `MapMethod.passes` of a method whose layer decides their number."""
    return 0


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most `AT_ONCE` that cover 0..count-1 in order."""
    for start in range(0, count, AT_ONCE):
        yield slice(start, min(start + AT_ONCE, count))
