"""Settings become a result: what they name is looked up, run, stored and scored."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.wording import first_names
from wsol_bench.engine.local import run_here, shards_of
from wsol_bench.errors import NotApplicable, RunError, UsageError, find
from wsol_bench.gate import IMAGES, Gate
from wsol_bench.manifest import describe, identify
from wsol_bench.methods.catalog import METHODS
from wsol_bench.methods.entry import BoxMethod, MapMethod, Method, Settings
from wsol_bench.networks.archs import ARCHS
from wsol_bench.networks.entry import Arch
from wsol_bench.networks.forward import PIXELS, Network
from wsol_bench.networks.weights import LoadedNetwork, load_weights
from wsol_bench.pipeline import Pipeline, Placed
from wsol_bench.progress import progress, say
from wsol_bench.protocol import PROTOCOLS
from wsol_bench.records import Dataset, Record
from wsol_bench.result import Result, Row
from wsol_bench.scoring import score
from wsol_bench.settings import RunSettings
from wsol_bench.store import RunFolder, count_states, outcomes_of


def evaluate(settings: RunSettings, *, quiet: bool = False, verbose: bool = False) -> Result:
    """Runs one arch with some methods over one dataset.

    Args:
        settings: what to run. With `out`, shards already there are kept.
        quiet: say nothing on stderr.
        verbose: say also which entries of the weights the network does not need.

    Raises:
        UsageError: a name or a flag does not make sense, or `out` holds another run.
        DataError, WeightsError: something is missing or bad; names the file.
        RunError: the gate failed, or a score or map is NaN.
    """
    prepared = _prepare(settings)
    if not quiet:
        _announce(prepared, verbose)
    with _folder_of(settings) as folder:
        folder.begin(prepared.identity)
        seconds = _run(prepared, folder, quiet)
        result = _score(prepared, folder, seconds)
        folder.write_manifest(
            describe(prepared.identity, settings, result, _facts(prepared))
        )
    return result


def _facts(prepared: "_Prepared") -> dict[str, object]:
    """What a manifest says of a run beside what decides its records."""
    return {
        "device": str(prepared.device),
        "weights_ignored": list(prepared.loaded.ignored),
        "missing_images": len(prepared.dataset.missing_ids),
    }


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A run with every name looked up."""

    settings: RunSettings
    arch: Arch
    loaded: LoadedNetwork
    dataset: Dataset
    pipeline: Pipeline
    methods: tuple[Method, ...]
    not_applicable: dict[str, str]
    identity: dict[str, object]

    @property
    def device(self) -> torch.device:
        return self.pipeline.device


def _prepare(settings: RunSettings) -> _Prepared:
    arch = find("arch", settings.arch, ARCHS)
    protocol = find("protocol", settings.protocol, PROTOCOLS)
    asked = tuple(find("method", name, METHODS) for name in dict.fromkeys(settings.methods))
    _check_numbers(settings)
    device = _find_device(settings.device)
    blacklist = read_blacklist(settings.blacklist) if settings.blacklist else frozenset()
    dataset = open_dataset(
        Path(settings.data),
        settings.layout,
        limit=settings.limit,
        allow_missing=settings.allow_missing,
    )
    loaded = load_weights(arch, settings.weights, len(dataset.wnids))
    network = Network(loaded.module, loaded.topology.roles["classifier"])
    placed, not_applicable = _place(network, loaded, asked, settings.layers)
    baselines = tuple(method for method in asked if isinstance(method, BoxMethod))
    if not placed and not baselines:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in not_applicable.items())
        raise UsageError(f"--methods: none can run on {arch.name}. {reasons}.")
    pipeline = Pipeline(
        network=network.to(device),
        preprocessing=loaded.topology.preprocessing,
        methods=placed,
        baselines=baselines,
        protocol=protocol,
        settings=Settings(layers=settings.layers, sigma=settings.sigma),
        device=device,
        blacklist=blacklist,
    )
    identity = identify(arch, loaded, dataset, pipeline)
    return _Prepared(settings, arch, loaded, dataset, pipeline, asked, not_applicable, identity)


def _check_numbers(settings: RunSettings) -> None:
    if settings.batch_size < 1:
        raise UsageError(f"--batch-size {settings.batch_size}: expected 1 or more.")
    if settings.threads is not None and settings.threads < 1:
        raise UsageError(f"--threads {settings.threads}: expected 1 or more.")
    if not 0 <= settings.sigma <= 1:
        raise UsageError(f"--sigma {settings.sigma:g}: expected a share of the side, 0 to 1.")
    for method in settings.layers:
        if not isinstance(find("method", method, METHODS), MapMethod):
            raise UsageError(f"--layer {method}=...: {method} reads no layer.")


