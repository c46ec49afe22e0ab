"""Checks the settings of a run and opens what they name: dataset, network and methods."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import is_ilsvrc, official_classes
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.masks import has_masks
from wsol_bench.datasets.named import NAMED
from wsol_bench.datasets.with_classes import with_classes
from wsol_bench.errors import NotApplicable, UsageError, find
from wsol_bench.methods.catalog import METHODS, find_methods
from wsol_bench.methods.entry import BoundMethod
from wsol_bench.networks.archs.catalog import ARCHS, open_arch
from wsol_bench.networks.archs.entry import Arch
from wsol_bench.networks.archs.preprocessing import changed_fields
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import PRECISIONS, black_pixel
from wsol_bench.networks.outputs import check_output_count, map_classes, read_table
from wsol_bench.networks.weights.load import LoadedNetwork, has_own_weights, load_weights
from wsol_bench.pipeline.pipeline import Pipeline
from wsol_bench.protocols.overrides import resolve
from wsol_bench.records.manifest import Identity
from wsol_bench.runs.identify import identify
from wsol_bench.runs.measuring import check_metrics, protocol_of
from wsol_bench.runtime.flag_values import expanded
from wsol_bench.scoring.catalog import columns_of, metrics_of
from wsol_bench.settings import RunSettings

FALLBACK_WEIGHTS = "torchvision"
"""Where neither the user nor the dataset names any."""


@dataclass(frozen=True, slots=True)
class Source:
    """The images of a run, opened once for all its archs.

    Attributes:
        dataset: the examples.
        weights: the spec of the weights to use with it.
        note: what a user must know of the dataset, or "".
        outputs: class id -> output of the network, where the two differ; else None.
    """

    dataset: Dataset
    weights: str
    note: str
    outputs: Mapping[str, int] | None = None

    @property
    def is_ilsvrc(self) -> bool:
        """Whether its classes are the 1,000 of ILSVRC, as published figures need."""
        return is_ilsvrc(self.dataset)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One arch of a run, ready to run.

    Attributes:
        not_applicable: row -> why this network does not support its method.
        unsupported: the specs, or objects from Python, of these rows.
        identity: what decides the records, for the manifest.
    """

    settings: RunSettings
    arch: Arch
    loaded: LoadedNetwork
    source: Source
    pipeline: Pipeline
    not_applicable: dict[str, str]
    unsupported: tuple[Any, ...]
    identity: Identity

    @property
    def methods(self) -> tuple[BoundMethod, ...]:
        """The rows that this network supports, in the order of the settings."""
        return self.pipeline.methods


def open_source(settings: RunSettings, *, quiet: bool) -> Source:
    """Opens the dataset that the settings name.

    Raises:
        UsageError, DataError: see `open_dataset`.
    """
    named = NAMED.get(settings.data)
    path = named.folder(quiet=quiet) if named else expanded(settings.data)
    dataset: Dataset = open_dataset(
        path,
        settings.layout,
        limit=settings.limit,
        allow_missing=settings.allow_missing,
        split=settings.split,
        box_ends=settings.box_ends,
    )
    weights = settings.weights or (named.weights if named else FALLBACK_WEIGHTS)
    note = named.note if named else ""
    table = read_table(settings.classes) if settings.classes else _official_outputs(dataset)
    if table is not None:
        dataset, left_out = with_classes(dataset, table)
        note = " ".join(filter(None, (note, left_out)))
    return Source(dataset, weights, note, table)


def _official_outputs(dataset: Dataset) -> Mapping[str, int] | None:
    """ILSVRC's own order, for a dataset of some of its 1,000 classes."""
    official = official_classes()
    some = len(dataset.class_ids) < len(official.class_ids)
    known = all(each in official.index_of for each in dataset.class_ids)
    return official.index_of if some and known else None


def _set_outputs(
    network: Network, loaded: LoadedNetwork, settings: RunSettings, source: Source
) -> LoadedNetwork:
    """Puts the network's outputs into the dataset's order where they differ, and adds a note."""
    class_ids = source.dataset.class_ids
    count = loaded.outputs
    if source.outputs is None or (settings.classes is None and count == len(class_ids)):
        check_output_count(count, len(class_ids), loaded.name)
        return loaded
    if settings.classes is None and count != len(source.outputs):
        check_output_count(count, len(class_ids), loaded.name)
    network.outputs = map_classes(source.outputs, class_ids, count, settings.scores)
    return replace(loaded, name=f"{loaded.name}, {network.outputs.title}")


