"""`--weights`: from the user's spec (`forms.py`) to a network that can be run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from wsol_bench.errors import WeightsError
from wsol_bench.networks.archs.entry import Arch, Preprocessing, Topology
from wsol_bench.networks.archs.own import OWN, state_sha256
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import FP32, Precision
from wsol_bench.networks.opening import Opened, open_network
from wsol_bench.networks.outputs import check_output_count
from wsol_bench.networks.weights import hub, reading
from wsol_bench.networks.weights.checkpoints import match
from wsol_bench.networks.weights.file_checks import refuse_unreadable
from wsol_bench.networks.weights.files import WeightsFile, read_caffe, read_safetensors
from wsol_bench.networks.weights.fit import fit
from wsol_bench.networks.weights.forms import FORMS, PATH, WITHOUT_WEIGHTS, Form
from wsol_bench.networks.weights.reading import NO_CHOICE, Choice
from wsol_bench.runtime.names import shown

__all__ = ["LoadedNetwork", "load_weights"]

EXPECTED = (
    "torchvision, demo, demo:PATH, caffe:PATH, or a PATH of a state dict; timm and none as well"
)

DEMO_FOLDER = Path(__file__).parents[1] / "demo_weights"
_SEED = 0


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """An arch with weights.

    Attributes:
        module: in evaluation mode, on the CPU, float32, no parameter requires a gradient.
        topology: the network that `module` is, with its roles and preprocessing.
        name: the topology and the file, such as "caffe:bvlc_googlenet.caffemodel".
        sha256: of the file; without one, of the module's parameters.
        ignored: entries of the file that the network has no layer for.
        opened: the network, where opening it found its roles; else None.
        notes: on how it was loaded and opened.
        own_preprocessing: that of the weights, before the user's flags replaced values of it.
    """

    module: nn.Module
    topology: Topology
    name: str
    sha256: str
    ignored: tuple[str, ...]
    opened: Opened | None = None
    notes: tuple[str, ...] = ()
    own_preprocessing: Preprocessing | None = None

    @property
    def outputs(self) -> int:
        """The number of its scores."""
        if self.opened is not None:
            return self.opened.classes
        weight = self.module.get_submodule(self.topology.roles["classifier"]).weight
        assert isinstance(weight, torch.Tensor)  # of a linear layer or convolution
        return weight.shape[0]

    def network(self, precision: Precision = FP32) -> Network:
        """The network, ready for forward passes, on the CPU."""
        if self.opened is None:
            return Network(self.module, self.topology.roles["classifier"], precision)
        self.opened.network.precision = precision
        return self.opened.network


@dataclass(frozen=True, slots=True)
class Source:
    """One way to name weights.

    Attributes:
        form: as the user writes it.
        locate: (arch, the text after the colon) -> the file.
        read: (file, choice) -> its entries.
    """

    form: Form
    locate: Callable[[Arch, str], Path]
    read: Callable[[Path, Choice], WeightsFile]


def load_weights(
    arch: Arch,
    spec: str,
    classes: int,
    changes: Mapping[str, Any] | None = None,
    *,
    any_count: bool = False,
) -> LoadedNetwork:
    """Builds the topology that `spec` is for, fills it, and finds its roles if necessary.

    Args:
        arch: from `open_arch`.
        spec: one of the forms at the top of this module.
        classes: number of classes of the dataset.
        changes: fields of the preprocessing that the user gave -> value.
        any_count: whether the file may hold another number of outputs than `classes`; the
            network is then built with the file's.

    Raises:
        WeightsError: the spec is of no known form, the arch has no such topology, or the file is
            missing, unreadable, damaged or of another network.
        UsageError: the module cannot be built or opened.
    """
    source, argument, choice = find_source(spec)
    topology = _topology(arch, source, spec)
    own = topology.preprocessing
    if changes:
        topology = replace(topology, preprocessing=topology.preprocessing.changed(**changes))
    if spec == WITHOUT_WEIGHTS:
        loaded = _without_weights(arch, topology, classes)
    else:
        path = source.locate(arch, argument)
        loaded = _filled(topology, source.read(path, choice), choice, classes, any_count)
        prefix = source.form.topology or next(iter(_own_first(arch)))
        loaded = replace(
            loaded, name=f"{prefix}:{shown(path.name)}", sha256=reading.sha256_of_all(path)
        )
    notes = (*loaded.notes, *((topology.note,) if topology.note and not changes else ()))
    module = loaded.module.eval().requires_grad_(False)
    loaded = replace(loaded, module=module, notes=notes, own_preprocessing=own)
    return _opened(loaded) if topology.finds_roles else loaded


def has_own_weights(arch: Arch, spec: str) -> bool:
    """Whether the same spec names weights for this arch too, as it does without a path."""
    return spec in SOURCES and SOURCES[spec].form.topology in arch.topologies


def find_source(spec: str) -> tuple[Source, str, Choice]:
    """The form of `spec`, its path or "", and its choices within the file.

    Raises:
        WeightsError: it is of no known form.
    """
    scheme, colon, argument = spec.partition(":")
    if scheme in SOURCES and scheme != PATH:
        if colon and not argument:
            raise WeightsError(f"--weights {shown(spec)}: expected {EXPECTED}.")
        return SOURCES[scheme], argument, NO_CHOICE
    path, choice = reading.split_choice(spec)
    if not _may_be_a_path(path):
        raise WeightsError(f"--weights {shown(spec)}: expected {EXPECTED}. There is no such file.")
    return SOURCES[PATH], path, choice


def _may_be_a_path(text: str) -> bool:
    """A path that exists, or one that was plainly meant as one."""
    known = Path(text).suffix.lower() in (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".tar")
    plain = known and ":" not in text
    return plain or (bool(text) and (text.startswith("~") or Path(text).exists()))


def _own_first(arch: Arch) -> list[str]:
    """The topologies that a PATH may be for: the libraries' and the user's, in this order."""
    return [each for each in ("torchvision", "timm", OWN) if each in arch.topologies]


def _topology(arch: Arch, source: Source, spec: str) -> Topology:
    own = _own_first(arch)
    name = source.form.topology or (own[0] if own else "torchvision")
    if name not in arch.topologies:
        raise WeightsError(
            f"--weights {shown(spec)}: {arch.name} has no {name!r} topology, only "
            f"{', '.join(sorted(arch.topologies))}. Weights are one of {EXPECTED}."
        )
    return arch.topologies[name]


def _filled(
    topology: Topology, file: WeightsFile, choice: Choice, classes: int, any_count: bool
) -> LoadedNetwork:
    module = _built(topology, classes)
    matched = match(file, list(module.state_dict()), choice.prefix)
    count = _other_count(module, matched, classes)
    if count is not None and any_count:
        module = _built(topology, count)
    elif count is not None and topology.finds_roles:  # else `fit` knows the classifier's layer
        check_output_count(count, classes, matched.name)
    ignored = fit(module, matched, topology.roles.get("classifier", ""))
    return LoadedNetwork(module, topology, "", "", ignored, notes=matched.notes)


def _other_count(module: nn.Module, file: WeightsFile, classes: int) -> int | None:
    """The number of outputs of the file, where only layers of `classes` rows differ from it."""
    found = set()
    for name, like in module.state_dict().items():
        value = file.entries.get(name)
        if value is None or tuple(value.shape) == tuple(like.shape):
            continue
        if like.shape[:1] != (classes,) or value.shape[1:] != like.shape[1:]:
            return None
        found.add(value.shape[0])
    return found.pop() if len(found) == 1 else None


def _built(topology: Topology, classes: int) -> nn.Module:
    if topology.on_meta:  # nothing is initialised at random only to be overwritten
        with torch.device("meta"):
            return topology.build(classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return topology.build(classes)


def _without_weights(arch: Arch, topology: Topology, classes: int) -> LoadedNetwork:
    if topology.on_meta:
        raise WeightsError(f"--weights none: {arch.name} has no weights of its own. {EXPECTED}.")
    module = _built(topology, classes)
    empty = [name for name, each in _tensors(module) if is_lazy(each) or each.is_meta]
    if empty:
        raise WeightsError(
            f"--arch {arch.name}: parameter {empty[0]} has no numbers (it is lazy, or on the "
            "device meta). Expected a module that is ready to run; call it once on an image before."
        )
    module = module.to("cpu").float()
    notes = () if OWN in arch.topologies else ("--weights none: the network is untrained",)
    return LoadedNetwork(module, topology, WITHOUT_WEIGHTS, state_sha256(module), (), notes=notes)


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _opened(loaded: LoadedNetwork) -> LoadedNetwork:
    side = loaded.topology.preprocessing.size
    opened = open_network(loaded.module, (side, side), roles=loaded.topology.roles)
    topology = replace(loaded.topology, roles=opened.roles)
    return replace(loaded, topology=topology, opened=opened, notes=(*loaded.notes, *opened.notes))


def _given(arch: Arch, argument: str) -> Path:
    try:
        path = reading.locate(Path(argument).expanduser())
    except RuntimeError as error:  # ~name of a user that is not there
        raise WeightsError(f"--weights {shown(argument)}: {error} Write the path out.") from error
    refuse_unreadable(path)
    return path


def _in_package(arch: Arch, argument: str) -> Path:
    if argument:
        return _given(arch, argument)
    path = DEMO_FOLDER / f"{arch.name}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path}: the demo weights of {arch.name} are not in this installation. "
            f"Reinstall the package, or name other weights: {EXPECTED}."
        )
    return path


def _nowhere(arch: Arch, argument: str) -> Path:
    raise WeightsError("--weights none: takes no path.")


SOURCES = {
    "torchvision": Source(FORMS["torchvision"], hub.hub_file, reading.read_file),
    "timm": Source(FORMS["timm"], hub.timm_file, reading.read_file),
    "demo": Source(FORMS["demo"], _in_package, lambda path, _: read_safetensors(path)),
    "caffe": Source(FORMS["caffe:PATH"], _given, lambda path, _: read_caffe(path)),
    WITHOUT_WEIGHTS: Source(FORMS[WITHOUT_WEIGHTS], _nowhere, reading.read_file),
    PATH: Source(FORMS[PATH], _given, reading.read_file),
}
"""The scheme, the text before the colon -> where its weights are and how they are read."""
