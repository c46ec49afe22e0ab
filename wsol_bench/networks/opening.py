"""Opens any module: traced where that gives the same scores, else with hooks."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from wsol_bench.errors import WsolBenchError
from wsol_bench.networks import graph
from wsol_bench.networks.cells import to_maps
from wsol_bench.networks.forward import Network
from wsol_bench.networks.hooked import Hooked
from wsol_bench.networks.numbers import FP32, Precision
from wsol_bench.networks.probe import LayerOutput, Probe, probe
from wsol_bench.networks.relu_rules import RuleInForce
from wsol_bench.networks.requests import Requests
from wsol_bench.networks.roles import Roles, find_roles
from wsol_bench.networks.traced import Traced

TOLERANCE = 1e-3
"""Maximum difference of traced scores, as a share of the maximum: float32 sums added in another
order, batch norms folded. A wrong trace differs by the scores' own size."""

_STATED_PREFIX = ("num_prefix_tokens",)
"""Attributes by which a model states its prefix tokens; timm's."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A network that was opened, with the roles and layers found in it.

    Attributes:
        network: ready for forward passes, on the CPU.
        roles: role -> layer.
        layers: each layer in the order of the calls, with the shape of its output.
        classes: number of its scores.
        notes: remarks for the user.
    """

    network: Network
    roles: Mapping[str, str]
    layers: tuple[LayerOutput, ...]
    classes: int
    notes: tuple[str, ...]


def open_network(
    module: nn.Module,
    size: tuple[int, int],
    precision: Precision = FP32,
    *,
    roles: Mapping[str, str] | None = None,
    hooked: bool = False,
) -> Opened:
    """Opens a module in the better of the two ways.

    Args:
        module: (n, 3, h, w) -> scores (n, C); it stays as it is.
        size: height and width of its input.
        precision: how exactly to compute.
        roles: role -> layer, in place of those found.
        hooked: do not try to trace.

    Raises:
        UsageError: the module fails on such an input or returns no tensor of scores, or a role
            names no layer.
    """
    by_hooks = Hooked(module, "", "hooks were requested")
    by_hooks.module.float().to("cpu")
    probed = probe(by_hooks, size)
    found = find_roles(probed, _stated_prefix(module))
    layers = {**found.layers, **(roles or {})}
    for layer in layers.values():
        by_hooks.check_layer(layer)
    by_hooks.classifier = layers.get("classifier", "")
    by_hooks.disables_gradients = probed.disables_gradients
    way: Hooked | Traced = by_hooks
    if not hooked:
        way = _traced(by_hooks, probed, layers, found)
    if "features" in layers:  # excitation is not available with hooks; the method reports that
        layers.setdefault("excitation", _excitation(way, found) or layers["features"])
    averaged = _averaged(by_hooks, probed, layers, found)
    if averaged:
        layers.setdefault("averaged", averaged)
    network = Network(
        way,
        by_hooks.classifier,
        precision,
        cells=found.cells,
        tokens=found.tokens,
        has_relu=probed.relu_calls > 0,
        averaged=averaged,
    )
    return Opened(network, layers, probed.layers, probed.scores.shape[1], _notes(probed, network))


def _traced(
    by_hooks: Hooked, probed: Probe, layers: Mapping[str, str], found: Roles
) -> Hooked | Traced:
    """The traced module, if its scores equal the module's; else the module, with the reason."""
    features = layers.get("features")
    requests = Requests(features=frozenset({features} if features else ()))
    try:
        traced = Traced(by_hooks.module, by_hooks.classifier)
        with torch.no_grad():
            outcome = traced.run(probed.inputs, requests, RuleInForce())
            plain = by_hooks.run(probed.inputs, requests, RuleInForce())
    except WsolBenchError as error:
        by_hooks.reason = str(error)
        return by_hooks
    except Exception as error:  # a graph of constants that were true of the trace alone
        by_hooks.reason = f"the traced graph fails ({type(error).__name__}: {error})"
        return by_hooks
    if not _equal(outcome.scores.flatten(1), probed.scores):
        by_hooks.reason = "the traced graph gives other scores than the module itself"
        return by_hooks
    if features and not _equal(outcome.layers[features], plain.layers[features]):
        by_hooks.reason = f"the traced graph gives another output of {features} than the module"
        return by_hooks
    return traced


def _excitation(way: Hooked | Traced, found: Roles) -> str | None:
    """The last fine layer through which every path to the scores leads."""
    if isinstance(way, Hooked):
        return None
    alone = graph.steps_alone(way.graph)
    return next((name for name in found.fine if way.step(name) in alone), None)


def _averaged(by_hooks: Hooked, probed: Probe, layers: Mapping[str, str], found: Roles) -> str:
    """The layer whose pooled cells give the scores, as CAM needs; "" where there is none.

    The features' layer, where the scores are the linear classifier's of its cells' mean or maximum
    (GAP, GMP); the classifier itself, where it is a convolution with a plane per class and the
    scores are the mean or maximum of the planes.
    """
    if not by_hooks.classifier:
        return ""
    classifier = by_hooks.module_of(by_hooks.classifier)
    layer = layers.get("features", "") if isinstance(classifier, nn.Linear) else by_hooks.classifier
    if layer not in found.cells:
        return ""
    with torch.no_grad():
        requests = Requests(features=frozenset({layer}))
        output = by_hooks.run(probed.inputs, requests, RuleInForce()).layers[layer]
        maps = to_maps(output, found.cells[layer])
        for pooled in (maps.mean((2, 3)), maps.amax((2, 3))):  # (1, k)
            if not isinstance(classifier, nn.Linear):
                scores = pooled
            elif pooled.shape[1] == classifier.in_features:
                scores = classifier(pooled)
            else:
                return ""
            if _equal(scores, probed.scores):
                return layer
    return ""


def _equal(values: Tensor, expected: Tensor) -> bool:
    if values.shape != expected.shape:
        return False
    return bool((values - expected).abs().max() <= TOLERANCE * expected.abs().max())


def _stated_prefix(module: nn.Module) -> int | None:
    for name in _STATED_PREFIX:
        value = getattr(module, name, None)
        if isinstance(value, int):
            return value
    return None


def _notes(probed: Probe, network: Network) -> tuple[str, ...]:
    notes = []
    if network.reason:
        notes.append(f"opened with hooks: {network.reason.rstrip('.')}")
    scores = probed.scores
    if bool((scores >= 0).all()) and abs(float(scores.sum()) - 1) < TOLERANCE:
        notes.append(
            "its outputs are at least 0 and sum to 1, as after a softmax; gradients and CAM are "
            "defined on the scores before it, which the network should return"
        )
    if "features" not in network.cells and not any(
        each.rows * each.columns > 1 for each in network.cells.values()
    ):
        notes.append("no layer with cells was found, so only methods on the pixels apply")
    return tuple(notes)
