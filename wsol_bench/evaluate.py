"""A prepared run becomes a result: run, stored, scored, its arch's CAM net included."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wsol_bench.datasets.wording import first_names
from wsol_bench.engine.local import run_here, shards_of
from wsol_bench.errors import RunError, UsageError
from wsol_bench.gate import IMAGES, Gate
from wsol_bench.manifest import describe
from wsol_bench.methods.catalog import METHODS
from wsol_bench.networks.archs import ARCHS
from wsol_bench.networks.weights import has_own_weights
from wsol_bench.prepare import Prepared, Source, check, open_source, prepare
from wsol_bench.progress import progress, say
from wsol_bench.records import Record
from wsol_bench.result import Result, Row
from wsol_bench.scoring import score
from wsol_bench.settings import RunSettings
from wsol_bench.store import RunFolder, count_states, outcomes_of


def evaluate(
    settings: RunSettings, *, quiet: bool = False, verbose: bool = False
) -> tuple[Result, ...]:
    """Runs the archs that the settings name over one dataset.

    An arch whose own net cannot carry CAM brings its CAM net's row along where the
    weights are of a kind that has both. With `out`, shards already there are kept.

    Args:
        settings: what to run; `arch` may be one of `settings.ARCH_SETS`.
        quiet: say nothing on stderr.
        verbose: say also which entries of the weights the network does not need.

    Returns:
        One result per arch.

    Raises:
        UsageError: a name or a flag does not make sense, or `out` holds another run.
        DataError, WeightsError: something is missing or bad; names the file.
        RunError: the gate failed, or a score or map is NaN.
    """
    each = settings.by_arch()
    for one in each:
        check(one)
    source = open_source(settings, quiet=quiet)
    if not quiet:
        _announce(source)
    return tuple(_evaluate_arch(one, source, quiet, verbose) for one in each)


def _evaluate_arch(settings: RunSettings, source: Source, quiet: bool, verbose: bool) -> Result:
    main = prepare(settings, source)
    parts = [part for part in (main, _companion_of(main)) if part and part.methods]
    carried = {method.name for part in parts for method in part.methods}
    missing = {name: why for name, why in main.not_applicable.items() if name not in carried}
    if not parts:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        raise UsageError(f"--methods: none can run on {main.arch.name}. {reasons}.")
    if not quiet:
        _announce_arch(main, missing, verbose)
    with _folder_of(settings) as path:
        places = [path, *(path / part.arch.name for part in parts[1:])]
        results = [
            _evaluate_part(part, RunFolder(place), quiet)
            for part, place in zip(parts, places, strict=True)
        ]
        result = _merge(results, settings.methods, missing)
        RunFolder(path).write_manifest(describe(parts[0].identity, settings, result, _facts(main)))
    return result


def _companion_of(main: Prepared) -> Prepared | None:
    """The CAM net of an arch, with the methods that the arch's own net cannot carry."""
    name = main.arch.companion
    if name is None or not main.not_applicable:
        return None
    if not has_own_weights(ARCHS[name], main.source.weights):
        return None
    return prepare(
        replace(main.settings, arch=name, methods=tuple(main.not_applicable)), main.source
    )


def _evaluate_part(part: Prepared, folder: RunFolder, quiet: bool) -> Result:
    folder.begin(part.identity)
    seconds = _run(part, folder, quiet)
    result = _score(part, folder, seconds)
    folder.write_manifest(describe(part.identity, part.settings, result, _facts(part)))
    return result


def _facts(part: Prepared) -> dict[str, object]:
    """What a manifest says beside what decides the records."""
    return {
        "device": str(part.pipeline.device),
        "weights_ignored": list(part.loaded.ignored),
        "missing_images": len(part.source.dataset.missing_ids),
        "wnids": list(part.source.dataset.wnids),
        "class_names": list(part.source.dataset.class_names),
    }


