"""The first convolution's gradient against torch's own."""

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.grad import conv2d_input

from wsol_bench.networks.stem import StemConvolution, gradient_at_input

KERNELS = (1, 2, 3, 7, 11, (3, 5))
STRIDES = (1, 2, 4, (2, 1))
PADDINGS = (0, 1, 3, (0, 2))
SIDES = (13, 16, 29)


def shapes() -> list[tuple[object, object, object]]:
    def pair(value):
        return value if isinstance(value, tuple) else (value, value)

    return [
        (kernel, stride, padding)
        for kernel, stride, padding in product(KERNELS, STRIDES, PADDINGS)
        if all(p < k for p, k in zip(pair(padding), pair(kernel), strict=True))
    ]


@pytest.mark.parametrize(("kernel", "stride", "padding"), shapes())
def test_the_gradient_equals_torchs(kernel, stride, padding):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, kernel, stride, padding).double().requires_grad_(False)
    stem = StemConvolution.of(layer)
    assert type(stem) is StemConvolution
    for height, width in zip(SIDES, reversed(SIDES), strict=True):
        x = torch.randn(2, 3, height, width, dtype=torch.float64)
        output = layer(x)
        signal = torch.randn_like(output)
        expected = conv2d_input(x.shape, layer.weight, signal, layer.stride, layer.padding)
        found = gradient_at_input(stem, stem.weight, x.shape, signal)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        x.requires_grad_()
        (by_autograd,) = torch.autograd.grad(stem(x), x, signal)
        torch.testing.assert_close(by_autograd, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(5, 5, 3),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.Conv2d(3, 4, 3, dilation=2),
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 4, 2, padding=2),
    ],
    ids=["channels", "groups", "dilation", "same", "reflect", "wide padding"],
)
def test_other_convolutions_stay_as_they_are(layer):
    assert StemConvolution.of(layer) is layer


def test_weights_that_are_trained_keep_torchs_gradient():
    stem = StemConvolution.of(nn.Conv2d(3, 4, 3))
    x = torch.randn(1, 3, 8, 8, requires_grad=True)
    stem(x).sum().backward()
    assert stem.weight.grad is not None
