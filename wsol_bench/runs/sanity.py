"""Sanity checks: a method's maps and figures while the network's weights become random.

The layers are randomised in a cascade from the top down: first the last layer, then more and more
of those below it, until all are random. A map that explains the network has to change with it. At
each step every row gets its GT-known localization error and the similarity of its maps to those of
the trained network, means over images:

- the rank correlation (Spearman) of the map's values, ties ranked by their mean;
- SSIM of the two maps, each scaled to 0..1.

Images where one of the two maps is constant have no similarity; they are counted. The random
weights are `random_weights`'.

Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, section 4.1 and appendix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from wsol_bench.errors import UsageError
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.forward import Network
from wsol_bench.networks.opening import open_network
from wsol_bench.networks.weights.load import LoadedNetwork
from wsol_bench.pipeline.inference import Pipeline
from wsol_bench.pipeline.pipeline import records_of
from wsol_bench.records.record import Record
from wsol_bench.records.table import outcomes_of, to_table
from wsol_bench.runs.checks import check_settings
from wsol_bench.runs.map_similarity import rank_correlation, ssim
from wsol_bench.runs.prepare import Prepared, bind, none_can_run, prepare
from wsol_bench.runs.random_weights import layers_of, randomised
from wsol_bench.runs.source import open_source
from wsol_bench.scoring.ilsvrc import gt_known_loc
from wsol_bench.settings import NO_NETWORK, RunSettings

IGNORES = 0.99
"""The mean rank correlation with every weight random from which a method ignores the network."""

Maps = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SanityRow:
    """One method under one randomised network.

    Attributes:
        method, title: of the row.
        gt_known_loc: its error, or None over no images.
        rank_correlation, ssim: of its maps to the trained network's; None of a method without
            maps, and where no two maps can be compared.
        compared: images whose two maps are compared.
        same_boxes: images whose box is that of the trained network.
    """

    method: str
    title: str
    gt_known_loc: float | None
    rank_correlation: float | None
    ssim: float | None
    compared: int
    same_boxes: int


@dataclass(frozen=True, slots=True)
class SanityStep:
    """The network with some of its layers randomised.

    Attributes:
        layers: how many, from the top; 0 for the trained network.
        lowest: the name of the lowest of them, or "".
        rows: in the order of the settings.
    """

    layers: int
    lowest: str
    rows: tuple[SanityRow, ...]


@dataclass(frozen=True, slots=True)
class Sanity:
    """The outcome for one network.

    Attributes:
        arch, weights, dataset: names.
        n: images.
        layers: of the network that have parameters.
        seed: of the random weights.
        steps: from the trained network to the one with every layer random.
        not_applicable: row -> why the network does not support it.
    """

    arch: str
    weights: str
    dataset: str
    n: int
    layers: int
    seed: int
    steps: tuple[SanityStep, ...]
    not_applicable: dict[str, str]

    def ignores_network(self, method: str) -> bool:
        """Whether a method's maps, or boxes, are the same when every weight is random."""
        (row,) = (row for row in self.steps[-1].rows if row.method == method)
        if row.rank_correlation is not None:
            return row.rank_correlation >= IGNORES
        return row.same_boxes == self.n

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        found = asdict(self)
        reasons = found.pop("not_applicable")
        ignores = {row.method: self.ignores_network(row.method) for row in self.steps[-1].rows}
        return {"schema": 1, **found, "ignores_network": ignores, "not_applicable": reasons}


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one network gives: row -> error, boxes (n, 4), and maps, one per image."""

    errors: dict[str, float | None]
    boxes: dict[str, NDArray[np.float64]]
    maps: dict[str, list[Maps]]


def check_sanity(settings: RunSettings, steps: int = 5, seed: int = 0) -> Sanity:
    """Measures the methods of the settings while the network is randomised from the top down.

    Args:
        settings: as of a run, in this process; nothing is kept.
        steps: into which the cascade is cut, besides that of the last layer alone.
        seed: of the random weights.

    Raises:
        UsageError, DataError, WeightsError, RunError: as a run.
    """
    check_settings(settings)
    if settings.arch == NO_NETWORK:
        raise UsageError("--arch none: has no weights to randomise. Name a network.")
    if steps < 1:
        raise UsageError(f"--steps {steps}: expected 1 or more.")
    prepared = prepare(settings, open_source(settings, quiet=True))
    loaded = prepared.loaded
    assert loaded is not None  # there is a network
    if not prepared.methods:
        raise none_can_run(prepared.arch, prepared.not_applicable)
    trained = _outcome(prepared.pipeline, prepared)
    names = layers_of(loaded.module)
    found = [SanityStep(0, "", tuple(_rows(prepared, trained, trained)))]
    for count in _counts(len(names), steps):
        pipeline = _pipeline_of(prepared, loaded, randomised(loaded.module, count, seed))
        rows = tuple(_rows(prepared, trained, _outcome(pipeline, prepared)))
        found.append(SanityStep(count, names[-count], rows))
    return Sanity(
        arch=prepared.arch.name,
        weights=prepared.weights,
        dataset=prepared.source.dataset.name,
        n=len(prepared.source.dataset.examples),
        layers=len(names),
        seed=seed,
        steps=tuple(found),
        not_applicable=dict(prepared.not_applicable),
    )


def _counts(layers: int, steps: int) -> list[int]:
    """How many layers are random at each step: the last alone, then evenly up to all."""
    return sorted({1, *(max(1, round(layers * each / steps)) for each in range(1, steps + 1))})


def _pipeline_of(prepared: Prepared, loaded: LoadedNetwork, module: nn.Module) -> Pipeline:
    """The pipeline with another module in the place of the network's."""
    before = prepared.pipeline
    assert before.network is not None  # there is a network
    roles, side = loaded.topology.roles, before.side
    if loaded.opened is None:
        network = Network(module, roles["classifier"])
    else:
        network = open_network(module, (side, side), roles=roles).network
    network.precision, network.black = before.network.precision, before.network.black
    network.outputs = before.network.outputs
    rows = find_methods(prepared.settings.methods)
    methods, _ = bind(rows, prepared.source.dataset, network, loaded)
    return replace(before, network=network.to(before.device), methods=methods)


