"""One forward pass that answers several questions and remembers the answers.

A method says beforehand what it will ask (`Asks`), so that the pass keeps just
those values and records a graph only above the lowest gradient that is wanted.
Two methods that ask the same question pay once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from wsol_bench.errors import UsageError
from wsol_bench.networks import excitation, graph, rules
from wsol_bench.networks.numbers import FP32, Precision, widened

PIXELS = "pixels"
"""Stands in place of a layer's name for the network's input tensor."""


@dataclass(frozen=True, slots=True)
class Asks:
    """What will be asked of a forward pass, by layer name.

    Attributes:
        features: layers whose output is wanted.
        gradients: layers, or `PIXELS`, at which the gradient of a class's score
            is wanted.
        excitations: (layer, contrastive) pairs for which the excitation signal is
            wanted.
    """

    features: frozenset[str] = frozenset()
    gradients: frozenset[str] = frozenset()
    excitations: frozenset[tuple[str, bool]] = frozenset()

    @classmethod
    def merge(cls, many: Iterable["Asks"]) -> "Asks":
        """Everything that any of them asks."""
        merged = list(many)
        return cls(
            features=frozenset().union(*(asks.features for asks in merged)),
            gradients=frozenset().union(*(asks.gradients for asks in merged)),
            excitations=frozenset().union(*(asks.excitations for asks in merged)),
        )


class Network:
    """An arch with weights loaded, in evaluation mode, ready to be asked.

    Attributes:
        traced: the graph of steps; parameters are frozen.
        classifier: name of the last layer with weights. The contrast of c-MWP is
            taken at its input.
        positive_weights: the positive parts of weights, made when first needed.
        precision: how exactly it computes.
    """

    def __init__(
        self, module: torch.nn.Module, classifier: str, precision: Precision = FP32
    ) -> None:
        """Traces the module.

        Args:
            module: (n, 3, h, w) -> scores (n, C) before the softmax.
            classifier: dotted path of the last layer with weights.
            precision: how exactly to compute.

        Raises:
            UsageError: the module cannot be traced or has no such layer.
        """
        self.traced = graph.trace(module)
        self.classifier = classifier
        self.precision = precision
        self.step(classifier)
        self._plans: dict[Asks, _Plan] = {}
        self.positive_weights: rules.PositiveWeights = {}

    def to(self, device: torch.device) -> "Network":
        """Moves the parameters and lays them out for fast convolutions."""
        self.traced.to(device)
        self.traced.to(memory_format=torch.channels_last)
        self.positive_weights.clear()
        return self

    def step(self, layer: str) -> graph.Step:
        """The step that gives a layer's output; `PIXELS` is the input."""
        if layer == PIXELS:
            return graph.input_step(self.traced)
        return graph.find_step(self.traced, layer)

    def layer(self, name: str) -> torch.nn.Module:
        """The module of a layer.

        Raises:
            UsageError: the name is a block or a function, not one module.
        """
        module = graph.layer_of(self.traced, self.step(name))
        if module is None:
            raise UsageError(f"{name} is not a single layer")
        return module

    def excitation_path(self, layer: str) -> excitation.Path:
        """The way of the excitation signal from the scores down to a layer.

        Raises:
            NotApplicable: the way meets an operation without a rule.
        """
        return excitation.find_path(self.traced, self.step(self.classifier), self.step(layer))

    def forward(self, inputs: Tensor, asks: Asks) -> "Forward":
        """Runs the network once.

        Args:
            inputs: (n, 3, h, w) float32, preprocessed.
            asks: all that will be asked of the result.
        """
        plan = self._plans.get(asks)
        if plan is None:
            plan = self._plans[asks] = _make_plan(self, asks)
        narrow = self.precision.autocast
        # Frozen parameters: a graph is recorded only above a wanted gradient.
        with torch.enable_grad(), torch.autocast(inputs.device.type, narrow, narrow is not None):
            values = _run(self.traced, plan, inputs)
        return Forward(self, plan, values)


