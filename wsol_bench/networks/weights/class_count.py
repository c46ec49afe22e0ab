"""How many classes some weights are for, where no dataset says it."""

from pathlib import Path

from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.weights.load import SOURCES


def count_classes(arch: Arch, spec: str) -> int | None:
    """The classes of the last layer in a weights file.

    Args:
        arch: an entry of the table of archs.
        spec: what `--weights` takes.

    Returns:
        How many, or None where the file has no such layer or the spec is of no form for
        this arch: `load_weights` says what is wrong with it.

    Raises:
        WeightsError: the file is missing, unreadable or damaged.
    """
    scheme, _, argument = spec.partition(":")
    key, argument = (scheme, argument) if scheme in SOURCES else (Path(spec).suffix.lower(), spec)
    source = SOURCES.get(key)
    if source is None or source.topology not in arch.topologies:
        return None
    classifier = arch.topologies[source.topology].roles["classifier"]
    file = source.read(source.locate(arch, argument))
    weight = file.entries.get(f"{classifier}.weight")
    return None if weight is None else file.aligned(tuple(weight.shape), _LINEAR_AXES)[0]


_LINEAR_AXES = 2
"""Of a linear layer's weights; a convolution's keep their four, with as many rows."""