def _find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--device {name}: not usable here ({reason}). Try --device cpu."
        ) from error
    return device


def _place(
    network: Network, loaded: LoadedNetwork, asked: tuple[Method, ...], layers: dict[str, str]
) -> tuple[tuple[Placed, ...], dict[str, str]]:
    """Each map method at its layer, and why those that cannot run cannot."""
    placed, not_applicable = [], {}
    for method in asked:
        if isinstance(method, BoxMethod):
            continue
        default = loaded.topology.roles[method.role] if method.role else PIXELS
        layer = layers.get(method.name, default)
        try:
            method.check(network, layer)
        except NotApplicable as error:
            not_applicable[method.name] = str(error)
        else:
            placed.append(Placed(method, layer))
    return tuple(placed), not_applicable


def _announce(prepared: _Prepared, verbose: bool) -> None:
    missing = prepared.dataset.missing_ids
    if missing:
        images = "annotated image is" if len(missing) == 1 else "annotated images are"
        say(f"{len(missing):,} {images} absent: {first_names(missing)}. Going on with the rest.")
    if verbose and prepared.loaded.ignored:
        say(f"Not needed from the weights: {', '.join(prepared.loaded.ignored)}")
    for name, reason in prepared.not_applicable.items():
        say(f"{METHODS[name].title}: n/a on {prepared.arch.name}. {reason}.")


@contextmanager
def _folder_of(settings: RunSettings) -> Iterator[RunFolder]:
    if settings.out is not None:
        yield RunFolder(settings.out)
    else:
        with tempfile.TemporaryDirectory(prefix="wsol_bench-") as path:
            yield RunFolder(Path(path))


def _run(prepared: _Prepared, folder: RunFolder, quiet: bool) -> float:
    """Makes the records that are missing; gives the seconds of all sessions."""
    started = time.monotonic()
    earlier = folder.manifest().get("seconds", 0.0)
    settings, dataset = prepared.settings, prepared.dataset
    shards = shards_of(dataset.examples)
    there = sum(len(shard) for number, shard in enumerate(shards) if folder.has_shard(number))
    if there and not quiet:
        say(f"{there} of {len(dataset.examples)} images are already in {folder.path}; kept.")
    gate = _gate_of(prepared, len(dataset.examples) - there)
    left = len(dataset.examples) - there
    with progress(prepared.arch.title, left, quiet=quiet or not left) as advance:

        def on_records(records: list[Record]) -> None:
            if gate:
                gate.watch(records)
            advance(len({record.image_id for record in records}))

        run_here(
            prepared.pipeline,
            dataset,
            folder,
            settings.batch_size,
            settings.threads or os.cpu_count() or 1,
            on_records,
        )
    return float(earlier) + time.monotonic() - started


def _gate_of(prepared: _Prepared, images: int) -> Gate | None:
    asked = prepared.settings.gate
    published = prepared.loaded.topology.published
    if asked is None or images == 0:
        return None
    if not isinstance(asked, str):
        return Gate(float(asked), "the figure you gave", min(IMAGES, images))
    if published is None or not _is_ilsvrc(prepared.dataset):
        raise UsageError(
            f"--gate: no error is published for {prepared.loaded.name} on {prepared.dataset.name}. "
            "Name one: --gate PERCENT."
        )
    return Gate(published.top1, f"published ({published.source})", min(IMAGES, images))


def _is_ilsvrc(dataset: Dataset) -> bool:
    return tuple(dataset.wnids) == tuple(official_classes().wnids)


def _score(prepared: _Prepared, folder: RunFolder, seconds: float) -> Result:
    table = folder.read()
    ran = [method for method in prepared.methods if method.name not in prepared.not_applicable]
    n = len(prepared.dataset.examples)
    if len(table) != n * len(ran):
        raise RunError(
            f"{folder.path}: {len(table)} records, expected {n * len(ran)} ({n} images, "
            f"{len(ran)} methods). Remove the folder and run again."
        )
    rows = [
        Row(
            method.name,
            method.title,
            score(outcomes_of(table, method.name), prepared.pipeline.protocol),
        )
        for method in ran
    ]
    return Result(
        arch=prepared.arch.name,
        weights=prepared.loaded.name,
        dataset=prepared.dataset.name,
        protocol=prepared.pipeline.protocol.name,
        n=n,
        rows=tuple(rows),
        not_applicable=prepared.not_applicable,
        map_states=count_states(table, [method.name for method in ran]),
        seconds=seconds,
        is_ilsvrc=_is_ilsvrc(prepared.dataset),
    )
