"""A network of the user's own: a factory in a file or package, or a module from Python."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wsol_bench.errors import UsageError
from wsol_bench.networks.archs.entry import NO_ROLES, Arch, Topology
from wsol_bench.networks.archs.options import plain_options
from wsol_bench.networks.archs.preprocessing import torchvision_input
from wsol_bench.networks.weights.forms import WITHOUT_WEIGHTS
from wsol_bench.runtime.user_code import load_function
from wsol_bench.specs import Spec

if TYPE_CHECKING:
    from torch import nn

OWN = "own"
SIDE = 224
"""Side of the input where nothing else is given: ImageNet's usual one."""
_CLASSES = "classes"
"""A parameter of this name gets the dataset's number of classes."""
_NOTE = (
    "preprocessing: ImageNet's mean and standard deviation at side {side}, because a module "
    "states none; --side, --mean, --std, --scale and --order give others"
)


def factory_arch(spec: Spec) -> Arch:
    """The arch of `FILE.py:FUNCTION` or `package.module:FUNCTION`.

    The function returns an `nn.Module` or an `Arch`. Options go to its parameters, and the
    dataset's number of classes to one named `classes`, where it has one.

    Raises:
        UsageError: the function is not there, fails, or returns something else.
    """
    loaded = load_function(spec.name)
    options = plain_options(spec)
    origin = {"source": loaded.source, "sha256": loaded.sha256}
    call = partial(_call, spec.text, loaded.function, options)
    if _CLASSES not in inspect.signature(loaded.function).parameters:
        made = call(None)
        if isinstance(made, Arch):
            return made
    return _arch(spec.text, call, origin)


def module_arch(module: "nn.Module") -> Arch:
    """The arch of a module from Python, which stays as it is."""
    kind = type(module)
    name = f"{kind.__module__}.{kind.__qualname__}"
    origin = {"source": name, "sha256": _source_sha256(module)}
    return _arch(kind.__qualname__, lambda classes: deepcopy(module), origin)


def _source_sha256(module: "nn.Module") -> str:
    """Digest of the source of all classes in a module except torch's; without source a new one.

    Without it a run cannot be resumed, because nobody could know whether the code is the same.
    """
    kinds = {type(each) for each in module.modules()}
    own = [kind for kind in kinds if not kind.__module__.startswith("torch.nn.")]
    try:
        sources = [inspect.getsource(kind) for kind in sorted(own, key=lambda kind: str(kind))]
    except (OSError, TypeError):
        return f"none-{uuid4().hex}"
    return sha256("\0".join(sources).encode()).hexdigest()


def _arch(name: str, build: Callable[[int], Any], origin: dict[str, str]) -> Arch:
    topology = Topology(
        build=partial(_module, name, build),
        roles=NO_ROLES,
        preprocessing=torchvision_input(SIDE),
        finds_roles=True,
        on_meta=False,
        note=_NOTE.format(side=SIDE),
    )
    return Arch(name, name, {OWN: topology}, default_weights=WITHOUT_WEIGHTS, origin=origin)


def _call(
    name: str, function: Callable[..., Any], options: dict[str, Any], classes: int | None
) -> Any:
    takes_classes = _CLASSES in inspect.signature(function).parameters
    try:
        return function(**({_CLASSES: classes} if takes_classes else {}), **options)
    except Exception as error:  # whatever the user's own code raises
        given = f" with {options}" if options else ""
        raise UsageError(
            f"--arch {name}: fails{given} ({type(error).__name__}: {error})."
        ) from error


def _module(name: str, build: Callable[[int], Any], classes: int) -> "nn.Module":
    from torch import nn

    module = build(classes)
    if not isinstance(module, nn.Module):
        raise UsageError(
            f"--arch {name}: returned an object of type {type(module).__name__}, expected an "
            "nn.Module or an Arch."
        )
    return module.eval()


def state_sha256(module: "nn.Module") -> str:
    """The sha256 of a module's parameters and buffers, with their names, types and shapes."""
    import torch

    digest = sha256()
    for name, value in module.state_dict().items():
        values = value.detach().cpu().contiguous()
        digest.update(f"{name}\0{values.dtype}\0{tuple(values.shape)}\0".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
