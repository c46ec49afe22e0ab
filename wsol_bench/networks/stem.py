"""The first convolution's gradient at the pixels, as a dense convolution.

Libraries compute the gradient at a convolution's input channel by channel; with
three colour channels most of a vector is unused, and that one layer takes as
long as a third of a network. Cut the pixels into blocks of b x b, b a multiple of the
stride s: each block's 3 b^2 gradients depend on one window of the output alone, so
they are a convolution with 3 b^2 output channels and stride b / s, then rearranged.

With output gradient g, kernel w of k taps and padding p, along one axis

    dx[b i + r] = sum_q g[(b/s) i + q] w[r + p - s q],    0 <= r < b.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FEW_CHANNELS = 4
_MIN_BLOCK = 2


class StemConvolution(nn.Conv2d):
    """A convolution of few input channels whose input gradient is fast."""

    stands_for = nn.Conv2d

    @classmethod
    def of(cls, layer: nn.Conv2d) -> nn.Conv2d:
        """The same layer with a fast gradient, where it is of a kind that gains by it."""
        if not _gains(layer):
            return layer
        with torch.device("meta"):
            stem = cls(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,  # type: ignore[arg-type]
                layer.stride,  # type: ignore[arg-type]
                layer.padding,  # type: ignore[arg-type]
                bias=layer.bias is not None,
            )
        stem.weight, stem.bias = layer.weight, layer.bias
        return stem

    def forward(self, input: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, k, u, v)."""
        if not input.requires_grad or self.weight.requires_grad:
            return super().forward(input)
        result: Tensor = _Convolved.apply(input, self)
        return result


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, layer: StemConvolution) -> Tensor:
        ctx.layer, ctx.shape, ctx.dtype = layer, values.shape, values.dtype
        return F.conv2d(values, layer.weight, layer.bias, layer.stride, layer.padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        weight = ctx.layer.weight.to(gradients[0].dtype)  # autocast may have narrowed both
        at_input = gradient_at_input(ctx.layer, weight, ctx.shape, gradients[0])
        return at_input.to(ctx.dtype), None


def gradient_at_input(
    layer: nn.Conv2d, weight: Tensor, shape: Sequence[int], gradients: Tensor
) -> Tensor:
    """The gradient at the input of a convolution.

    Args:
        layer: its stride, padding and kind.
        weight: (k, c, height, width), the layer's or another of the same shape.
        shape: of the input, (n, c, h, w).
        gradients: at the output, (n, k, u, v).

    Returns:
        (n, c, h, w).
    """
    if not _gains(layer):
        return _transposed(layer, weight, shape, gradients)
    (kernel, left, step, block) = _dense_kernel(layer, weight)
    height, width = shape[2:]
    blocks = [-(-side // edge) for side, edge in zip((height, width), block, strict=True)]
    pads = []
    for axis in (1, 0):  # F.pad counts from the last axis
        needed = (blocks[axis] - 1) * step[axis] + kernel.shape[2 + axis]
        pads += [left[axis], needed - left[axis] - gradients.shape[2 + axis]]
    dense = F.conv2d(F.pad(gradients, pads), kernel, stride=step)  # (n, c b b, ., .)
    by_pixel = dense.unflatten(1, (shape[1], *block)).permute(0, 1, 4, 2, 5, 3)
    return by_pixel.flatten(4, 5).flatten(2, 3)[:, :, :height, :width]


def _transposed(
    layer: nn.Conv2d, weight: Tensor, shape: Sequence[int], gradients: Tensor
) -> Tensor:
    """Torch's own gradient at the input, in channels_last as everything around it.

    `torch.nn.grad.conv2d_input` returns that of a 1x1 convolution in channels_first, and what
    mixes the two layouts goes element by element.
    """
    assert not isinstance(layer.padding, str)  # excitation refuses it
    # Only its shape and layout are read.
    like = torch.empty(
        tuple(shape),
        dtype=gradients.dtype,
        device=gradients.device,
        memory_format=torch.channels_last,
    )
    found: Tensor = torch.ops.aten.convolution_backward(
        gradients,
        like,
        weight,
        None,
        layer.stride,
        layer.padding,
        layer.dilation,
        False,
        [0, 0],
        layer.groups,
        [True, False, False],
    )[0]
    return found


def _gains(layer: nn.Conv2d) -> bool:
    """Few input channels, and an output window that begins at or before its block."""
    if layer.in_channels > _FEW_CHANNELS or layer.groups != 1 or layer.padding_mode != "zeros":
        return False
    if isinstance(layer.padding, str) or max(layer.dilation) > 1:
        return False
    return all(p < k for p, k in zip(_padding(layer), layer.kernel_size, strict=True))


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    assert not isinstance(layer.padding, str)  # by `_gains`
    return layer.padding


def _dense_kernel(
    layer: nn.Conv2d, weight: Tensor
) -> tuple[Tensor, tuple[int, int], tuple[int, int], tuple[int, int]]:
    """The kernel of the dense convolution, its left padding, its stride, its block."""
    axes = [
        _axis(k, s, p)
        for k, s, p in zip(layer.kernel_size, layer.stride, _padding(layer), strict=True)
    ]
    (rows, row_left, row_step), (columns, column_left, column_step) = axes
    spread = torch.einsum(
        "kcyx,ryt,sxu->crsktu", weight, rows.to(weight), columns.to(weight)
    )  # at each pixel of a block, the taps that reach it
    kernel = spread.reshape(-1, weight.shape[0], rows.shape[2], columns.shape[2])
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    block = (rows.shape[0], columns.shape[0])
    return kernel, (row_left, column_left), (row_step, column_step), block


@lru_cache(maxsize=64)
def _axis(taps: int, stride: int, padding: int) -> tuple[Tensor, int, int]:
    """The outputs that each tap meets, (b, taps, window) of 0 and 1; left padding; stride."""
    step = 1 if stride >= _MIN_BLOCK else _MIN_BLOCK
    block = stride * step
    first = -((taps - 1 - padding) // stride)  # at or before every output that r = 0 needs
    last = (block - 1 + padding) // stride
    meets = torch.zeros(block, taps, last - first + 1)
    for r in range(block):
        for q in range(first, last + 1):
            if 0 <= r + padding - stride * q < taps:
                meets[r, r + padding - stride * q, q - first] = 1
    return meets, -first, step
