"""Opens what the settings of a run name: network and methods, over an opened dataset."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch

from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.masks import has_masks
from wsol_bench.errors import NotApplicable, UsageError, find
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.archs.catalog import ARCHS, open_arch
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.archs.preprocessing import changed_fields
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import PRECISIONS, black_pixel
from wsol_bench.networks.outputs import check_output_count, map_classes, map_targets
from wsol_bench.networks.weights.load import LoadedNetwork, has_own_weights, load_weights
from wsol_bench.pipeline.given_scores import GivenScores, read_scores
from wsol_bench.pipeline.pipeline import Pipeline
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import WHOLE_IMAGE
from wsol_bench.records.manifest import Identity
from wsol_bench.runs.checks import AMONG, find_device
from wsol_bench.runs.identify import Weights, identify
from wsol_bench.runs.measuring import protocol_of
from wsol_bench.runs.source import Source
from wsol_bench.runtime.flag_values import expanded
from wsol_bench.scoring.catalog import columns_of, metrics_of
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Prepared:
    """One arch of a run, ready to run.

    Attributes:
        weights: the name of the weights, or of the file of scores in place of a network.
        loaded: the network; None where there is none.
        not_applicable: row -> why this network does not support its method.
        identity: what determines the records, for the manifest.
    """

    settings: RunSettings
    arch: Arch
    weights: str
    loaded: LoadedNetwork | None
    source: Source
    pipeline: Pipeline
    not_applicable: dict[str, str]
    identity: Identity

    @property
    def methods(self) -> tuple[BoundMethod, ...]:
        """The rows that this network supports, in the order of the settings."""
        return self.pipeline.methods

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes for the user on how the network was loaded and opened."""
        return self.loaded.notes if self.loaded else ()

    @property
    def ignored(self) -> tuple[str, ...]:
        """Entries of the weights file that the network has no layer for."""
        return self.loaded.ignored if self.loaded else ()


def _set_outputs(
    network: Network, loaded: LoadedNetwork, settings: RunSettings, source: Source
) -> LoadedNetwork:
    """Puts the network's outputs into the dataset's order where they differ, and adds a note."""
    class_ids = source.dataset.class_ids
    count = loaded.outputs
    if settings.target is not None and source.outputs is not None:
        network.outputs = map_targets(source.outputs, class_ids, count)
        return replace(loaded, name=f"{loaded.name}, {network.outputs.title}")
    if source.outputs is None or (settings.classes is None and count == len(class_ids)):
        check_output_count(count, len(class_ids), loaded.name)
        return loaded
    if settings.classes is None and count != len(source.outputs):
        check_output_count(count, len(class_ids), loaded.name)
    network.outputs = map_classes(source.outputs, class_ids, count, settings.scores)
    return replace(loaded, name=f"{loaded.name}, {network.outputs.title}")


def prepare(settings: RunSettings, source: Source, device_here: str | None = None) -> Prepared:
    """Loads the network and binds each method to its layer.

    Without a network the view is the whole image, as in the output of other programs.

    Args:
        settings: checked.
        source: the dataset and the weights' spec.
        device_here: the device of this process; default: the settings'.

    Raises:
        WeightsError, DataError, UsageError: something is missing or bad; names it.
    """
    arch, dataset = open_arch(settings.arch), source.dataset
    open_scorer = _open_network if arch.topologies else _open_scores
    scorer = open_scorer(arch, settings, source)
    network, loaded = scorer.network, scorer.loaded
    bound, not_applicable = bind(find_methods(settings.methods), dataset, network, loaded)
    device = find_device(device_here or settings.device) if network else torch.device("cpu")
    has_scores = network is not None or scorer.given is not None
    protocol = protocol_of(settings, dataset, has_classes=has_scores and settings.target is None)
    if network is None:
        protocol = replace(protocol, view=WHOLE_IMAGE)
    _check_kept(bound, settings, protocol)
    pipeline = Pipeline(
        network=network.to(device) if network else None,
        preprocessing=loaded.topology.preprocessing if loaded else None,
        methods=bound,
        protocol=protocol,
        device=device,
        blacklist=read_blacklist(settings.blacklist) if settings.blacklist else frozenset(),
        keep_maps=settings.keep_maps,
        class_boxes=settings.boxes == "top5",
        deterministic=_is_deterministic(settings, device),
        columns=columns_of(metrics_of(protocol), with_masks=has_masks(dataset)),
        ranks_classes=settings.target is None,
        given=scorer.given,
    )
    return Prepared(
        settings=settings,
        arch=arch,
        weights=scorer.weights.name,
        loaded=loaded,
        source=source,
        pipeline=pipeline,
        not_applicable=not_applicable,
        identity=identify(arch, scorer.weights, dataset, pipeline),
    )


