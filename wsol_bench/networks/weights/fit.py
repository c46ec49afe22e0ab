"""Fills a network with the entries of a weights file; every doubt is an error.

Names are matched by the table of `checkpoints`; shapes are never guessed: an entry has the shape
that the network wants, or the file is refused with the layer, what was expected and what was found.
"""

import torch
from torch import Tensor, nn

from wsol_bench.errors import WeightsError
from wsol_bench.networks.weights.checkpoints import nearest_prefix
from wsol_bench.networks.weights.files import Shape, WeightsFile
from wsol_bench.runtime.names import shown

COUNTER = "num_batches_tracked"
"""Batch norm's training counter: older files lack it and evaluation does not read it."""

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
"""Types that become float32. Narrower floats have a value only together with scales."""
COUNTS = (torch.int64, torch.int32)


def fit(net: nn.Module, file: WeightsFile, classifier: str) -> tuple[str, ...]:
    """Gives `net` the file's values, as float32.

    Args:
        net: may be on the meta device; what it holds is replaced, not written to.
        file: the weights.
        classifier: the layer whose first axis is the classes, or "" where there is none.

    Returns:
        The names of the entries that the net has no layer for, in the file's order.

    Raises:
        WeightsError: an entry is missing, has another shape, another number of
            classes, is not numbers, holds NaN or infinity, or belongs to a layer of
            the net that has no such parameter.
    """
    wanted = net.state_dict()
    found = dict(file.entries)
    for name in wanted:
        if name.rpartition(".")[2] == COUNTER:
            found.setdefault(name, torch.zeros((), dtype=torch.int64))
    _refuse_missing(wanted, found, file)
    _refuse_other_classes(wanted, file, classifier)
    filled = {name: _entry(name, found[name], like, file) for name, like in wanted.items()}
    ignored = tuple(name for name in file.entries if name not in wanted)
    _refuse_half_used(ignored, wanted, file)
    net.load_state_dict(filled, assign=True)
    return tuple(shown(name) for name in ignored)


def _refuse_missing(wanted: dict[str, Tensor], found: dict[str, Tensor], file: WeightsFile) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        layer, _, parameter = missing[0].rpartition(".")
        more = f"; {len(missing) - 1} more entries are missing" if len(missing) > 1 else ""
        raise WeightsError(
            f"{file.name}: layer {layer!r}: expected {parameter} of shape "
            f"{_written(wanted[missing[0]].shape)}, found nothing{more}. The file holds "
            f"{_listed(list(file.entries))}: are these weights of another net?"
            f"{nearest_prefix(file, list(wanted))}"
        )


def _refuse_other_classes(wanted: dict[str, Tensor], file: WeightsFile, classifier: str) -> None:
    name = f"{classifier}.weight"
    if name not in wanted:
        return
    expected = tuple(wanted[name].shape)
    shape = file.aligned(tuple(file.entries[name].shape), len(expected))
    if shape[1:] == expected[1:] and shape[:1] != expected[:1]:
        raise WeightsError(
            f"{file.name}: layer {classifier!r}: the weights are for {shape[0]} classes, the "
            f"dataset has {expected[0]}. Use weights that were trained on this dataset's labels."
        )


def _entry(name: str, value: Tensor, like: Tensor, file: WeightsFile) -> Tensor:
    layer, _, parameter = name.rpartition(".")
    where = f"{file.name}: layer {layer!r}: {parameter}"
    expected, shape = tuple(like.shape), tuple(value.shape)
    if file.aligned(shape, len(expected)) != expected:
        raise WeightsError(
            f"{where}: expected shape {_written(expected)}, found {_written(shape)}. "
            "Are these weights of another net?"
        )
    wanted: tuple[torch.dtype, ...] = FLOATS if like.is_floating_point() else COUNTS
    if parameter == COUNTER:  # no output depends on it
        wanted = FLOATS + COUNTS
    if value.layout != torch.strided or value.is_meta or value.dtype not in wanted:
        odd = "no numbers (meta)" if value.is_meta else f"{value.dtype} ({value.layout})"
        raise WeightsError(
            f"{where}: expected {' or '.join(map(str, wanted))}, found {odd}. "
            "Save the state dict of the float32 net."
        )
    converted = value.detach().to("cpu", like.dtype).reshape(expected).contiguous()
    # One NaN or infinity spoils the sum, which is far cheaper than checking each.
    spoiled = not torch.isfinite(converted.sum())
    wrong = int(torch.isfinite(converted).logical_not().sum()) if spoiled else 0
    if wrong:
        raise WeightsError(
            f"{where}: {wrong} of its {converted.numel()} numbers are NaN or infinite. "
            "The file is damaged or its training diverged."
        )
    return converted


def _refuse_half_used(
    ignored: tuple[str, ...], wanted: dict[str, Tensor], file: WeightsFile
) -> None:
    """A layer of the net must not lose a parameter: its output would be another one."""
    layers = {name.rpartition(".")[0] for name in wanted}
    for name in ignored:
        layer, _, parameter = name.rpartition(".")
        if layer in layers:
            raise WeightsError(
                f"{file.name}: layer {layer!r}: found {shown(parameter)} of shape "
                f"{_written(file.entries[name].shape)}, expected none. "
                "Are these weights of another net?"
            )


def _written(shape: Shape) -> str:
    return " x ".join(str(size) for size in shape) or "()"


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:3])) + (
        f" and {len(names) - 3} more" if len(names) > 3 else ""
    )
