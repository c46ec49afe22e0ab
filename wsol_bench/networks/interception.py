"""Reads a network's attention, and replaces its ReLUs, while one forward pass runs.

Attention is computed in many modules of many libraries, mostly by torch's fused function, which
never forms the weights softmax(q k^T / sqrt(d)). All of them call the same
function. A torch function mode intercepts those calls, so no module is patched and nothing
remains after the pass; it is entered only where attention or a ReLU rule is requested.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from wsol_bench.networks.relu_rules import RuleInForce, ruled_relu
from wsol_bench.networks.requests import Requests

_SWITCH_GRADIENTS = torch._C._set_grad_enabled
_SOFTMAX = frozenset({torch.softmax, F.softmax, Tensor.softmax})
_RELU6_CEILING = 6.0


class Interception(TorchFunctionMode):
    """The calls of attention and ReLU in one forward pass over n tensors.

    Attributes:
        attention: the attention of each call, in order, (n, heads, t, t) after its softmax; of
            all calls whose queries are their keys' tokens. Another first axis than n means
            attention within windows.
        relu_calls: how often a ReLU was computed.
        disables_gradients: whether the network's own code switched gradients off, as with
            `torch.no_grad` around a frozen trunk; inside the pass they stay on.
    """

    def __init__(self, requests: Requests, rule: RuleInForce) -> None:
        super().__init__()
        self.attention: list[Tensor] = []
        self.relu_calls = 0
        self.disables_gradients = False
        self._records_attention = requests.wants_attention
        self._starts_graph = requests.attention_gradient
        self._rule = rule if requests.ruled_gradients else None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Passes a call on, or computes it in a form that can be read."""
        kwargs = kwargs or {}
        if func is _SWITCH_GRADIENTS:
            self.disables_gradients = True
            return None
        if self._records_attention:
            if func is F.scaled_dot_product_attention:
                return self._attend(*args, **kwargs)
            if func is F.multi_head_attention_forward:
                with self._unfused():  # no mode is active within a call that a mode handles
                    return func(*args, **kwargs)
            if func in _SOFTMAX:
                return self._keep(func(*args, **kwargs))
        if func in _RELUS:
            self.relu_calls += 1
            if self._rule is not None:
                return _RELUS[func](self._rule, *args, **kwargs)
        return func(*args, **kwargs)

    def _keep(self, weights: Tensor) -> Tensor:
        if weights.dim() != 4 or weights.shape[-1] != weights.shape[-2]:
            return weights
        if self._starts_graph and not weights.requires_grad:
            weights = weights.detach().requires_grad_()
        self.attention.append(weights)
        return weights

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Scaled dot product attention in separate steps, as torch documents it."""
        if enable_gqa:
            groups = query.shape[-3] // key.shape[-3]
            key, value = (each.repeat_interleave(groups, -3) for each in (key, value))
        factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        products = (query * factor) @ key.transpose(-2, -1)
        if is_causal:
            above = torch.ones(products.shape[-2:], dtype=torch.bool, device=query.device)
            products = products.masked_fill(above.triu(1), -math.inf)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            products = products.masked_fill(~attn_mask, -math.inf)
        elif attn_mask is not None:
            products = products + attn_mask
        weights = self._keep(products.softmax(-1))
        return weights.to(value.dtype) @ value

    @contextmanager
    def _unfused(self) -> Iterator[None]:
        functional: Any = F
        before = functional.scaled_dot_product_attention
        functional.scaled_dot_product_attention = self._attend
        try:
            yield
        finally:
            functional.scaled_dot_product_attention = before


@contextmanager
def intercepting(
    requests: Requests, rule: RuleInForce, *, keeps_gradients: bool = False
) -> Iterator[Interception]:
    """Intercepts the calls of a forward pass inside; does nothing without a request of its kind.

    Args:
        requests: of the pass.
        rule: of ReLU's gradient.
        keeps_gradients: whether the network's own code may not switch gradients off.
    """
    interception = Interception(requests, rule)
    if not (requests.wants_attention or requests.ruled_gradients or keeps_gradients):
        yield interception
        return
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with interception:
            yield interception
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _relu(rule: RuleInForce, input: Tensor, inplace: bool = False) -> Tensor:
    return ruled_relu(input, rule)


def _relu6(rule: RuleInForce, input: Tensor, inplace: bool = False) -> Tensor:
    return ruled_relu(input, rule, _RELU6_CEILING)


def _hardtanh(
    rule: RuleInForce,
    input: Tensor,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Tensor:
    if min_val == 0:  # torch computes nn.ReLU6 by this function
        return ruled_relu(input, rule, max_val)
    return F.hardtanh(input, min_val, max_val)


_RELUS: Mapping[Any, Callable[..., Tensor]] = MappingProxyType(
    {
        F.relu: _relu,
        torch.relu: _relu,
        torch.relu_: _relu,
        Tensor.relu: _relu,
        Tensor.relu_: _relu,
        F.relu6: _relu6,
        F.hardtanh: _hardtanh,
    }
)
"""A function that computes a ReLU -> the same with a backward rule."""