def check_settings(settings: RunSettings) -> None:
    """Checks names and numbers before anything is opened.

    Raises:
        UsageError: one does not; names the flag.
    """
    _check_arch(settings)
    changed_fields(settings)
    protocol = resolve(settings.protocol, settings.set)
    if protocol.sweep:
        raise UsageError(
            f"--protocol {settings.protocol}: is scored at every threshold, on kept maps. Run "
            f"with --keep-maps --out RUN, then: score RUN --protocol {settings.protocol}."
        )
    check_metrics(settings, protocol)
    _check_methods(settings)
    if not settings.methods:
        raise UsageError(f"--methods: expected names, such as {', '.join(METHODS)}.")
    if settings.batch_size < 1:
        raise UsageError(f"--batch-size {settings.batch_size}: expected 1 or more.")
    if settings.allow_unreadable < 0:
        raise UsageError(f"--allow-unreadable {settings.allow_unreadable}: expected 0 or more.")
    if settings.threads is not None and settings.threads < 1:
        raise UsageError(f"--threads {settings.threads}: expected 1 or more.")
    find_device(settings.device)


def prepare(settings: RunSettings, source: Source) -> Prepared:
    """Loads the network and binds each method to its layer.

    Args:
        settings: checked.
        source: the dataset and the weights' spec.

    Raises:
        WeightsError, DataError, UsageError: something is missing or bad; names it.
    """
    arch = open_arch(settings.arch)
    blacklist = read_blacklist(settings.blacklist) if settings.blacklist else frozenset()
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
    asked = find_methods(settings.methods)
    bound, not_applicable = _bind(network, loaded, source.dataset, asked)
    device = find_device(settings.device)
    protocol = protocol_of(settings, source.dataset)
    pipeline = Pipeline(
        network=network.to(device),
        preprocessing=loaded.topology.preprocessing,
        methods=bound,
        protocol=protocol,
        device=device,
        blacklist=blacklist,
        keep_maps=settings.keep_maps,
        class_boxes=settings.boxes == "top5",
        deterministic=_is_deterministic(settings, device),
        columns=columns_of(metrics_of(protocol), with_masks=has_masks(source.dataset)),
    )
    return Prepared(
        settings=settings,
        arch=arch,
        loaded=loaded,
        source=source,
        pipeline=pipeline,
        not_applicable=not_applicable,
        unsupported=tuple(row.spec for row in asked if row.name in not_applicable),
        identity=identify(arch, loaded, source.dataset, pipeline),
    )


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
    return prepare(replace(main.settings, arch=name, methods=main.unsupported), main.source)


def _check_arch(settings: RunSettings) -> None:
    if settings.arch is None:
        raise UsageError(
            "--arch: expected a network. A first run, which needs no data and no download:\n"
            "  wsol-bench run --arch vgg16\n"
            "Names: list archs. Your own: torchvision:NAME, timm:NAME, FILE.py:FUNCTION, and in "
            "Python an nn.Module."
        )
    if isinstance(settings.arch, str):
        open_arch(settings.arch)
    elif (settings.workers or 1) > 1 or settings.engine != "local":
        raise UsageError(
            "arch: a module from Python lives in this process alone. For workers or Ray, write a "
            "function that returns it into a file and give arch='FILE.py:FUNCTION'."
        )


def _check_methods(settings: RunSettings) -> None:
    find_methods(settings.methods)
    from_python = [each for each in settings.methods if not isinstance(each, str)]
    if from_python and ((settings.workers or 1) > 1 or settings.engine != "local"):
        raise UsageError(
            f"methods: {from_python[0]} from Python lives in this process alone. For workers or "
            "Ray, write the function into a file and give methods=['FILE.py:FUNCTION']."
        )


def _weights_of(arch: Arch, settings: RunSettings, source: Source) -> str:
    """What the user named, else the dataset's own where the arch has such, else the arch's."""
    own = settings.weights is None and not has_own_weights(arch, source.weights)
    return arch.default_weights if own else source.weights


def _is_deterministic(settings: RunSettings, device: torch.device) -> bool:
    """The user's choice; by default deterministic on a CPU, where it costs nothing."""
    return device.type == "cpu" if settings.deterministic is None else settings.deterministic


def find_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU where there is one.

    Raises:
        UsageError: torch cannot use it here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()  # which meta, without numbers, cannot
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--device {name}: not usable here ({reason}). Try --device cpu."
        ) from error
    return device


def _bind(
    network: Network, loaded: LoadedNetwork, dataset: Dataset, rows: tuple[BoundMethod, ...]
) -> tuple[tuple[BoundMethod, ...], dict[str, str]]:
    """Each row at its layer, and the reason of each that the network does not support."""
    bound, not_applicable = [], {}
    for row in rows:
        try:
            bound.append(
                row.on(dataset).to(
                    network, loaded.topology.roles, loaded.topology.preprocessing.size
                )
            )
        except NotApplicable as error:
            not_applicable[row.name] = str(error)
    return tuple(bound), not_applicable
