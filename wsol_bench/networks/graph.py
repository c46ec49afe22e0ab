"""A module as a list of steps, traced once, so that one pass serves all requests.

torch.fx turns any module without data-dependent control flow into a graph of
named steps. Batch norm is folded into its convolution, in-place switches are
turned off, and a layer's dotted path finds the step whose output it names.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wsol_bench.errors import UsageError, unknown_name
from wsol_bench.networks.lrn import LocalResponseNorm
from wsol_bench.networks.stem import StemConvolution

Step = fx.Node
"""One operation of the graph; its output is a tensor."""

PASS_THROUGH = (nn.Dropout, nn.Identity, nn.Flatten)
PASS_THROUGH_FUNCTIONS = (F.dropout, torch.flatten)
"""Operations that change no value in evaluation mode, at most the shape."""

_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}

_FASTER: Mapping[type[nn.Module], Callable[[Any], nn.Module]] = MappingProxyType(
    {nn.LocalResponseNorm: LocalResponseNorm.of, nn.Conv2d: StemConvolution.of}
)
"""torch's layer -> the same layer, faster."""

_KEEP_SIGN = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.LocalResponseNorm)
_KEEP_SIGN_FUNCTIONS = (F.max_pool2d, F.adaptive_avg_pool2d)
_SUMS = (operator.add, torch.add)


def trace(module: nn.Module) -> fx.GraphModule:
    """Traces a module in evaluation mode and prepares its graph for passes.

    The module itself stays as it is: its layers are copied, frozen. Its parameters
    are shared, not copied, except where a batch norm is folded into its convolution.

    Raises:
        UsageError: torch.fx cannot follow the module's control flow.
    """
    module = frozen_copy(module).eval()
    try:
        graph = fx.Tracer().trace(module)
    except Exception as error:  # fx raises many kinds; all mean the same to a user
        raise UsageError(
            f"torch.fx cannot trace {type(module).__name__}: {error}. "
            "A network's forward may not branch on the values of tensors."
        ) from error
    traced = fx.GraphModule(module, graph)
    _fold_batch_norms(traced)
    _put_fast_layers(traced)
    _leave_no_step_in_place(traced)
    return traced.eval().requires_grad_(False)


def layer_of(traced: fx.GraphModule, step: Step) -> nn.Module | None:
    """The module that a step calls, or None for a function's step."""
    return traced.get_submodule(str(step.target)) if step.op == "call_module" else None


def kind_of(layer: nn.Module) -> type[nn.Module]:
    """A layer's class; of one put in for speed, the class that it stands for."""
    kind: type[nn.Module] = getattr(layer, "stands_for", type(layer))
    return kind


def callable_of(traced: fx.GraphModule, step: Step) -> Callable[..., Tensor]:
    """The function or module that a step calls with its arguments."""
    if step.op == "call_module":
        return traced.get_submodule(str(step.target))
    if step.op == "call_method":
        return getattr(Tensor, str(step.target))
    if step.op == "get_attr":
        owner, _, name = str(step.target).rpartition(".")
        return lambda: getattr(traced.get_submodule(owner), name)
    return step.target  # type: ignore[return-value]  # call_function: the function itself


def ancestors(step: Step) -> set[Step]:
    """All steps that a step depends on, itself left out."""
    found: set[Step] = set()
    waiting = list(step.all_input_nodes)
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting.extend(source.all_input_nodes)
    return found


def steps_alone(traced: fx.GraphModule) -> set[Step]:
    """The steps through which every path from the input to the scores leads."""
    last_use: dict[Step, int] = {}
    steps = list(traced.graph.nodes)
    for number, step in enumerate(steps):
        for source in step.all_input_nodes:
            last_use[source] = number
    alone, needed_until = set(), 0
    for number, step in enumerate(steps):
        if needed_until <= number:  # no earlier value is read after this step
            alone.add(step)
        needed_until = max(needed_until, last_use.get(step, 0))
    return alone


def find_step(traced: fx.GraphModule, name: str) -> Step:
    """The step that gives the output of the layer of this dotted path.

    A path of a block, such as "inception5b", means the block's last step.

    Raises:
        UsageError: no such layer; lists the nearest and all of them.
    """
    found = None
    known: dict[str, None] = {}
    for step in traced.graph.nodes:
        for path in _paths(step):
            known[path] = None
            if path == name:
                found = step
    if found is None:
        raise unknown_name("layer", name, known)
    return found


