"""A network whose layers are random from the last one down.

A layer gets the values that its own class draws for a new layer, seeded by its place, so that it is
the same however many others are random; parameters without such a rule get a normal distribution
of their own standard deviation.
"""

import copy

import torch
from torch import nn


def layers_of(module: nn.Module) -> tuple[str, ...]:
    """The modules that have parameters of their own, in the order of their definition."""
    return tuple(
        name for name, each in module.named_modules() if any(True for _ in each.parameters(False))
    )


def randomised(module: nn.Module, count: int, seed: int) -> nn.Module:
    """A copy of a module whose last `count` layers are random."""
    found = copy.deepcopy(module)
    layers = dict(found.named_modules())
    for place, name in enumerate(reversed(layers_of(found))):
        if place < count:
            _randomise(layers[name], seed + place)
    return found.eval().requires_grad_(False)


def _randomise(layer: nn.Module, seed: int) -> None:
    reset = getattr(layer, "reset_parameters", None)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        if callable(reset):
            reset()
            return
        for parameter in layer.parameters(recurse=False):
            spread = float(parameter.std()) if parameter.numel() > 1 else 1.0
            parameter.normal_(0, spread)
