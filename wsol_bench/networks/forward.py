"""One forward pass that serves several methods and caches its results.

A method states beforehand what it will read (`Requests`), so that the pass keeps just those
values and records a graph only above the lowest requested gradient. Two methods that
request the same value share its computation.
"""

from collections.abc import Callable, Hashable, Sequence

import torch
from torch import Tensor

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.networks import excitation
from wsol_bench.networks.cells import Cells, to_maps
from wsol_bench.networks.class_values import ClassValues, MakeValues
from wsol_bench.networks.network import OpenNetwork
from wsol_bench.networks.numbers import widened
from wsol_bench.networks.outcome import Outcome
from wsol_bench.networks.outputs import NONE
from wsol_bench.networks.relu_rules import PLAIN, RuleInForce
from wsol_bench.networks.requests import PIXELS, Requests

__all__ = ["PIXELS", "Forward", "Network", "Requests"]


class Forward:
    """The outcome of one pass over a batch of n tensors."""

    def __init__(
        self,
        network: "Network",
        inputs: Tensor,
        requests: Requests,
        outcome: Outcome,
        rule: RuleInForce,
        seeds: Sequence[int] = (),
    ) -> None:
        self._network = network
        self._seeds = tuple(seeds) or (0,) * len(inputs)
        self._inputs = inputs
        self._requests = requests
        self._outcome = outcome
        self._rule = rule
        self._gradients: dict[tuple[bytes, str], dict[str, Tensor]] = {}
        self._attention_gradients: dict[bytes, tuple[Tensor, ...]] = {}
        self._excitations: dict[tuple[bytes, str], dict[bool, Tensor]] = {}
        self._values = ClassValues(((),) * len(inputs))

    @property
    def network(self) -> "Network":
        """The network that ran."""
        return self._network

    @property
    def inputs(self) -> Tensor:
        """The preprocessed tensors, (n, 3, h, w), without a graph."""
        return self._inputs.detach()

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each tensor: the same in every run, order and batch."""
        return self._seeds

    @property
    def scores(self) -> Tensor:
        """Scores before the softmax, (n, C) float32, without a graph."""
        return self._network.scores_of(self._outcome.scores.detach())

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of a transformer's tokens.

        Raises:
            NotApplicable: the network has no tokens.
        """
        tokens = self._tokens()
        return tokens.rows, tokens.columns

    @property
    def prefix_tokens(self) -> int:
        """The number of tokens (class token, registers) before the first cell's.

        Raises:
            NotApplicable: the network has no tokens.
        """
        return self._tokens().prefix

    def features(self, layer: str) -> Tensor:
        """A requested layer's output, (n, k, u, v), without a graph.

        Tokens lie on their grid, without the prefix. An output without cells keeps its shape.
        """
        return self._maps(self._outcome.layers[layer].detach(), layer)

    def gradient(self, layer: str, classes: Tensor, rule: str = PLAIN) -> Tensor:
        """The gradient of each image's score for its class, at a layer.

        Args:
            layer: one of the requested layers, or `PIXELS`.
            classes: (n,) int64 on the CPU.
            rule: "plain", or "guided" or "deconv" for another backward rule of every ReLU; then
                (layer, rule) must have been requested in `ruled_gradients`.

        Returns:
            (n, k, u, v), as `features` lays it out.
        """
        key = (_key(classes), rule)
        if key not in self._gradients:
            requests = self._requests
            layers = sorted(
                requests.gradients
                if rule == PLAIN
                else {name for name, named in requests.ruled_gradients if named == rule}
            )
            values = [self._outcome.layers[name] for name in layers]
            with self._rule.set_to(rule):
                gradients = self._at(values, classes)
            self._gradients[key] = {
                name: self._maps(gradient, name)
                for name, gradient in zip(layers, gradients, strict=True)
            }
        return self._gradients[key][layer]

    def excitation(self, layer: str, classes: Tensor, *, contrastive: bool) -> Tensor:
        """The excitation signal of each image's class at a layer's output.

        Args:
            layer: one of the requested layers.
            classes: (n,) int64 on the CPU.
            contrastive: subtract the signal of the class's negated weights.

        Returns:
            The layer's shape, (n, k, u, v). Without contrast it is >= 0 and sums to at most 1
            per image; with contrast it sums to about 0.

        Source:
            Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop.
        """
        key = (_key(classes), layer)
        if key not in self._excitations:
            path = self._network.excitation_path(layer)
            state = self._outcome.excitation
            assert state is not None  # a network with a path is traced
            wanted = sorted(named for name, named in self._requests.excitations if name == layer)
            known, outputs = self._outputs_of(classes)
            with torch.no_grad():
                signals = excitation.excite(state, path, outputs, wanted)
            self._excitations[key] = {
                name: signal if known.all() else signal * _along(known, signal)
                for name, signal in signals.items()
            }
        return self._excitations[key][contrastive]

    def attention(self) -> tuple[Tensor, ...]:
        """The attention of each block in order, (n, heads, t, t), without a graph.

        Row i holds the weights, after the softmax, by which token i reads each token. The first
        `prefix_tokens` tokens are no cells; the others lie on `grid`, row after row.

        Raises:
            NotApplicable: attention is within windows, or there is none.
        """
        return tuple(widened(each.detach()) for each in self._blocks())

    def attention_gradient(self, classes: Tensor) -> tuple[Tensor, ...]:
        """The gradient of each image's score for its class, at each block's attention.

        Args:
            classes: (n,) int64 on the CPU.

        Returns:
            (n, heads, t, t) for each block, as `attention`.
        """
        key = _key(classes)
        if key not in self._attention_gradients:
            gradients = self._at(self._blocks(), classes)
            self._attention_gradients[key] = tuple(map(widened, gradients))
        return self._attention_gradients[key]

    def class_weights(self, classes: Tensor) -> Tensor:
        """The classifier's weights for each image's class, (n, k); zeros for one without an output.

        Args:
            classes: (n,) int64.
        """
        weight = self._network.layer(self._network.classifier).weight
        assert isinstance(weight, Tensor)  # of a linear layer or convolution
        known, outputs = self._outputs_of(classes.cpu())
        rows = weight.detach()[outputs.to(weight.device)].flatten(1)
        return rows if known.all() else rows * _along(known, rows)

    def class_planes(self, classes: Tensor) -> Tensor:
        """The plane of each image's class in a convolution that is the classifier, (n, u, v).

        The classifier must be a requested layer; a class without an output has a plane of zeros.

        Args:
            classes: (n,) int64.
        """
        planes = self.features(self._network.classifier)  # (n, C, u, v)
        known, outputs = self._outputs_of(classes.cpu())
        rows = torch.arange(len(outputs), device=planes.device)
        chosen = planes[rows, outputs.to(planes.device)]
        return chosen if known.all() else chosen * _along(known, chosen)

    def again(self, inputs: Tensor) -> Tensor:
        """Scores of other tensors, for methods that need more passes.

        For gradients of other tensors, call `network.forward` with requests of their own.

        Args:
            inputs: (m, 3, h, w), preprocessed, on the network's device; any m.

        Returns:
            (m, C) float32 scores before the softmax, without a graph.
        """
        return self._network.forward(inputs, Requests()).scores

    def expect(
        self, classes: Sequence[Tensor], report: Callable[[str], None] | None = None
    ) -> None:
        """States the classes that will be asked for, so that `for_classes` makes all at once.

        Args:
            classes: each (n,), class indices.
            report: called now and then with how far `for_classes` is.
        """
        of_images = zip(*(each.tolist() for each in classes), strict=True)
        self._values = ClassValues(tuple(of_images), report)

    def for_classes(self, key: tuple[Hashable, ...], classes: Tensor, make: MakeValues) -> Tensor:
        """Values that cost passes of their own, made once per image for all its expected classes.

        Args:
            key: of the values: the method's name and its options.
            classes: (n,) class indices.
            make: (index of the image, classes) -> one value for each of the classes.

        Returns:
            (n, ...), each image's value for its class.
        """
        return torch.stack(self._values.of(key, classes.tolist(), make))

    def _outputs_of(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Whether each class has an output, (n,) bool, and the network's own index of it."""
        if self._network.outputs is None:
            return torch.ones_like(classes, dtype=torch.bool), classes
        outputs = self._network.outputs.outputs(classes)
        return outputs != NONE, outputs.clamp(min=0)

    def _maps(self, values: Tensor, layer: str) -> Tensor:
        cells = self._network.cells.get(layer)
        return widened(values if cells is None else to_maps(values, cells))

    def _tokens(self) -> Cells:
        self._network.check_attention()
        assert self._network.tokens is not None  # by `check_attention`
        return self._network.tokens

    def _blocks(self) -> tuple[Tensor, ...]:
        blocks = self._outcome.attention
        shapes = {(each.shape[0], *each.shape[2:]) for each in blocks}
        if len(shapes) != 1 or {shape[0] for shape in shapes} != {len(self._inputs)}:
            raise NotApplicable(
                "needs attention between all tokens of the image in every block; this network has "
                + ("none" if not blocks else "windows or stages")
            )
        return blocks

    def _at(self, values: "list[Tensor] | tuple[Tensor, ...]", classes: Tensor) -> list[Tensor]:
        """The gradient at each of some values, in one backward pass."""
        with torch.enable_grad():
            scores = self._outcome.scores.flatten(1)
            if not scores.requires_grad:
                raise UsageError(
                    "the scores have no gradient: the network's code cuts it (detach, "
                    "torch.inference_mode). Leave that out, or name methods without a gradient."
                )
            known, outputs = self._outputs_of(classes)
            chosen = scores.gather(1, outputs.to(scores.device, non_blocking=True)[:, None])[:, 0]
            if not known.all():  # a class without an output has no score, so no gradient
                chosen = chosen * known.to(chosen)
            total = chosen.sum()  # images do not mix, so one pass serves all
        gradients = torch.autograd.grad(total, list(values), retain_graph=True, allow_unused=True)
        return [
            torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(values, gradients, strict=True)
        ]


class Network(OpenNetwork):
    """An arch with weights loaded, in evaluation mode, ready for forward passes."""

    def forward(self, inputs: Tensor, requests: Requests, seeds: Sequence[int] = ()) -> Forward:
        """Runs the network once.

        Args:
            inputs: (n, 3, h, w) float32, preprocessed.
            requests: all that will be read from the result.
            seeds: of each tensor, for methods that draw at random; all 0 by default.
        """
        rule = RuleInForce()
        # Parameters are frozen: a graph is recorded only above a wanted gradient.
        with torch.enable_grad(), self._autocast(inputs):
            outcome = self.way.run(inputs, requests, rule)
        return Forward(self, inputs, requests, outcome, rule, seeds)

    def resume(self, layer: str, values: Tensor) -> Tensor:
        """Scores where a layer gives other values; computes only what follows the layer.

        Args:
            layer: one for which `way.resumes_at` is true.
            values: (m, k, u, v), on the network's device; any m.

        Returns:
            (m, C) float32 scores before the softmax, without a graph.
        """
        with torch.no_grad(), self._autocast(values):
            return self.scores_of(self.way.resume(layer, values))

    def scores_of(self, outputs: Tensor) -> Tensor:
        """The scores of the classes, (n, C) float32, from the network's own output."""
        scores = widened(outputs.flatten(1))
        return scores if self.outputs is None else self.outputs.scores(scores)

    def _autocast(self, inputs: Tensor) -> torch.autocast:
        narrow = self.precision.autocast
        return torch.autocast(inputs.device.type, narrow, narrow is not None)


def _along(known: Tensor, values: Tensor) -> Tensor:
    """(n,) -> (n, 1, ...), on the values' device and of their type."""
    return known.to(values).view(-1, *(1,) * (values.dim() - 1))


def _key(classes: Tensor) -> bytes:
    return classes.numpy().tobytes()
