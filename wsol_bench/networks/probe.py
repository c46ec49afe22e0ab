"""One pass over random numbers that lists a module's layers and the shapes of their outputs.

The structure of a network is measured, not guessed from names: which layers are called, in what
order, which outputs have cells, where attention is computed.
"""

from contextlib import ExitStack
from dataclasses import dataclass

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
    """

    name: str
    module: nn.Module
    shape: tuple[int, ...]
    origin: str
    attention_before: int


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of one pass.

    Attributes:
        inputs: the random numbers, (1, 3, h, w).
        scores: (1, C).
        layers: in the order in which their calls finished.
        attention: the shape of each attention, in order.
        relu_calls: number of ReLUs that were computed.
    """

    inputs: Tensor
    scores: Tensor
    layers: tuple[LayerOutput, ...]
    attention: tuple[tuple[int, ...], ...]
    relu_calls: int

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
    found: dict[str, LayerOutput] = {}
    made: dict[int, tuple[Tensor, str]] = {}  # keeps the tensors, so that no id is used twice
    requests = Requests(attention=True)
    with ExitStack() as hooks, torch.no_grad(), intercepting(requests, RuleInForce()) as seen:

        def note(name: str, module: nn.Module, output: object) -> None:
            value = tensor_of(output)
            if value is not None:
                _, origin = made.setdefault(id(value), (value, name))
                found.pop(name, None)  # a later call moves it to its place
                found[name] = LayerOutput(
                    name, module, tuple(value.shape), origin, len(seen.attention)
                )

        for name, module in hooked.module.named_modules():
            if name:
                handle = module.register_forward_hook(
                    lambda module, _, output, name=name: note(name, module, output)
                )
                hooks.callback(handle.remove)
        try:
            output = hooked.module(inputs)
        except Exception as error:  # whatever the user's own code raises
            raise UsageError(
                f"{type(hooked.module).__name__} fails on an input of (1, 3, {size[0]}, "
                f"{size[1]}): {type(error).__name__}: {error}. --side gives another side."
            ) from error
        scores = scores_of(output)
        if len(scores) != 1 or scores.dim() < 2 or scores[0].numel() != scores.shape[1]:
            raise UsageError(
                f"the network returns a shape of {tuple(scores.shape)} for one image; expected "
                "scores of shape (1, classes). Wrap it in a module that returns those."
            )
    shapes = tuple(tuple(each.shape) for each in seen.attention)
    return Probe(inputs, scores.flatten(1), tuple(found.values()), shapes, seen.relu_calls)
