"""Any module, read through forward hooks that live for one pass.

A hook on each requested layer keeps its output. At the lowest layer whose gradient is requested
the hook cuts the graph: everything below runs without one, so Grad-CAM costs little more than a
forward pass.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from wsol_bench.errors import NotApplicable, UsageError, unknown_name
from wsol_bench.networks.graph import frozen_copy
from wsol_bench.networks.interception import intercepting
from wsol_bench.networks.outcome import Outcome
from wsol_bench.networks.relu_rules import RuleInForce
from wsol_bench.networks.requests import PIXELS, Requests


class Hooked:
    """A module whose named layers are read through hooks.

    Attributes:
        module: a frozen copy in evaluation mode that shares the parameters.
        reason: why it was not traced, for what needs the graph.
        disables_gradients: whether its own code switches gradients off, which a pass that needs
            them must prevent.
    """

    opening = "hooked"

    def __init__(self, module: nn.Module, classifier: str, reason: str) -> None:
        """Copies the module.

        Raises:
            UsageError: it cannot be copied or has no such classifier.
        """
        try:
            self.module = frozen_copy(module).eval()
        except Exception as error:  # deepcopy raises whatever the module's own code does
            raise UsageError(
                f"{type(module).__name__} cannot be copied ({error}), which a run needs in order "
                "to leave it as it is."
            ) from error
        for each in self.module.modules():
            if getattr(each, "inplace", False) is True:
                each.inplace = False  # type: ignore[assignment]  # would overwrite kept outputs
        self.classifier = classifier
        self.reason = reason
        self.disables_gradients = False
        self._modules = dict(self.module.named_modules())
        if classifier:
            self.check_layer(classifier)

    def to(self, device: torch.device) -> None:
        """Moves the parameters and lays them out for fast convolutions."""
        self.module.to(device)
        self.module.to(memory_format=torch.channels_last)

    @property
    def graph(self) -> NoReturn:
        """Raises NotApplicable: only a traced network has a graph."""
        raise self._no_graph()

    def step(self, layer: str) -> NoReturn:
        """Raises UsageError where there is no such layer, otherwise NotApplicable."""
        self.check_layer(layer)
        raise self._no_graph()

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, frozen."""
        return self.module.parameters()

    def plain_module(self) -> nn.Module:
        """The frozen copy that runs."""
        return self.module

    def check_layer(self, layer: str) -> None:
        """Raises UsageError where the module has no such layer."""
        if layer != PIXELS:
            self.module_of(layer)

    def module_of(self, layer: str) -> nn.Module:
        """The module of a layer, or UsageError."""
        if not layer or layer not in self._modules:
            raise unknown_name("layer", layer, filter(None, self._modules))
        return self._modules[layer]

    def excitation_path(self, layer: str) -> NoReturn:
        """Raises NotApplicable: excitation backprop needs the graph."""
        raise NotApplicable(
            "excitation backprop needs the graph of the network, which was opened with hooks: "
            f"{self.reason}"
        )

    def resumes_at(self, layer: str) -> bool:
        """Whether `resume` can start at a layer: never, without a graph."""
        return False

    def resume(self, layer: str, values: Tensor) -> NoReturn:
        """Raises NotApplicable: only a traced network has a graph."""
        raise self._no_graph()

    def _no_graph(self) -> NotApplicable:
        return NotApplicable(f"the network has no graph; it was opened with hooks: {self.reason}")

    def run(self, inputs: Tensor, requests: Requests, rule: RuleInForce) -> Outcome:
        """One pass; the caller enables gradients and autocast."""
        for layer, _ in requests.excitations:
            self.excitation_path(layer)
        starts = requests.graph_starts
        layers: dict[str, Tensor] = {}
        if PIXELS in starts:
            inputs = layers[PIXELS] = inputs.detach().requires_grad_()
        elif PIXELS in requests.features:
            layers[PIXELS] = inputs
        keep = bool(starts) and self.disables_gradients
        with ExitStack() as hooks, intercepting(requests, rule, keeps_gradients=keep) as seen:
            for layer in (requests.features | starts) - {PIXELS}:
                hook = _Keep(layer, layers, starts_graph=layer in starts)
                hooks.callback(self.module_of(layer).register_forward_hook(hook).remove)
            scores = scores_of(self.module(inputs))
        for layer in requests.features | starts:
            if layer not in layers:
                raise UsageError(
                    f"layer {layer!r} is not called in a forward pass; name another one."
                )
        return Outcome(scores=scores, layers=layers, attention=tuple(seen.attention))


class _Keep:
    """A forward hook that keeps a layer's output, of several calls the last one's."""

    def __init__(self, layer: str, layers: dict[str, Tensor], *, starts_graph: bool) -> None:
        self._layer, self._layers, self._starts_graph = layer, layers, starts_graph

    def __call__(self, module: nn.Module, arguments: object, output: Any) -> Any:
        value = tensor_of(output)
        if value is None:
            raise UsageError(
                f"layer {self._layer!r} returns {type(output).__name__}, expected a tensor; name "
                "a layer inside or around it."
            )
        if self._starts_graph and not value.requires_grad:
            value = value.detach().requires_grad_()
        self._layers[self._layer] = value
        return _replaced(output, value.clone())  # the module may change its input in place


def tensor_of(output: Any) -> Tensor | None:
    """A layer's output: the tensor, or the first of a tuple that starts with one."""
    if isinstance(output, tuple | list) and output:
        output = output[0]
    return output if isinstance(output, Tensor) else None


def scores_of(output: Any) -> Tensor:
    """The scores in the output of a network: a tensor, or the `logits` of a transformers output.

    Raises:
        UsageError: it returns something else.
    """
    scores = getattr(output, "logits", output)
    if not isinstance(scores, Tensor):
        raise UsageError(
            f"the network returns a {type(output).__name__}; a network must return one tensor of "
            "scores, (n, classes). Wrap it in a module that returns that tensor."
        )
    return scores


def _replaced(output: Any, value: Tensor) -> Any:
    if isinstance(output, Tensor):
        return value
    rest = [value, *output[1:]]
    if hasattr(output, "_fields"):  # a named tuple
        return type(output)(*rest)
    return type(output)(rest)
