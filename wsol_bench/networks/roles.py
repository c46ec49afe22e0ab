"""The layers of the roles that methods name, found from one pass.

classifier   the last linear layer or convolution, where its outputs are the scores
features     the last output with cells before the classifier that no pooling made and whose cells
             lead to the scores; where every token reads every token, the last block's first norm:
             behind it the class token alone may lead to them
excitation   the last output at a sixteenth of the input's side, as pool4 of VGG-16 is, through
             which all of the signal passes; of a graph only
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from wsol_bench.networks.cells import Cells, to_maps
from wsol_bench.networks.graph import PASS_THROUGH
from wsol_bench.networks.probe import LayerOutput, Probe

_EXCITATION_STRIDE = 18
"""A sixteenth, with a margin for layers without padding: 17 of 299 pixels."""
_MOST_PREFIX_TOKENS = 16
_MAP_AXES, _TOKEN_AXES = 4, 3
_CHANNELS_FIRST = (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d)


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles and layers that were found.

    Attributes:
        layers: role -> layer; a role for which there is none is absent.
        cells: layer -> the order of its output's axes, for each layer with cells.
        tokens: the grid of the tokens between which attention is computed, or None.
        fine: layers whose cells are a sixteenth of the input's side or smaller, the last first.
    """

    layers: Mapping[str, str]
    cells: Mapping[str, Cells]
    tokens: Cells | None
    fine: tuple[str, ...]


def find_roles(probe: Probe, stated_prefix: int | None) -> Roles:
    """Finds the roles of a network's layers.

    Args:
        probe: one pass over it.
        stated_prefix: how many prefix tokens the model itself states, or None.
    """
    cells = dict(_all_cells(probe, stated_prefix))
    classifier = _classifier(probe)
    layers = {} if classifier is None else {"classifier": classifier.name}
    names = [each.name for each in probe.layers]
    end = len(names) if classifier is None else names.index(classifier.name)
    by_name = {each.name: each for each in probe.layers}
    candidates = [
        each
        for each in probe.layers[:end]
        if _has_cells(cells.get(each.name))
        and not isinstance(each.module, PASS_THROUGH)
        and not _is_pooling(by_name[each.origin])
    ]
    leading = [each for each in candidates if _leads_to_scores(probe, each, cells[each.name])]
    leading = leading or candidates  # a head of zeros, from before training, has no gradient
    tokens = _tokens(probe, cells)
    features = _last_norm(leading, probe, cells, tokens) or _last(leading, cells)
    if features is not None:
        layers["features"] = features.name
    height = probe.size[0]
    fine = [
        each.name for each in candidates if height <= cells[each.name].rows * _EXCITATION_STRIDE
    ]
    return Roles(layers, cells, tokens, tuple(reversed(fine)))


def _classifier(probe: Probe) -> LayerOutput | None:
    linear = [each for each in probe.layers if isinstance(each.module, nn.Linear | nn.Conv2d)]
    if not linear:
        return None
    weight = linear[-1].module.weight
    assert isinstance(weight, Tensor)  # of a linear layer or convolution
    return linear[-1] if weight.shape[0] == probe.scores.shape[1] else None


def _is_pooling(layer: LayerOutput) -> bool:
    return "pool" in type(layer.module).__name__.lower()


def _has_cells(cells: Cells | None) -> bool:
    return cells is not None and cells.rows * cells.columns > 1


def _tokens(probe: Probe, cells: Mapping[str, Cells]) -> Cells | None:
    """The grid on which every block's attention lies, or None where it does not."""
    counts = {(shape[0], shape[2]) for shape in probe.attention}
    if len(counts) != 1:
        return None
    images, count = counts.pop()
    grids = [
        each
        for each in cells.values()
        if each.order == "tokens" and each.prefix + each.rows * each.columns == count
    ]
    return grids[-1] if grids and images == 1 else None


def _last(layers: Sequence[LayerOutput], cells: Mapping[str, Cells]) -> LayerOutput | None:
    """The last layer; of tokens behind a class token the last norm with the same cells."""
    if not layers:
        return None
    last = cells[layers[-1].name]
    norms = [each for each in layers if last.prefix and _is_norm(each) and cells[each.name] == last]
    return (norms or layers)[-1]


def _is_norm(layer: LayerOutput) -> bool:
    return "norm" in type(layer.module).__name__.lower()


def _leads_to_scores(probe: Probe, layer: LayerOutput, cells: Cells) -> bool:
    """Whether the scores depend on a layer's cells; True where no gradient was computed."""
    if not probe.gradients:
        return True
    gradient = probe.gradients.get(layer.name)
    return gradient is not None and bool(to_maps(gradient, cells).any())


def _last_norm(
    layers: Sequence[LayerOutput], probe: Probe, cells: Mapping[str, Cells], tokens: Cells | None
) -> LayerOutput | None:
    if tokens is None:
        return None
    norms = [
        each
        for each in layers
        if _is_norm(each)
        and cells.get(each.name) == tokens
        and each.attention_before < len(probe.attention)
    ]
    return norms[-1] if norms else None


def _all_cells(probe: Probe, stated_prefix: int | None) -> Iterator[tuple[str, Cells]]:
    """Each layer whose output has cells, with the order of its axes."""
    grids: list[tuple[int, int]] = []
    before: Cells | None = None
    for layer in probe.layers:
        found = None
        if layer.shape in probe.attention or not layer.reads_pixels:
            continue
        if layer.shape[0] == 1 and len(layer.shape) == _MAP_AXES:
            found = _map_cells(layer, probe.size, before)
        elif layer.shape[0] == 1 and len(layer.shape) == _TOKEN_AXES:
            found = _token_cells(layer.shape[1], grids, stated_prefix)
        if found is None:
            continue
        if found.order != "tokens" or (found.rows, found.columns) not in grids:
            grids.append((found.rows, found.columns))
        before = found
        yield layer.name, found


def _map_cells(layer: LayerOutput, size: tuple[int, int], before: Cells | None) -> Cells | None:
    _, a, b, c = layer.shape
    first, last = Cells("channels_first", b, c), Cells("channels_last", a, b)
    if isinstance(layer.module, _CHANNELS_FIRST):
        return first
    if isinstance(layer.module, nn.Linear) or type(layer.module) is nn.LayerNorm:
        return last if _in_proportion(a, b, size) else None
    fitting = [each for each in (first, last) if _in_proportion(each.rows, each.columns, size)]
    if len(fitting) > 1 and before is not None and before.order == "channels_last":
        return last
    return fitting[0] if fitting else None


def _in_proportion(rows: int, columns: int, size: tuple[int, int]) -> bool:
    """Whether a grid has the image's proportions, to one cell, and not more cells than it."""
    height, width = size
    return rows <= height and abs(rows * width - columns * height) <= max(height, width)


def _token_cells(
    count: int, grids: list[tuple[int, int]], stated_prefix: int | None
) -> Cells | None:
    """The latest grid that the tokens fill, but for prefix tokens; else one of merged cells."""
    for rows, columns in reversed(grids):
        prefix = count - rows * columns
        stated = stated_prefix is None or prefix in (0, stated_prefix)
        if rows * columns > 1 and 0 <= prefix <= _MOST_PREFIX_TOKENS and stated:
            return Cells("tokens", rows, columns, prefix)
    for rows, columns in reversed(grids):  # each 2x2 cells were merged, perhaps repeatedly
        while rows > 1 and columns > 1:
            rows, columns = (rows + 1) // 2, (columns + 1) // 2
            if rows * columns == count > 1:
                return Cells("tokens", rows, columns)
    return None