class Forward:
    """The outcome of one pass over a batch of n tensors."""

    def __init__(self, network: Network, plan: "_Plan", values: dict[graph.Step, Tensor]) -> None:
        self._network = network
        self._plan = plan
        self._values = values
        self._gradients: dict[bytes, dict[str, Tensor]] = {}
        self._excitations: dict[tuple[bytes, str], dict[bool, Tensor]] = {}
        self._pass = rules.Pass(network.traced, values, network.positive_weights)

    @property
    def network(self) -> Network:
        """The network that made the pass."""
        return self._network

    @property
    def scores(self) -> Tensor:
        """Scores before the softmax, (n, C) float32, without a graph."""
        return widened(self._values[self._plan.scores].detach().flatten(1))

    def features(self, layer: str) -> Tensor:
        """A layer's output, (n, k, u, v), without a graph."""
        return widened(self._values[self._network.step(layer)].detach())

    def gradient(self, layer: str, classes: Tensor) -> Tensor:
        """The gradient of each image's score for its class, at a layer.

        Args:
            layer: one of the layers asked for, or `PIXELS`.
            classes: (n,) int64 on the CPU.

        Returns:
            The layer's shape, (n, k, u, v).
        """
        key = _key(classes)
        if key not in self._gradients:
            self._gradients[key] = self._all_gradients(classes)
        return self._gradients[key][layer]

    def excitation(self, layer: str, classes: Tensor, *, contrastive: bool) -> Tensor:
        """The excitation signal of each image's class at a layer's output.

        Args:
            layer: one of the layers asked for.
            classes: (n,) int64 on the CPU.
            contrastive: subtract the signal of the class's negated weights.

        Returns:
            The layer's shape, (n, k, u, v). Without contrast it is >= 0 and sums
            to at most 1 per image; with contrast it sums to about 0.

        Source:
            Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop.
        """
        key = (_key(classes), layer)
        if key not in self._excitations:
            asked = sorted(wanted for name, wanted in self._plan.asks.excitations if name == layer)
            with torch.no_grad():
                self._excitations[key] = excitation.excite(
                    self._pass, self._plan.paths[layer], classes, asked
                )
        return self._excitations[key][contrastive]

    def _all_gradients(self, classes: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            scores = self._values[self._plan.scores].flatten(1)
            columns = classes.to(scores.device, non_blocking=True)[:, None]
            total = scores.gather(1, columns).sum()  # images do not mix, so one pass serves all
        layers = sorted(self._plan.asks.gradients)
        wanted = [self._values[self._network.step(layer)] for layer in layers]
        gradients = torch.autograd.grad(total, wanted, retain_graph=True)
        return {name: widened(made) for name, made in zip(layers, gradients, strict=True)}


@dataclass(frozen=True, slots=True)
class _Plan:
    asks: Asks
    scores: graph.Step
    gradients: frozenset[graph.Step]
    paths: dict[str, excitation.Path]
    release: dict[graph.Step, tuple[graph.Step, ...]]
    """After this step, the values that nothing will need again."""


def _make_plan(network: Network, asks: Asks) -> _Plan:
    traced = network.traced
    paths = {layer: network.excitation_path(layer) for layer, _ in asks.excitations}
    scores = graph.scores_step(traced)
    keep = {scores} | {network.step(layer) for layer in asks.features | asks.gradients}
    for path in paths.values():
        keep |= path.needs
    last_use: dict[graph.Step, graph.Step] = {}
    for step in traced.graph.nodes:
        for source in step.all_input_nodes:
            last_use[source] = step
    release: dict[graph.Step, tuple[graph.Step, ...]] = {}
    for source, step in last_use.items():
        if source not in keep:
            release[step] = (*release.get(step, ()), source)
    gradients = frozenset(network.step(layer) for layer in asks.gradients)
    return _Plan(asks, scores, gradients, paths, release)


def _run(traced: fx.GraphModule, plan: _Plan, inputs: Tensor) -> dict[graph.Step, Tensor]:
    values: dict[graph.Step, Tensor] = {}
    for step in traced.graph.nodes:
        if step.op == "output":
            break
        value = inputs if step.op == "placeholder" else _call(traced, step, values)
        if step in plan.gradients and not value.requires_grad:
            value = value.detach().requires_grad_()
        values[step] = value
        for source in plan.release.get(step, ()):
            del values[source]
    return values


def _call(traced: fx.GraphModule, step: graph.Step, values: dict[graph.Step, Tensor]) -> Tensor:
    arguments = fx.node.map_arg(step.args, values.__getitem__)
    options = fx.node.map_arg(step.kwargs, values.__getitem__)
    return graph.callable_of(traced, step)(*arguments, **options)


def _key(classes: Tensor) -> bytes:
    return classes.numpy().tobytes()
