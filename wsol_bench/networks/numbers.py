"""The numbers that go into a network, and how exactly it computes with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from wsol_bench.networks.entry import Preprocessing


@contextmanager
def exact_float32() -> Iterator[None]:
    """Keeps a GPU from rounding float32 products to tf32 while inside."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def normalise(tensors: Tensor, preprocessing: Preprocessing) -> Tensor:
    """RGB bytes become the numbers that the net was trained on.

    Args:
        tensors: (n, side, side, 3) uint8, on the network's device.
        preprocessing: of the weights.

    Returns:
        (n, 3, side, side) float32 in the preprocessing's channel order.
    """
    values = tensors.permute(0, 3, 1, 2).float()
    if preprocessing.order == "bgr":
        values = values.flip(1)
    mean, std = (
        torch.tensor(numbers, device=values.device).view(1, 3, 1, 1)
        for numbers in (preprocessing.mean, preprocessing.std)
    )
    normalised = values.mul_(preprocessing.scale).sub_(mean).div_(std)
    return normalised.contiguous(memory_format=torch.channels_last)