def scores_step(traced: fx.GraphModule) -> Step:
    """The step whose output the network returns."""
    output = next(step for step in traced.graph.nodes if step.op == "output")
    scores = output.args[0]
    if not isinstance(scores, fx.Node):
        raise UsageError("a network must return one tensor of scores, (n, classes)")
    return scores


def input_step(traced: fx.GraphModule) -> Step:
    """The step that stands for the input tensor."""
    return next(step for step in traced.graph.nodes if step.op == "placeholder")


def passes_values_on(traced: fx.GraphModule, step: Step) -> bool:
    """Whether a step propagates the values of its one input unchanged."""
    if step.op == "call_function":
        return step.target in PASS_THROUGH_FUNCTIONS
    return isinstance(layer_of(traced, step), PASS_THROUGH)


def is_nonnegative(traced: fx.GraphModule, step: Step) -> bool:
    """Whether a step's output can be shown from the graph alone to be >= 0."""
    layer = layer_of(traced, step)
    if isinstance(layer, nn.ReLU | nn.ReLU6) or step.target in (F.relu, torch.relu, "relu"):
        return True
    if step.target in _SUMS and (step.kwargs or len(step.all_input_nodes) != len(step.args)):
        return False  # adds a constant or a multiple
    keeps_sign = isinstance(layer, (*_KEEP_SIGN, *PASS_THROUGH)) or (
        step.op == "call_function"
        and step.target in (*PASS_THROUGH_FUNCTIONS, torch.cat, *_KEEP_SIGN_FUNCTIONS, *_SUMS)
    )
    return keeps_sign and all(is_nonnegative(traced, source) for source in step.all_input_nodes)


def channels_of(traced: fx.GraphModule, step: Step) -> int | None:
    """Channels of a step's output as the graph alone shows them, or None."""
    layer = layer_of(traced, step)
    if isinstance(layer, nn.Conv2d):
        return layer.out_channels
    sources = [channels_of(traced, source) for source in step.all_input_nodes]
    if not sources or None in sources:
        return None
    if step.target is torch.cat:
        return sum(source for source in sources if source)
    return sources[0]


def frozen_copy(module: nn.Module) -> nn.Module:
    """A copy of a module, its layers its own, its parameters frozen and in shared memory."""
    shared: dict[int, Tensor] = {id(buffer): buffer for buffer in module.buffers()}
    for parameter in module.parameters():
        shared[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    return deepcopy(module, shared)


def name_of(traced: fx.GraphModule, step: Step) -> str:
    """The name of a step in a message: its layer's path and kind."""
    layer = layer_of(traced, step)
    if layer is not None:
        return f"{step.target} ({kind_of(layer).__name__})"
    blocks = [path for path in _paths(step) if path]
    operation = getattr(step.target, "__name__", str(step.target))
    return f"{operation} in {blocks[-1]}" if blocks else operation


def _paths(step: Step) -> Iterator[str]:
    if step.op == "call_module":
        yield str(step.target)
    for path, _ in step.meta.get("nn_module_stack", {}).values():
        if path:
            yield path


def _fold_batch_norms(traced: fx.GraphModule) -> None:
    for step in list(traced.graph.nodes):
        norm = layer_of(traced, step)
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        before = step.args[0]
        conv = layer_of(traced, before)
        if isinstance(conv, nn.Conv2d) and len(before.users) == 1:
            traced.set_submodule(str(before.target), fuse_conv_bn_eval(conv, norm))
            step.replace_all_uses_with(before)
            before.meta["nn_module_stack"] = step.meta.get("nn_module_stack", {})
            traced.graph.erase_node(step)
    traced.delete_all_unused_submodules()
    traced.recompile()


def _put_fast_layers(traced: fx.GraphModule) -> None:
    for path, layer in list(traced.named_modules()):
        if type(layer) in _FASTER:
            traced.set_submodule(path, _FASTER[type(layer)](layer))


def _leave_no_step_in_place(traced: fx.GraphModule) -> None:
    for step in traced.graph.nodes:
        layer = layer_of(traced, step)
        if getattr(layer, "inplace", False):
            layer.inplace = False  # type: ignore[union-attr]
        if step.kwargs.get("inplace"):
            step.kwargs = {**step.kwargs, "inplace": False}
        if step.op == "call_function":  # `x += y` overwrites what may be requested later
            step.target = _OUT_OF_PLACE.get(step.target, step.target)
    traced.recompile()
