"""The log lines of a run about its dataset, its networks and the machine."""

from collections.abc import Sequence

from wsol_bench.engine.catalog import ENGINES
from wsol_bench.engine.resources import gpus_here
from wsol_bench.errors import DataError
from wsol_bench.records.result import Result
from wsol_bench.runs.prepare import Prepared
from wsol_bench.runs.source import Source
from wsol_bench.runtime.names import first_names
from wsol_bench.runtime.progress import log
from wsol_bench.settings import RunSettings

_REPORTED = 10
"""Unreadable images that are reported one by one."""

_SKIPPED = 3
"""Files and rows of the dataset that are left out, named one by one."""


def announce_source(source: Source) -> None:
    """Logs what is absent from or left out of a dataset."""
    if source.note:
        log(source.note)
    missing = source.dataset.missing_ids
    if missing:
        images = "annotated image is" if len(missing) == 1 else "annotated images are"
        log(f"{len(missing):,} {images} absent: {first_names(missing)}. Continuing with the rest.")
    skipped = getattr(source.dataset, "skipped", ())
    for each in skipped[:_SKIPPED]:
        log(f"Left out: {each.name}: {each.reason}.")
    if len(skipped) > _SKIPPED:
        log(f"Left out: {len(skipped) - _SKIPPED:,} more; `data check` lists all.")


def announce_gpus(settings: RunSettings) -> None:
    """Logs that GPUs are idle: a user of several may not know that one is used."""
    gpus = gpus_here(settings) if ENGINES[settings.engine].works_here(settings) else 0
    if gpus > 1 and settings.workers is None:
        log(f"Of {gpus} GPUs here one is used; --workers {gpus} uses all.")


def announce_arch(main: Prepared, missing: dict[str, str], verbose: bool) -> None:
    """Logs the notes on a network and its rows."""
    if verbose and main.ignored:
        log(f"Not needed from the weights: {', '.join(main.ignored)}")
    for note in main.notes:
        log(f"{main.arch.name}: {note}.")
    for row in main.methods:
        passes = row.passes
        if passes is not None:
            each = f"{passes:,} forward passes" if passes else "one forward pass per channel"
            log(f"{row.name}: {each} per image beside the first.")
    for name, reason in missing.items():
        log(f"{name}: n/a on {main.arch.name}: {reason}.")


def report_unreadable(results: Sequence[Result], source: Source) -> None:
    """Logs the images that could not be read, the first ones with the reason."""
    ids = dict.fromkeys(name for result in results for name in result.unreadable)
    for image_id in list(ids)[:_REPORTED]:
        try:
            source.dataset.open(image_id)
        except DataError as error:
            log(f"Unreadable, counted as wrong: {error}")
        else:  # mended meanwhile
            log(f"Unreadable when its turn came, counted as wrong: {image_id}.")
    if len(ids) > _REPORTED:
        log(f"Unreadable, counted as wrong: {len(ids) - _REPORTED:,} more.")