def _outcome(pipeline: Pipeline, prepared: Prepared) -> _Outcome:
    """Runs a network over the images, one batch after another."""
    keeping, settings = replace(pipeline, keep_maps=True), prepared.settings
    examples = prepared.source.dataset.examples
    size = max(1, settings.batch_size // pipeline.view.count)
    batches = (examples[at : at + size] for at in range(0, len(examples), size))
    records: list[Record] = []
    maps: dict[str, list[Maps]] = {}
    for made in records_of(keeping, prepared.source.dataset, batches, settings.threads or 1):
        records += made.records
        for name, each in made.maps.items():
            joined = (_joined(keeping, name, values) for values in each)
            maps.setdefault(name, []).extend(joined)
    table = to_table(records)
    rows = {row.name: outcomes_of(table, row.name) for row in pipeline.methods}
    errors = {name: gt_known_loc(row, pipeline.protocol).value for name, row in rows.items()}
    return _Outcome(errors, {name: row.boxes for name, row in rows.items()}, maps)


def _joined(pipeline: Pipeline, name: str, values: NDArray[np.floating[Any]]) -> Maps:
    """An image's map: of the view's tensors, or as it was read."""
    read = {row.name for row in pipeline.readers}
    as_float = values.astype(np.float32)
    return as_float[0] if name in read else pipeline.view.join(as_float, pipeline.side)


def _rows(prepared: Prepared, trained: _Outcome, now: _Outcome) -> Iterator[SanityRow]:
    for row in prepared.methods:
        if row.name not in now.errors:
            continue  # a randomised network may lack what the method needs
        pairs = list(zip(trained.maps.get(row.name, ()), now.maps.get(row.name, ()), strict=True))
        varied = [(a, b) for a, b in pairs if np.ptp(a) > 0 and np.ptp(b) > 0]
        ranks = [rank_correlation(a, b) for a, b in varied]
        alike = [each for each in (ssim(a, b) for a, b in varied) if each is not None]
        same = (trained.boxes[row.name] == now.boxes[row.name]).all(axis=1)
        yield SanityRow(
            method=row.name,
            title=row.title,
            gt_known_loc=now.errors[row.name],
            rank_correlation=_mean(ranks),
            ssim=_mean(alike),
            compared=len(varied),
            same_boxes=int(same.sum()),
        )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
