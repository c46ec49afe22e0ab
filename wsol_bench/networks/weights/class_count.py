"""The number of classes of a weights file, without a dataset that gives it."""

from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights.checkpoints import match
from wsol_bench.networks.weights.load import find_source

_LINEAR_AXES = 2
"""Number of axes of a linear layer's weights; a convolution's weights have four."""


def count_classes(arch: Arch, spec: str) -> int | None:
    """The classes of the last layer in a weights file.

    Args:
        arch: from `open_arch`.
        spec: a value of `--weights`.

    Returns:
        Their number, or None where the file has no such layer, the arch does not state which layer
        is its last, or it has no such topology, which `load_weights` reports.

    Raises:
        WeightsError: the spec is of no known form; the file is missing, unreadable or damaged.
    """
    source, argument, choice = find_source(spec)
    topology = arch.topologies.get(source.form.topology or "torchvision")
    classifier = topology and topology.roles.get("classifier")
    if not classifier:
        return None
    name = f"{classifier}.weight"
    file = match(source.read(source.locate(arch, argument), choice), [name], choice.prefix)
    weight = file.entries.get(name)
    return None if weight is None else file.aligned(tuple(weight.shape), _LINEAR_AXES)[0]
