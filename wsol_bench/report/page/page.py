"""`report`: one self-contained HTML page."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wsol_bench.analysis.run_images import find_images
from wsol_bench.analysis.scored_run import ReportRun, open_runs
from wsol_bench.errors import UsageError
from wsol_bench.report.page.content import Page, RunView, gather
from wsol_bench.report.page.gallery import Album, gallery_of
from wsol_bench.report.page.html import render, require_file, write_page
from wsol_bench.runtime.progress import log, progress
from wsol_bench.scoring.metric import BoundMetric

MEGABYTE = 1_000_000

_SPARE = 10_000
"""Bytes that the sentences of the galleries add to a page."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Options of a report.

    Attributes:
        out: the file to write.
        data: folder or tar of the images; default: the one that the runs were made on.
        max_mb: maximum size of the file, which limits the galleries.
        pictures: maximum number of images per run.
        quiet: print nothing on stderr.
        metrics: columns of the table of figures; default: those of each run's protocol.
        methods: names of the rows; default: all.
    """

    out: Path
    data: Path | None
    max_mb: float
    pictures: int
    quiet: bool
    metrics: tuple[BoundMetric, ...] = ()
    methods: tuple[str, ...] = ()


def write_report(paths: Sequence[Path], settings: PageSettings) -> None:
    """Writes a report of some runs and prints its path and size on stdout.

    Raises:
        UsageError: an option is invalid, or a run is named twice.
        DataError: a folder holds no finished run, `data` is not the runs' dataset, or the
            file cannot be written.
    """
    _check(settings)
    began = time.monotonic()
    runs = open_runs(paths, settings.metrics, settings.methods)
    for run in runs:
        _require_errors(run)
    page = gather(runs, settings.max_mb, quiet=settings.quiet)
    full = _with_pictures(page, settings)
    text = render(full)
    write_page(settings.out, text)
    megabytes = len(text.encode()) / MEGABYTE
    pictured = sum(view.gallery.pictured for view in full.views if view.gallery)
    print(
        f"{settings.out}: {megabytes:.2f} MB, {pictured:,} pictures, "
        f"{time.monotonic() - began:.1f} s"
    )
    if megabytes > settings.max_mb and not settings.quiet:
        log(f"The page exceeds {settings.max_mb:g} MB without any image.")


def _with_pictures(page: Page, settings: PageSettings) -> Page:
    """Adds images up to the size limit, which the runs share equally."""
    bare = len(render(page).encode()) + _SPARE
    limit = round(settings.max_mb * MEGABYTE)
    album = Album(0)
    views = []
    for view in page.views:
        album.left += (limit - bare) // len(page.views)
        views.append(_pictured(view, album, settings))
        if not settings.quiet and views[-1].no_pictures:
            log(f"{view.run.path}: no images: {views[-1].no_pictures}.")
    size = bare + (limit - bare - album.left if bare < limit else 0)
    return replace(
        page, views=tuple(views), images=album.images, megabytes=f"{size / MEGABYTE:.1f}"
    )


def _pictured(view: RunView, album: Album, settings: PageSettings) -> RunView:
    if not settings.pictures:
        return replace(view, no_pictures="none were requested")
    data = None if settings.data is None else str(settings.data)
    dataset, reason = find_images(view.run.manifest, data, quiet=settings.quiet)
    if dataset is None:
        return replace(view, no_pictures=f"{reason}; --data names their folder")
    images = min(settings.pictures, view.run.n)
    with progress(f"Pictures, {view.run.label}", images, quiet=settings.quiet) as advance:
        gallery = gallery_of(
            view.run,
            dataset,
            album,
            settings.pictures,
            progress=advance,
            complain=_silent if settings.quiet else log,
        )
    if not gallery.pictured:
        unread = gallery.unreadable
        why = "no image could be read" if unread else "the size limit is too small"
        return replace(view, no_pictures=why)
    return replace(view, gallery=gallery)


def _silent(message: str) -> None:
    """Ignores a message."""


def _require_errors(run: ReportRun) -> None:
    """Checks that a run has the errors of localization, which the page compares."""
    table = run.rows[0].table
    if not any(len(classes) for classes in table["classes"][:1].to_pylist()):
        raise UsageError(
            f"report: {run.label} has no classes, which the page's figures need: it was made with "
            "--arch none or --target. Make it with --scores FILE, or take `table`, `pairs` and "
            "`figure`."
        )
    if not any(len(boxes) for boxes in table["true_boxes"].to_pylist()):
        raise UsageError(
            f"report: {run.label} has no ground-truth boxes, which the page's figures need. Take "
            "`table`, `pairs` and `figure`."
        )


def _check(settings: PageSettings) -> None:
    if not settings.max_mb > 0:
        raise UsageError(f"--max-mb {settings.max_mb:g}: expected a number of megabytes above 0.")
    if settings.pictures < 0:
        raise UsageError(f"--pictures {settings.pictures}: expected 0 or more.")
    require_file(settings.out, "report.html")
