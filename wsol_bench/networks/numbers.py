"""The input of a network, and the precision of its computation."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import torch
from torch import Tensor

from wsol_bench.networks.archs.entry import Preprocessing


@dataclass(frozen=True, slots=True)
class Precision:
    """The precision of a network's computation; excitation is always in float32.

    Attributes:
        name: the value of `--precision`.
        tf32: whether a GPU may round the factors of float32 products to 10 bits.
        autocast: the type of convolutions and products, or None for float32.
    """

    name: str
    tf32: bool = False
    autocast: torch.dtype | None = None


PRECISIONS: Mapping[str, Precision] = MappingProxyType(
    {
        "fp32": Precision("fp32"),
        "tf32": Precision("tf32", tf32=True),
        "bf16": Precision("bf16", autocast=torch.bfloat16),
    }
)
FP32 = PRECISIONS["fp32"]


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Lets a GPU round float32 products only where the precision allows it, while inside."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision.tf32
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def exact_float32() -> AbstractContextManager[None]:
    """Keeps a GPU from rounding float32 products while inside."""
    return computing_in(FP32)


def widened(values: Tensor) -> Tensor:
    """Half precision to float32; wider values as they are."""
    return values.float() if values.dtype.itemsize < torch.float32.itemsize else values


def normalise(tensors: Tensor, preprocessing: Preprocessing) -> Tensor:
    """RGB bytes become the numbers that the net was trained on.

    Args:
        tensors: (n, side, side, 3) uint8, on the network's device.
        preprocessing: of the weights.

    Returns:
        (n, 3, side, side) float32 in the preprocessing's channel order.
    """
    values = tensors.contiguous().float()
    if preprocessing.order == "bgr":
        values = values.flip(3)
    mean, std = (
        _along_row(tuple(numbers), values.shape[2], values.device)
        for numbers in (preprocessing.mean, preprocessing.std)
    )
    # By whole rows: a quarter of the time of operations that repeat three numbers per pixel.
    values.flatten(2).mul_(preprocessing.scale).sub_(mean).div_(std)
    return values.permute(0, 3, 1, 2)  # in channels_last


def black_pixel(preprocessing: Preprocessing) -> tuple[float, ...]:
    """A black pixel after preprocessing, one number per channel in the preprocessing's order."""
    black = torch.zeros(1, 1, 1, 3, dtype=torch.uint8)
    return tuple(normalise(black, preprocessing).flatten().tolist())


@lru_cache(maxsize=32)
def _along_row(numbers: tuple[float, ...], width: int, device: torch.device) -> Tensor:
    """One number per channel for each pixel of a row, (width * 3,).

    On the device once: a copy in every batch would make a GPU wait.
    """
    return torch.tensor(numbers, device=device).repeat(width)
