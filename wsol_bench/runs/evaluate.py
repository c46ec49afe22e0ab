"""Runs archs over a dataset: opens, executes, stores and scores them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree

from wsol_bench.datasets.annotation_mismatch import COLUMNS, Disagreements, disagreements
from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.masks import has_masks
from wsol_bench.engine.catalog import ENGINES
from wsol_bench.errors import DataError, find
from wsol_bench.methods.catalog import find_methods
from wsol_bench.networks.determinism import fix_order_of_sums
from wsol_bench.records.manifest import DataSource, Manifest
from wsol_bench.records.result import Result
from wsol_bench.records.run_folder import RunFolder
from wsol_bench.runs.announcements import (
    announce_arch,
    announce_gpus,
    announce_source,
    report_unreadable,
)
from wsol_bench.runs.checks import check_settings
from wsol_bench.runs.execute import RunStatistics, make_records
from wsol_bench.runs.identify import rows_of, versions
from wsol_bench.runs.prepare import Prepared, none_can_run, prepare, prepare_cam_arch
from wsol_bench.runs.results import merge_results, score_records, write_result
from wsol_bench.runs.source import Source, open_source
from wsol_bench.runtime.interrupt import Stop, on_signals
from wsol_bench.runtime.progress import log
from wsol_bench.settings import RunSettings


def evaluate(
    settings: RunSettings, *, quiet: bool = False, verbose: bool = False
) -> tuple[Result, ...]:
    """Runs the archs that the settings name over one dataset.

    An arch whose own network does not support CAM adds the row of its CAM arch if the weights
    are of a kind that has both. With `out`, shards already there are kept.

    Args:
        settings: what to run; `arch` may be one of `settings.ARCH_SETS`.
        quiet: print nothing on stderr.
        verbose: also list entries of the weights that the network does not need.

    Returns:
        One result per arch.

    Raises:
        UsageError: a name or a flag does not make sense, or `out` holds another run.
        DataError, WeightsError: something is missing or bad; names the file.
        RunError: the gate failed, a score or map is NaN, or workers are lost.
        Interrupted: a signal requested a stop; finished batches are kept in `out`.
    """
    fix_order_of_sums()
    engine = find("engine", settings.engine, ENGINES)
    engine.check(settings)
    each = settings.by_arch()
    for one in each:
        check_settings(one, _device_here(one))
    with on_signals() as stop:
        source = open_source(settings, quiet=quiet)
        session = Session(source, stop, quiet, verbose)
        if not quiet:
            announce_source(source)
            announce_gpus(settings)
        results = tuple(_evaluate_arch(one, session) for one in each)
        if not quiet:
            report_unreadable(results, source)
            for line in session.notes:
                log(line)
        return results


@dataclass(frozen=True, slots=True)
class Session:
    """The settings and state that all archs of one call share.

    Attributes:
        source: the images.
        stop: whether a signal came.
        quiet, verbose: see `evaluate`.
        notes: lines to log at the end, each once, in order.
    """

    source: Source
    stop: Stop
    quiet: bool
    verbose: bool
    notes: dict[str, None] = field(default_factory=dict)


def _evaluate_arch(settings: RunSettings, session: Session) -> Result:
    main = prepare(settings, session.source, _device_here(settings))
    networks = [
        prepared for prepared in (main, prepare_cam_arch(main)) if prepared and prepared.methods
    ]
    supported = {method.name for prepared in networks for method in prepared.methods}
    missing = {name: why for name, why in main.not_applicable.items() if name not in supported}
    if not networks:
        raise none_can_run(main.arch, missing)
    if not session.quiet:
        announce_arch(main, missing, session.verbose)
    with _folder_of(settings, session.stop) as path:
        folders = [
            RunFolder(path),
            *(RunFolder(path / prepared.arch.name) for prepared in networks[1:]),
        ]
        made = [
            _make_records_of(prepared, settings, folder, session)
            for prepared, folder in zip(networks, folders, strict=True)
        ]
        results = [
            score_records(prepared, folder, statistics.seconds)
            for prepared, folder, statistics in zip(networks, folders, made, strict=True)
        ]
        order = [row.name for row in find_methods(settings.methods)]
        merged = merge_results(results, order, missing)
        odd = _mismatches(folders[0], session.source)
        session.notes.update(dict.fromkeys(odd.lines()))
        for prepared, folder, statistics, own in zip(networks, folders, made, results, strict=True):
            # The first network's folder is the run's and holds the rows of all.
            result, asked = (
                (merged, settings) if prepared is networks[0] else (own, prepared.settings)
            )
            write_result(prepared, folder, statistics, result, asked, odd)
    return merged


def _mismatches(folder: RunFolder, source: Source) -> Disagreements:
    first = folder.manifest().rows[0].name
    return disagreements(folder.row(first, COLUMNS), source.dataset.examples)


def _device_here(settings: RunSettings) -> str:
    """The device on which this process opens the network; the CPU if others do the work."""
    return settings.device if ENGINES[settings.engine].works_here(settings) else "cpu"


def _make_records_of(
    prepared: Prepared, settings: RunSettings, folder: RunFolder, session: Session
) -> RunStatistics:
    """Makes the missing records: first of rows that the folder has, then of new ones."""
    before = {row.name for row in folder.manifest().rows} if folder.exists() else set()
    dataset = prepared.source.dataset
    manifest = folder.begin(
        Manifest(
            identity=prepared.identity,
            rows=rows_of(prepared.methods),
            data=_data_of(settings, dataset),
            versions=versions(),
            class_ids=tuple(dataset.class_ids),
            class_names=tuple(dataset.class_names),
        )
    )
    known = [row for row in prepared.methods if row.name in before]
    new = [row for row in prepared.methods if row.name not in before]
    if known and new and not session.quiet:
        log(f"{folder.path}: adds {', '.join(row.name for row in new)} to {len(before)} rows.")
    statistics = RunStatistics(manifest.seconds_of_network, (), manifest.machines)
    for rows in (known, new):
        if rows:
            own = replace(
                prepared,
                settings=replace(prepared.settings, methods=tuple(row.spec for row in rows)),
                pipeline=replace(prepared.pipeline, methods=tuple(rows)),
            )
            statistics = make_records(own, folder, session.stop, quiet=session.quiet)
    return statistics


def _only_classes(settings: RunSettings, dataset: Dataset) -> tuple[str, ...]:
    if settings.classes is None and settings.target is None:
        return ()
    labels = sorted({each.label for each in dataset.examples})
    return tuple(dataset.class_ids[label] for label in labels)


def _data_of(settings: RunSettings, dataset: Dataset) -> DataSource:
    return DataSource(
        path=settings.data,
        layout=settings.layout,
        limit=settings.limit,
        split=settings.split,
        box_ends=settings.box_ends,
        has_masks=has_masks(dataset),
        only_classes=_only_classes(settings, dataset),
        corners=getattr(dataset, "corners", "inclusive"),
    )


@contextmanager
def _folder_of(settings: RunSettings, stop: Stop) -> Iterator[Path]:
    if settings.out is not None:
        yield settings.out
        return
    try:
        temporary = tempfile.TemporaryDirectory(prefix="wsol_bench-")
    except OSError as error:
        raise DataError(
            f"no folder for temporary files can be made ({error.strerror or error}). "
            "Set TMPDIR to a folder that can be written, or give --out."
        ) from error
    with (
        temporary as path,
        stop.at_once(lambda: rmtree(path, ignore_errors=True)),
    ):
        yield Path(path)