def _merge(
    results: Sequence[Result], methods: Sequence[str], not_applicable: dict[str, str]
) -> Result:
    """One result, its rows in the order in which the methods were asked for."""
    rows = [row for result in results for row in result.rows]
    return replace(
        results[0],
        rows=tuple(sorted(rows, key=lambda row: methods.index(row.method))),
        not_applicable=not_applicable,
        map_states={name: counts for each in results for name, counts in each.map_states.items()},
        seconds=sum(result.seconds for result in results),
    )


def _announce(source: Source) -> None:
    if source.note:
        say(source.note)
    missing = source.dataset.missing_ids
    if missing:
        images = "annotated image is" if len(missing) == 1 else "annotated images are"
        say(f"{len(missing):,} {images} absent: {first_names(missing)}. Going on with the rest.")


def _announce_arch(main: Prepared, missing: dict[str, str], verbose: bool) -> None:
    if verbose and main.loaded.ignored:
        say(f"Not needed from the weights: {', '.join(main.loaded.ignored)}")
    for name, reason in missing.items():
        say(f"{METHODS[name].title}: n/a on {main.arch.name}. {reason}.")


@contextmanager
def _folder_of(settings: RunSettings) -> Iterator[Path]:
    if settings.out is not None:
        yield settings.out
    else:
        with tempfile.TemporaryDirectory(prefix="wsol_bench-") as path:
            yield Path(path)


def _run(part: Prepared, folder: RunFolder, quiet: bool) -> float:
    """Makes the records that are missing; gives the seconds of all sessions."""
    started = time.monotonic()
    earlier = folder.manifest().get("seconds", 0.0)
    dataset = part.source.dataset
    shards = shards_of(dataset.examples)
    there = sum(len(shard) for number, shard in enumerate(shards) if folder.has_shard(number))
    left = len(dataset.examples) - there
    if there and not quiet:
        say(f"{there} of {len(dataset.examples)} images are already in {folder.path}; kept.")
    gate = _gate_of(part, left)
    with progress(part.arch.title, left, quiet=quiet or not left) as advance:

        def on_records(records: list[Record]) -> None:
            if gate:
                gate.watch(records)
            advance(len({record.image_id for record in records}))

        threads = part.settings.threads or os.cpu_count() or 1
        run_here(part.pipeline, dataset, folder, part.settings.batch_size, threads, on_records)
    return float(earlier) + time.monotonic() - started


def _gate_of(part: Prepared, images: int) -> Gate | None:
    asked = part.settings.gate
    published = part.loaded.topology.published
    if asked is None or images == 0:
        return None
    if not isinstance(asked, str):
        return Gate(float(asked), "the figure you gave", min(IMAGES, images))
    if published is None or not part.source.is_ilsvrc:
        raise UsageError(
            f"--gate: no error is published for {part.loaded.name} on "
            f"{part.source.dataset.name}. Name one: --gate PERCENT."
        )
    return Gate(published.top1, f"published ({published.source})", min(IMAGES, images))


def _score(part: Prepared, folder: RunFolder, seconds: float) -> Result:
    table = folder.read()
    names = [method.name for method in part.methods]
    n = len(part.source.dataset.examples)
    if len(table) != n * len(names):
        raise RunError(
            f"{folder.path}: {len(table)} records, expected {n * len(names)} ({n} images, "
            f"{len(names)} methods). Remove the folder and run again."
        )
    protocol = part.pipeline.protocol
    return Result(
        arch=part.arch.name,
        weights=part.loaded.name,
        dataset=part.source.dataset.name,
        protocol=protocol.name,
        summary=protocol.summary,
        n=n,
        rows=tuple(
            Row(
                part.arch.name,
                part.loaded.name,
                method.name,
                method.title,
                score(outcomes_of(table, method.name), protocol),
            )
            for method in part.methods
        ),
        not_applicable=part.not_applicable,
        map_states=count_states(table, names),
        seconds=seconds,
        is_ilsvrc=part.source.is_ilsvrc,
    )
