"""`--weights`: from what a user writes to a network that can be run.

torchvision       torchvision's IMAGENET1K_V1, fetched by torch.hub
demo              the weights that the package brings
demo:PATH         a .safetensors of the same topology, as scripts/train_demo.py writes
caffe:PATH        a .caffemodel, in the topology of the original Caffe net
PATH              a .safetensors, .pth or .pt state dict of torchvision's topology
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.entry import Arch, Topology
from wsol_bench.networks.weights.file_checks import sha256_of
from wsol_bench.networks.weights.files import (
    WeightsFile,
    read_caffe,
    read_safetensors,
    read_state_dict,
)
from wsol_bench.networks.weights.fit import fit
from wsol_bench.networks.weights.hub import hub_file
from wsol_bench.runtime.names import shown

__all__ = ["LoadedNetwork", "load_weights"]

FORMS = "torchvision, demo, demo:PATH, caffe:PATH, or a PATH that ends in .safetensors, .pth or .pt"

DEMO_FOLDER = Path(__file__).parents[1] / "demo_weights"


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """An arch with weights.

    Attributes:
        module: in evaluation mode, on the CPU, float32, no parameter wants a gradient.
        topology: the net that `module` is, with its roles and preprocessing.
        name: the topology and the file, such as "caffe:bvlc_googlenet.caffemodel".
        sha256: of the file.
        ignored: entries of the file that the net has no layer for.
    """

    module: nn.Module
    topology: Topology
    name: str
    sha256: str
    ignored: tuple[str, ...]


def load_weights(arch: Arch, spec: str, classes: int) -> LoadedNetwork:
    """Builds the topology that `spec` is for and fills it.

    Args:
        arch: an entry of the table of archs.
        spec: one of the forms at the top of this module.
        classes: how many the dataset has.

    Raises:
        WeightsError: the spec is of no known form, the arch has no such topology,
            or the file is missing, unreadable, damaged or of another net.
    """
    source, argument = _source(spec)
    topology = _topology(arch, source, spec)
    path = source.locate(arch, argument)
    sha256 = sha256_of(path)
    file = source.read(path)
    # Nothing is initialised at random only to be overwritten.
    with torch.device("meta"):
        module = topology.build(classes)
    ignored = fit(module, file, topology.roles["classifier"])
    return LoadedNetwork(
        module=module.eval().requires_grad_(False),
        topology=topology,
        name=f"{source.topology}:{shown(path.name)}",
        sha256=sha256,
        ignored=ignored,
    )


def has_own_weights(arch: Arch, spec: str) -> bool:
    """Whether the same spec names weights for this arch too, as it does without a path."""
    return spec in SOURCES and SOURCES[spec].topology in arch.topologies


@dataclass(frozen=True, slots=True)
class _Source:
    """One way to name weights: which topology, where the file is, how to read it."""

    topology: str
    locate: Callable[[Arch, str], Path]
    read: Callable[[Path], WeightsFile]


def _source(spec: str) -> tuple[_Source, str]:
    """Tells which way `spec` is written in, and its path or ""."""
    scheme, colon, argument = spec.partition(":")
    key, argument = (scheme, argument) if scheme in SOURCES else (Path(spec).suffix.lower(), spec)
    if key not in SOURCES or (colon and not argument):
        raise WeightsError(f"--weights {shown(spec)}: expected {FORMS}.")
    return SOURCES[key], argument


def _topology(arch: Arch, source: _Source, spec: str) -> Topology:
    if source.topology not in arch.topologies:
        raise WeightsError(
            f"--weights {shown(spec)}: {arch.name} has no {source.topology!r} topology, only "
            f"{', '.join(sorted(arch.topologies))}. Weights are one of {FORMS}."
        )
    return arch.topologies[source.topology]


def _given(arch: Arch, argument: str) -> Path:
    try:
        return Path(argument).expanduser()
    except RuntimeError as error:  # ~name of a user that is not there
        raise WeightsError(f"--weights {shown(argument)}: {error} Write the path out.") from error


def _in_package(arch: Arch, argument: str) -> Path:
    if argument:
        return _given(arch, argument)
    path = DEMO_FOLDER / f"{arch.name}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path}: the demo weights of {arch.name} are not in this installation. "
            f"Reinstall the package, or name other weights: {FORMS}."
        )
    return path


SOURCES = {
    "torchvision": _Source("torchvision", hub_file, read_state_dict),
    "demo": _Source("demo", _in_package, read_safetensors),
    "caffe": _Source("caffe", _given, read_caffe),
    ".safetensors": _Source("torchvision", _given, read_safetensors),
    ".pth": _Source("torchvision", _given, read_state_dict),
    ".pt": _Source("torchvision", _given, read_state_dict),
}
"""What stands before the colon, or else how the path ends."""
