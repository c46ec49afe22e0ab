"""A network as a graph of steps: every value can be read, and excitation propagated."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice

import torch
from torch import Tensor, fx, nn

from wsol_bench.errors import UsageError
from wsol_bench.networks import excitation, graph, rules
from wsol_bench.networks.interception import intercepting
from wsol_bench.networks.outcome import Outcome
from wsol_bench.networks.relu_rules import RuleInForce
from wsol_bench.networks.requests import PIXELS, Requests


class Traced:
    """A module that torch.fx could trace.

    Attributes:
        reason: why it was not traced: "", since it was.
        graph: the steps; parameters are frozen and shared with the module.
        positive_weights: the positive parts of weights, computed when first needed.
    """

    opening = "traced"
    reason = ""

    def __init__(self, module: nn.Module, classifier: str) -> None:
        """Traces the module.

        Raises:
            UsageError: the module cannot be traced or has no such classifier.
        """
        self.graph = graph.trace(module)
        self._module = module
        self._device = torch.device("cpu")
        self._plain: nn.Module | None = None
        self.classifier = classifier
        if classifier:
            self.step(classifier)
        self.positive_weights: rules.PositiveWeights = {}
        self._plans: dict[Requests, _Plan] = {}

    def to(self, device: torch.device) -> None:
        """Moves the parameters and lays them out for fast convolutions."""
        self.graph.to(device)
        self.graph.to(memory_format=torch.channels_last)
        self.positive_weights.clear()
        self._device, self._plain = device, None

    def parameters(self) -> Iterator[nn.Parameter]:
        """The parameters, frozen."""
        return self.graph.parameters()

    def plain_module(self) -> nn.Module:
        """The module itself, as its author wrote it: a frozen copy with the same parameters."""
        if self._plain is None:
            self._plain = graph.frozen_copy(self._module).eval().to(self._device)
        return self._plain

    def step(self, layer: str) -> graph.Step:
        """The step that gives a layer's output; `PIXELS` is the input."""
        if layer == PIXELS:
            return graph.input_step(self.graph)
        return graph.find_step(self.graph, layer)

    def check_layer(self, layer: str) -> None:
        """Raises UsageError where no step gives the output of such a layer."""
        self.step(layer)

    def module_of(self, layer: str) -> nn.Module:
        """The module of a layer.

        Raises:
            UsageError: the name is a block or a function, not one module.
        """
        module = graph.layer_of(self.graph, self.step(layer))
        if module is None:
            raise UsageError(f"{layer} is not a single layer")
        return module

    def excitation_path(self, layer: str) -> excitation.Path:
        """The way of the excitation signal from the scores down to a layer.

        Raises:
            NotApplicable: the way meets an operation without a rule.
        """
        classifier = self.step(self.classifier) if self.classifier else None
        return excitation.find_path(self.graph, classifier, self.step(layer))

    def run(self, inputs: Tensor, requests: Requests, rule: RuleInForce) -> Outcome:
        """One pass; the caller enables gradients and autocast."""
        plan = self._plans.get(requests)
        if plan is None:
            plan = self._plans[requests] = _make_plan(self, requests)
        with intercepting(requests, rule) as seen:
            values = _run(self.graph, plan, inputs)
        return Outcome(
            scores=values[plan.scores],
            layers={layer: values[step] for layer, step in plan.layers.items()},
            attention=tuple(seen.attention),
            excitation=rules.Pass(self.graph, values, self.positive_weights),
        )

    def resumes_at(self, layer: str) -> bool:
        """Whether `resume` can start at a layer: nothing before it is read after it."""
        return self.step(layer) in graph.steps_alone(self.graph)

    def resume(self, layer: str, values: Tensor) -> Tensor:
        """The scores where a layer gives other values; computes only what follows the layer."""
        known = {self.step(layer): values}
        after = dropwhile(lambda step: step not in known, self.graph.graph.nodes)
        for step in islice(after, 1, None):
            if step.op != "output":
                known[step] = _call(self.graph, step, known)
        return known[graph.scores_step(self.graph)]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The plan of a pass: the values to keep and to release.

    Attributes:
        scores: the step of the network's output.
        layers: requested layer -> its step.
        graph_starts: steps whose output begins a graph where none is recorded yet.
        release: step -> the values that nothing needs after it.
    """

    scores: graph.Step
    layers: dict[str, graph.Step]
    graph_starts: frozenset[graph.Step]
    release: dict[graph.Step, tuple[graph.Step, ...]]


def _make_plan(traced: Traced, requests: Requests) -> _Plan:
    scores = graph.scores_step(traced.graph)
    layers = {name: traced.step(name) for name in requests.features | requests.graph_starts}
    keep = {scores, *layers.values()}
    for layer, _ in requests.excitations:
        keep |= traced.excitation_path(layer).needs
    last_use: dict[graph.Step, graph.Step] = {}
    for step in traced.graph.graph.nodes:
        for source in step.all_input_nodes:
            last_use[source] = step
    release: dict[graph.Step, tuple[graph.Step, ...]] = {}
    for source, step in last_use.items():
        if source not in keep:
            release[step] = (*release.get(step, ()), source)
    starts = frozenset(layers[name] for name in requests.graph_starts)
    return _Plan(scores, layers, starts, release)


def _run(traced: fx.GraphModule, plan: _Plan, inputs: Tensor) -> dict[graph.Step, Tensor]:
    values: dict[graph.Step, Tensor] = {}
    for step in traced.graph.nodes:
        if step.op == "output":
            break
        value = inputs if step.op == "placeholder" else _call(traced, step, values)
        if step in plan.graph_starts and not value.requires_grad:
            value = value.detach().requires_grad_()
        values[step] = value
        for source in plan.release.get(step, ()):
            del values[source]
    return values


def _call(traced: fx.GraphModule, step: graph.Step, values: dict[graph.Step, Tensor]) -> Tensor:
    arguments = fx.node.map_arg(step.args, values.__getitem__)
    options = fx.node.map_arg(step.kwargs, values.__getitem__)
    return graph.callable_of(traced, step)(*arguments, **options)
