"""Common code of methods with many passes: more inputs of one image, a fixed number at a time.

The inputs of an image go through the network in batches of their own, so that neither its
neighbours in a batch of images nor their number change a sum. What does not depend on the class,
the masks and the passes under them, is made once for all classes of an image.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward

AT_ONCE, AT_ONCE_ON_CPU = 32, 8
"""Inputs that are made at once. They go through the network at once too, except on a CPU, whose
caches do not hold the features of so many (docs/cost.md)."""


def scores_of(
    forward: "Forward", inputs: "Iterable[Tensor]", labels: Sequence[int]
) -> "list[Tensor]":
    """The scores of some classes before the softmax, (m,) for each.

    Args:
        forward: a pass of the network.
        inputs: batches of tensors, (b, 3, h, w), m together.
        labels: the classes.
    """
    import torch

    scores = torch.cat([forward.again(part)[:, labels] for part in _parts(inputs)])
    return [column.contiguous() for column in scores.T]


def probabilities_of(
    forward: "Forward", inputs: "Iterable[Tensor]", labels: Sequence[int]
) -> "list[Tensor]":
    """The softmax probability of some classes, (m,) for each; arguments as of `scores_of`."""
    import torch

    found = torch.cat([forward.again(part).softmax(dim=1)[:, labels] for part in _parts(inputs)])
    return [column.contiguous() for column in found.T]


def summed_gradients_of(
    forward: "Forward", inputs: "Iterable[Tensor]", labels: Sequence[int]
) -> "list[Tensor]":
    """The gradient of each class's score, summed over all inputs, (3, h, w) for each.

    Each input goes forward once; each class costs one backward pass.
    """
    import torch

    from wsol_bench.networks.requests import PIXELS, Requests

    requests = Requests(gradients=frozenset({PIXELS}))
    totals = [torch.zeros(())] * len(labels)
    for part in _parts(inputs):
        again = forward.network.forward(part, requests)
        for index, label in enumerate(labels):
            gradients = again.gradient(PIXELS, torch.full((len(part),), label))
            totals[index] = totals[index].to(gradients) + gradients.sum(dim=0)
    return totals


def _parts(batches: "Iterable[Tensor]") -> "Iterator[Tensor]":
    """Batches in parts that go through the network at once."""
    for batch in batches:
        yield from batch.split(AT_ONCE_ON_CPU if batch.device.type == "cpu" else len(batch))


def one_per_channel(side: int) -> int:
    """The `MapMethod.passes` of a method whose layer decides their number."""
    return 0


def chunks(count: int) -> Iterator[slice]:
    """Slices of at most `AT_ONCE` that cover 0..count-1 in order."""
    for start in range(0, count, AT_ONCE):
        yield slice(start, min(start + AT_ONCE, count))
