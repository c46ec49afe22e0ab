"""Local response normalisation against torch's own."""

import pytest
import torch
from torch import nn

from wsol_bench.networks.lrn import LocalResponseNorm

# Sums and powers in another order: a few units in the last place of float32.
ROUNDING = 2e-6


@pytest.mark.parametrize("channels", [1, 3, 8, 37])
@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"),
    [(5, 1e-4, 0.75, 1.0), (5, 0.5, 0.75, 2.0), (4, 0.3, 0.5, 1.0), (1, 1.0, 1.0, 0.5)],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_equal_torchs(channels, size, alpha, beta, k, layout):
    torch.manual_seed(0)
    reference = nn.LocalResponseNorm(size, alpha, beta, k)
    x = (torch.randn(3, channels, 5, 7) * 4).contiguous(memory_format=layout).requires_grad_()
    signal = torch.randn_like(x)
    expected, found = reference(x), LocalResponseNorm.of(reference)(x)
    torch.testing.assert_close(found, expected, rtol=ROUNDING, atol=ROUNDING)
    gradients = [torch.autograd.grad(y, x, signal)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=ROUNDING, atol=ROUNDING)


def test_infinite_and_nan_values_stay_visible():
    x = torch.tensor([1.0, float("nan"), 2.0, 3.0]).view(1, 4, 1, 1)
    assert LocalResponseNorm(3)(x).isnan().any()


def test_double_precision_is_left_to_torch():
    x = torch.randn(2, 6, 3, 3, dtype=torch.float64, requires_grad=True)
    reference = nn.LocalResponseNorm(5)
    assert torch.equal(LocalResponseNorm.of(reference)(x), reference(x))
    torch.autograd.gradcheck(LocalResponseNorm.of(reference), x)


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads):
    x = torch.randn(2, 6, 3, 3)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        found = LocalResponseNorm(5)(x)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found, LocalResponseNorm(5)(x))
