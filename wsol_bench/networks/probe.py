"""One pass over random numbers that lists a module's layers and the shapes of their outputs.

The structure of a network is measured, not guessed from names: which layers are called, in what
order, which outputs have cells, where attention is computed.
"""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from wsol_bench.errors import UsageError
from wsol_bench.networks.hooked import Hooked, scores_of, tensor_of
from wsol_bench.networks.interception import intercepting
from wsol_bench.networks.relu_rules import RuleInForce
from wsol_bench.networks.requests import Requests

_SEED = 0


@dataclass(frozen=True, slots=True)
class LayerOutput:
    """One layer as the pass found it; of several calls the last.

    Attributes:
        name: its dotted path.
        module: the layer of the probed copy.
        shape: of its output for one image, the first axis included.
        origin: the layer that made the tensor; another than `name` for a block that returns its
            last layer's output.
        attention_before: number of blocks that had computed their attention when it finished.
        reads_pixels: whether the output depends on the input, as a table of position biases does
            not; True where that is unknown.
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    origin: str
    attention_before: int
    reads_pixels: bool = True


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of one pass.

    Attributes:
        inputs: the random numbers, (1, 3, h, w).
        scores: (1, C).
        layers: in the order in which their calls finished.
        attention: the shape of each attention, in order.
        relu_calls: number of ReLUs that were computed.
        disables_gradients: whether the network's own code switches gradients off.
        gradients: layer -> the gradient of a random sum of the scores at its output, where there
            is one; empty for a network that computes none.
    """

    inputs: Tensor
    scores: Tensor
    layers: tuple[LayerOutput, ...]
    attention: tuple[tuple[int, ...], ...]
    relu_calls: int
    disables_gradients: bool
    gradients: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.inputs.shape[2], self.inputs.shape[3]


def probe(hooked: Hooked, size: tuple[int, int]) -> Probe:
    """Runs a module once on seeded normal numbers.

    Args:
        hooked: the module.
        size: height and width of the input.

    Raises:
        UsageError: the module fails on such an input, or returns no tensor of scores.
    """
    generator = torch.Generator().manual_seed(_SEED)
    inputs = torch.randn(1, 3, *size, generator=generator)
    with suppress(Exception):  # code that takes no input with a graph: without gradients
        return _pass(hooked, inputs, with_gradients=True)
    return _pass(hooked, inputs, with_gradients=False)


def _pass(hooked: Hooked, inputs: Tensor, *, with_gradients: bool) -> Probe:
    found: dict[str, LayerOutput] = {}
    values: dict[str, Tensor] = {}
    made: dict[int, tuple[Tensor, str]] = {}  # keeps the tensors, so that no id is used twice
    requests = Requests(attention=True)
    with (
        ExitStack() as hooks,
        torch.set_grad_enabled(with_gradients),
        intercepting(requests, RuleInForce()) as seen,
    ):

        def note(name: str, module: nn.Module, output: object) -> None:
            value = tensor_of(output)
            if value is not None:
                _, origin = made.setdefault(id(value), (value, name))
                found.pop(name, None)  # a later call moves it to its place
                found[name] = LayerOutput(
                    name,
                    module,
                    tuple(value.shape),
                    origin,
                    len(seen.attention),
                    value.requires_grad,
                )
                values[name] = value

        for name, module in hooked.module.named_modules():
            if name:
                handle = module.register_forward_hook(
                    lambda module, _, output, name=name: note(name, module, output)
                )
                hooks.callback(handle.remove)
        # A copy, because the module may change its input in place, which a leaf forbids.
        given = inputs.clone().requires_grad_().clone() if with_gradients else inputs
        scores = _checked_scores(hooked, given)
        gradients = _gradients(scores, values) if with_gradients else {}
    layers = list(found.values())
    if not scores.requires_grad:  # then a layer without a gradient may read pixels all the same
        layers = [replace(each, reads_pixels=True) for each in layers]
    return Probe(
        inputs,
        scores.detach().flatten(1),
        tuple(layers),
        tuple(tuple(each.shape) for each in seen.attention),
        seen.relu_calls,
        seen.disables_gradients,
        gradients,
    )


def _checked_scores(hooked: Hooked, inputs: Tensor) -> Tensor:
    height, width = inputs.shape[2:]
    try:
        output = hooked.module(inputs)
    except Exception as error:  # whatever the user's own code raises
        raise UsageError(
            f"{type(hooked.module).__name__} fails on an input of (1, 3, {height}, {width}): "
            f"{type(error).__name__}: {error}. --side gives another side."
        ) from error
    scores = scores_of(output)
    if len(scores) != 1 or scores.dim() < 2 or scores[0].numel() != scores.shape[1]:
        raise UsageError(
            f"the network returns a shape of {tuple(scores.shape)} for one image; expected "
            "scores of shape (1, classes). Wrap it in a module that returns those."
        )
    return scores


def _gradients(scores: Tensor, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of a random sum of the scores at each output that has one."""
    at = {name: value for name, value in values.items() if value.requires_grad}
    if not at or not scores.requires_grad:
        return {}
    weights = torch.randn(scores.shape, generator=torch.Generator().manual_seed(_SEED))
    total = (scores.float() * weights).sum()
    try:
        found = torch.autograd.grad(total, list(at.values()), allow_unused=True)
    except RuntimeError:  # a value that the gradient needs was changed in place
        return {}
    return {name: each for name, each in zip(at, found, strict=True) if each is not None}
