"""Methods of the user's own: a function in a file or package, or one from Python.

A function has one of three forms, distinguished by the names of its first parameters:

    f(forward, classes)            -> (n, u, v), reading any layer by its name
    f(forward, layer, classes)     -> (n, u, v), as the methods of this package
    f(module, images, classes)     -> (n, h, w), for code that is independent of this package

`images` are preprocessed tensors, (n, 3, side, side), and `classes` is (n,) int64. Keyword-only
parameters are options. Maps may be tensors or arrays.
"""

import inspect
import pickle
from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wsol_bench.errors import UsageError
from wsol_bench.methods.entry import LAYER, MapMethod
from wsol_bench.runtime.user_code import failures_named, load_function

if TYPE_CHECKING:
    from torch import Tensor

    from wsol_bench.networks.forward import Forward

Caller = Callable[..., Any]


def _call_plain(function: Caller, forward: "Forward", layer: str, classes: "Tensor") -> Caller:
    return lambda **options: function(forward, classes, **options)


def _call_layer(function: Caller, forward: "Forward", layer: str, classes: "Tensor") -> Caller:
    return lambda **options: function(forward, layer, classes, **options)


def _call_module(function: Caller, forward: "Forward", layer: str, classes: "Tensor") -> Caller:
    images, module = forward.inputs, forward.network.module()
    return lambda **options: function(module, images, classes.to(images.device), **options)


FORMS: Mapping[tuple[str, ...], Callable[..., Caller]] = MappingProxyType(
    {
        ("forward", "classes"): _call_plain,
        ("forward", "layer", "classes"): _call_layer,
        ("module", "images", "classes"): _call_module,
    }
)
"""Names of a function's parameters that are no options -> how it is called."""


def from_spec(name: str) -> MapMethod:
    """The method of `FILE.py:FUNCTION` or `package.module:FUNCTION`.

    Raises:
        UsageError: the function is not there, fails as it is imported, or has another form.
    """
    loaded = load_function(name)
    return _method(name, loaded.function, {"path": loaded.source, "sha256": loaded.sha256})


def from_function(function: Caller) -> MapMethod:
    """The method of a function from Python, identified by its source and state.

    Raises:
        UsageError: it has another form.
    """
    name = getattr(function, "__qualname__", type(function).__qualname__).rpartition(".")[2]
    where = f"{getattr(function, '__module__', '')}.{name}"
    return _method(name, function, {"name": where, "sha256": _digest(function)})


def _method(name: str, function: Caller, source: dict[str, str]) -> MapMethod:
    form = tuple(
        each.name
        for each in inspect.signature(function).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    )
    if form not in FORMS:
        raise UsageError(
            f"{name}: expected a function of {_forms()}, with options after a *; its parameters "
            f"are ({', '.join(form)})."
        )
    call = FORMS[form]

    def maps(forward: "Forward", layer: str, classes: "Tensor", **options: Any) -> "Tensor":
        return _checked(name, call(function, forward, layer, classes), len(classes), options)

    maps.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    maps.__doc__, maps.__module__ = inspect.getdoc(function), function.__module__
    takes_layer = "layer" in form
    return MapMethod(
        name=name,
        title=name.rpartition(":")[2],
        source="a function of the user's own",
        role="features" if takes_layer else None,
        requests=None,
        maps=maps,
        layers=LAYER if takes_layer else None,
        code=source,
    )


def _forms() -> str:
    return " or ".join(f"({', '.join(form)})" for form in FORMS)


def _checked(name: str, run: Caller, images: int, options: Mapping[str, Any]) -> "Tensor":
    """The maps that the user's function returns, (n, u, v) float32 without a graph.

    Raises:
        UsageError: it fails, or returns something else; names the function.
    """
    import torch

    with torch.enable_grad(), failures_named(name):
        found = torch.as_tensor(run(**options)).detach().float()
    if found.dim() != 3 or len(found) != images or not found.numel():
        raise UsageError(
            f"{name}: returned a shape of {tuple(found.shape)} for {images} images; expected one "
            f"map per image, ({images}, rows, columns)."
        )
    return found


def _digest(function: Caller) -> str:
    """Digest of a function's source and state; a new one each time if either is not available.

    Without it a run cannot be resumed, because the function could be another one.
    """
    try:
        source = inspect.getsource(function if inspect.isroutine(function) else type(function))
        cells = [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
        names = ("__defaults__", "__kwdefaults__", "__dict__")
        state = (cells, [getattr(function, name, None) for name in names])
        return sha256(source.encode() + pickle.dumps(state)).hexdigest()
    except (OSError, TypeError, ValueError, AttributeError, pickle.PicklingError):
        return f"none-{uuid4().hex}"