@dataclass(frozen=True, slots=True)
class _Scorer:
    """The source of a run's scores: a network, a file of scores, or neither."""

    weights: Weights
    loaded: LoadedNetwork | None = None
    network: Network | None = None
    given: GivenScores | None = None


def _open_network(arch: Arch, settings: RunSettings, source: Source) -> _Scorer:
    loaded = load_weights(
        arch,
        _weights_of(arch, settings, source),
        len(source.dataset.class_ids),
        changed_fields(settings),
        any_count=source.outputs is not None,
    )
    network = loaded.network(find("precision", settings.precision, PRECISIONS))
    loaded = _set_outputs(network, loaded, settings, source)
    network.black = black_pixel(loaded.topology.preprocessing)
    return _Scorer(Weights(loaded.name, loaded.sha256), loaded, network)


def _open_scores(arch: Arch, settings: RunSettings, source: Source) -> _Scorer:
    if settings.scores in AMONG:
        return _Scorer(Weights(arch.name, ""))
    given = read_scores(expanded(settings.scores), source.dataset, source.outputs)
    return _Scorer(Weights(given.name, given.sha256), given=given)


def prepare_cam_arch(main: Prepared) -> Prepared | None:
    """The CAM arch of an arch, with the methods that the arch itself does not support.

    None where there is no CAM arch, every method is supported, or the weights are of a
    kind that has none for it.
    """
    name = main.arch.cam_arch
    if name is None or not main.not_applicable:
        return None
    if not has_own_weights(ARCHS[name], main.source.weights):
        return None
    rows = find_methods(main.settings.methods)
    unsupported = tuple(row.spec for row in rows if row.name in main.not_applicable)
    settings = replace(main.settings, arch=name, methods=unsupported)
    return prepare(settings, main.source, str(main.pipeline.device))


def none_can_run(arch: Arch, reasons: Mapping[str, str]) -> UsageError:
    """The error of methods that no network of a run supports; `reasons` has one for each."""
    listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
    return UsageError(f"--methods: none can run on {arch.name}. {listed}.")


def _weights_of(arch: Arch, settings: RunSettings, source: Source) -> str:
    """The user's choice, else the dataset's own if the arch has it, else the arch's."""
    own = settings.weights is None and not has_own_weights(arch, source.weights)
    return arch.default_weights if own else source.weights


def _is_deterministic(settings: RunSettings, device: torch.device) -> bool:
    """The user's choice; by default deterministic on a CPU, where it costs nothing."""
    return device.type == "cpu" if settings.deterministic is None else settings.deterministic


def _check_kept(rows: tuple[BoundMethod, ...], settings: RunSettings, protocol: Protocol) -> None:
    """Refuses to keep maps that show the whole image among those of a view that does not.

    Raises:
        UsageError: there are such maps; states what to do.
    """
    whole = protocol.view == WHOLE_IMAGE
    for row in rows:
        if settings.keep_maps and not whole and row.makes_map and not row.needs_network:
            raise UsageError(
                f"--keep-maps: the maps of {row.name} show the whole image, and the view of "
                f"{protocol.name} is {protocol.view}. Run them with --arch none."
            )


def bind(
    rows: Iterable[BoundMethod],
    dataset: Dataset,
    network: Network | None,
    loaded: LoadedNetwork | None,
) -> tuple[tuple[BoundMethod, ...], dict[str, str]]:
    """Each row at its layer, and the reason of each that the network does not support."""
    bound, not_applicable = [], {}
    for row in rows:
        try:
            bound.append(_bound(row.on(dataset), network, loaded))
        except NotApplicable as error:
            not_applicable[row.name] = str(error)
    return tuple(bound), not_applicable


def _bound(row: BoundMethod, network: Network | None, loaded: LoadedNetwork | None) -> BoundMethod:
    if network and loaded:
        return row.to(network, loaded.topology.roles, loaded.topology.preprocessing.size)
    if row.needs_network:
        raise NotApplicable("its maps come from a forward pass; give --arch")
    return row
