"""Excitation backprop through a traced network, contrast included.

A class's signal starts as 1 at its score and goes down by the rules of `rules`.
The contrast is taken at the input of the classifier, the last layer with weights:
with w the class's row, w+ = max(w, 0) and w- = max(-w, 0),

    c = x w+ / sum(x w+)  -  x w- / sum(x w-).

It sums to 0, and since the rules below are linear in the signal, one signed pass
from there gives the difference of the two signals.

Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, ECCV 2016,
sections 3.2 and 3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from wsol_bench.errors import NotApplicable
from wsol_bench.networks import graph, rules
from wsol_bench.networks.graph import Step
from wsol_bench.networks.numbers import widened


@dataclass(frozen=True, slots=True)
class Path:
    """The steps that a signal passes, from the scores down to a layer.

    Attributes:
        above: steps from the scores down to just above the classifier.
        classifier: the step whose weights the contrast negates.
        below: steps below the classifier down to just above `layer`.
        layer: the step at whose output the signal is read.
        needs: steps whose values the rules read.
    """

    above: tuple[Step, ...]
    classifier: Step
    below: tuple[Step, ...]
    layer: Step
    needs: frozenset[Step]


def find_path(traced: fx.GraphModule, classifier: Step | None, layer: Step) -> Path:
    """Finds the steps between the scores and a layer, and checks that each has a rule.

    Raises:
        NotApplicable: a step has no rule or an input that may be negative, or the
            layer does not lie below the classifier.
    """
    if classifier is None:
        raise NotApplicable("the network has no last layer with weights for the contrast")
    scores = graph.scores_step(traced)
    steps = list(traced.graph.nodes)
    feeding = graph.ancestors(scores) | {scores}
    fed = {layer}
    for step in steps[steps.index(layer) :]:
        if any(source in fed for source in step.all_input_nodes):
            fed.add(step)
    on_path = [step for step in reversed(steps) if step in feeding and step in fed - {layer}]
    if classifier not in on_path:
        raise NotApplicable(f"layer {layer.target} does not lie below {classifier.target}")
    for step in reversed(on_path):  # from below: the first that fails is the cause
        _check(traced, step)
    at = on_path.index(classifier)
    needs = {source for step in on_path for source in step.all_input_nodes} | {scores}
    return Path(tuple(on_path[:at]), classifier, tuple(on_path[at + 1 :]), layer, frozenset(needs))


def excite(
    state: rules.Pass, path: Path, classes: Tensor, contrasts: Sequence[bool]
) -> dict[bool, Tensor]:
    """Sends one or both signals of each image's class down a path, stacked.

    Args:
        state: the forward pass, with values at least at `path.needs`.
        path: from `find_path`.
        classes: (n,) int64.
        contrasts: of False (the plain signal) and True (the contrastive one), those
            that are wanted.

    Returns:
        wanted -> the signal at the path's layer, (n, k, u, v).
    """
    scores = state.values[graph.scores_step(state.traced)]
    one_hot = F.one_hot(classes.to(scores.device), scores.flatten(1).shape[1])
    start = one_hot.to(widened(scores).dtype).view_as(scores)[None]  # (1, n, C, ...)
    signals = {graph.scores_step(state.traced): start}
    _send(state, path.above, signals)
    top = signals.pop(path.classifier)
    (plus,) = rules.by_weights(state, path.classifier, top)
    stacked = {False: plus}
    if True in contrasts:
        (minus,) = rules.by_weights(state, path.classifier, top, sign=-1)
        stacked[True] = plus - minus
    signals[path.classifier.all_input_nodes[0]] = torch.cat([stacked[c] for c in contrasts])
    _send(state, path.below, signals)
    return dict(zip(contrasts, signals[path.layer], strict=True))


def _send(state: rules.Pass, steps: Sequence[Step], signals: dict[Step, Tensor]) -> None:
    for step in steps:
        rule = rules.find_rule(state.traced, step)
        if rule is None or step not in signals:
            continue
        handed = rule(state, step, signals.pop(step))
        for source, share in zip(step.all_input_nodes, handed, strict=True):
            signals[source] = signals[source].add_(share) if source in signals else share


def _check(traced: fx.GraphModule, step: Step) -> None:
    rule = rules.find_rule(traced, step)
    what = graph.name_of(traced, step)
    if rule is None:
        raise NotApplicable(f"{what} has no excitation rule")
    layer = graph.layer_of(traced, step)
    if isinstance(layer, nn.Conv2d) and (
        layer.padding_mode != "zeros" or isinstance(layer.padding, str)
    ):
        raise NotApplicable(f"{what} pads with other than a number of zeros, which has no rule")
    if rule is rules.by_sum and (
        step.kwargs or not all(isinstance(each, fx.Node) for each in step.args)
    ):
        raise NotApplicable(f"{what} adds a constant or a multiple, which has no excitation rule")
    if rule in (rules.by_weights, rules.by_averages):
        source = step.all_input_nodes[0]
        if not graph.is_nonnegative(traced, source):
            raise NotApplicable(f"the input of {what} can be negative; shares need inputs >= 0")
