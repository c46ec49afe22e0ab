"""Local response normalisation across channels, compiled for CPUs.

With n the number of channels in a window round channel i,

    b_i = a_i / (k + alpha / n * sum_{j in window} a_j^2) ^ beta.

torch computes it through a three-dimensional average pooling and a general power,
which on a CPU takes a quarter of BVLC GoogLeNet's forward pass. Here a pixel's
channels lie side by side and are read once.

Source: Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural
Networks, NIPS 2012, section 3.3.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor, nn

from wsol_bench.runtime.compiled import compiled_with

Pixels = NDArray[np.float32]
"""(pixels, channels): each pixel's channels side by side."""

# The sums keep their order and nothing is assumed finite; only a*b+c may be one step.
_compiled = compiled_with(error_model="numpy", fastmath={"contract"})


class LocalResponseNorm(nn.LocalResponseNorm):
    """torch's layer, with the same parameters and values to rounding."""

    stands_for = nn.LocalResponseNorm

    @classmethod
    def of(cls, layer: nn.LocalResponseNorm) -> "LocalResponseNorm":
        """The same normalisation as another layer's."""
        return cls(layer.size, layer.alpha, layer.beta, layer.k)

    def forward(self, input: Tensor) -> Tensor:
        """(n, k, u, v) -> (n, k, u, v)."""
        if input.device.type != "cpu" or input.dtype != torch.float32 or input.dim() != 4:
            return super().forward(input)
        result: Tensor = _Normalised.apply(input, self.size, self.alpha, self.beta, self.k)
        return result


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        ctx.save_for_backward(values)
        ctx.constants = size, alpha / size, beta, k
        result = torch.empty_like(values, memory_format=torch.channels_last)
        _in_parts(_normalise, (values, result), *ctx.constants)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (values,) = ctx.saved_tensors
        result = torch.empty_like(values, memory_format=torch.channels_last)
        _in_parts(_hand_back, (values, gradients[0], result), *ctx.constants)
        return result, None, None, None, None


def _in_parts(kernel: Callable[..., None], tensors: tuple[Tensor, ...], *constants: object) -> None:
    """Runs a kernel over all pixels, cut into as many parts as torch has threads."""
    arrays = [_pixels(tensor) for tensor in tensors]
    threads = torch.get_num_threads()
    parts = zip(*(np.array_split(array, threads) for array in arrays), strict=True)
    if threads == 1:
        for part in parts:
            kernel(*part, *constants)
        return
    list(_pool(threads).map(lambda part: kernel(*part, *constants), parts))


def _pixels(tensor: Tensor) -> Pixels:
    # A single-channel or single-pixel tensor is contiguous in both layouts.
    rows = tensor.detach().contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    array: Pixels = rows.reshape(-1, tensor.shape[1]).numpy()
    return array


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="lrn")


# Plain loops with plain indices and one kind of step each: these vectorise. A slice
# or a branch inside one does not.


@_compiled
def _normalise(
    values: Pixels, result: Pixels, size: int, share: float, beta: float, k: float
) -> None:
    channels, before = values.shape[1], size // 2
    base, factor, power = np.float32(k), np.float32(share), np.float32(-beta)
    squares = np.zeros(channels + size, np.float32)  # zeros at both ends stay
    divisors, scales = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for p in range(values.shape[0]):
        for c in range(channels):
            squares[before + c] = values[p, c] * values[p, c]
        _add_windows(squares, size, divisors)
        for c in range(channels):
            divisors[c] = base + factor * divisors[c]
        _raise(divisors, float(power), scales)
        for c in range(channels):
            result[p, c] = values[p, c] * scales[c]


@_compiled
def _hand_back(
    values: Pixels,
    gradients: Pixels,
    result: Pixels,
    size: int,
    share: float,
    beta: float,
    k: float,
) -> None:
    channels, before, after = values.shape[1], size // 2, size - 1 - size // 2
    base, factor, power = np.float32(k), np.float32(share), np.float32(-beta)
    slope = np.float32(-2 * beta * share)
    squares = np.zeros(channels + size, np.float32)
    crossed = np.zeros(channels + size, np.float32)
    divisors, scales = np.empty(channels, np.float32), np.empty(channels, np.float32)
    sums = np.empty(channels, np.float32)
    for p in range(values.shape[0]):
        for c in range(channels):
            squares[before + c] = values[p, c] * values[p, c]
        _add_windows(squares, size, divisors)
        for c in range(channels):
            divisors[c] = base + factor * divisors[c]
        _raise(divisors, float(power), scales)
        for c in range(channels):
            scales[c] = gradients[p, c] * scales[c]
            divisors[c] = scales[c] / divisors[c]
        for c in range(channels):
            crossed[after + c] = divisors[c] * values[p, c]
        _add_windows(crossed, size, sums)
        for c in range(channels):
            result[p, c] = scales[c] + slope * values[p, c] * sums[c]


@njit(inline="always", error_model="numpy")
def _add_windows(terms: Pixels, size: int, sums: Pixels) -> None:
    """Sets sums_c to terms_c + ... + terms_{c + size - 1}."""
    for c in range(len(sums)):
        sums[c] = terms[c]
    for j in range(1, size):
        for c in range(len(sums)):
            sums[c] += terms[c + j]


@njit(inline="always", error_model="numpy")
def _raise(divisors: Pixels, power: float, scales: Pixels) -> None:
    """Sets scales to divisors ** power; the one power in use has a fast form."""
    if power == np.float32(-0.75):
        for c in range(len(scales)):
            root = np.sqrt(divisors[c])
            scales[c] = np.float32(1) / (root * np.sqrt(root))
    else:
        for c in range(len(scales)):
            scales[c] = divisors[c] ** power
