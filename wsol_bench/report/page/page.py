"""What `report` writes: one page that needs nothing but itself."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wsol_bench.analysis.run_images import find_images
from wsol_bench.analysis.scored_run import open_runs
from wsol_bench.errors import DataError, UsageError
from wsol_bench.report.page.content import Page, RunView, bar, gather
from wsol_bench.report.page.gallery import Album, gallery_of
from wsol_bench.report.page.html import render
from wsol_bench.runtime.progress import log

MEGABYTE = 1_000_000

_SPARE = 10_000
"""Bytes for what the galleries' own sentences add to a page."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What a reader asks of a report.

    Attributes:
        out: the file to write.
        data: where the images are, or None for where the runs found them.
        max_mb: the file's limit, which the galleries keep to.
        pictures: at most so many images per run.
        quiet: say nothing on stderr.
    """

    out: Path
    data: Path | None
    max_mb: float
    pictures: int
    quiet: bool


def write_report(paths: Sequence[Path], settings: PageSettings) -> None:
    """Writes a report of some runs and prints on stdout where it lies.

    Raises:
        UsageError: a number makes no sense, or a run is named twice.
        DataError: no finished run lies there, `data` is not their dataset, or the
            file cannot be written.
    """
    _check(settings)
    began = time.monotonic()
    page = gather(open_runs(paths), settings.max_mb, quiet=settings.quiet)
    full = _with_pictures(page, settings)
    text = render(full)
    _write(settings.out, text)
    megabytes = len(text.encode()) / MEGABYTE
    pictured = sum(view.gallery.pictured for view in full.views if view.gallery)
    print(
        f"{settings.out}: {megabytes:.2f} MB, {pictured:,} pictures, "
        f"{time.monotonic() - began:.1f} s"
    )
    if megabytes > settings.max_mb and not settings.quiet:
        log(f"The page has more than {settings.max_mb:g} MB without any picture.")


def _with_pictures(page: Page, settings: PageSettings) -> Page:
    """Fills what the limit leaves with pictures, each run its share of it."""
    bare = len(render(page).encode()) + _SPARE
    limit = round(settings.max_mb * MEGABYTE)
    album = Album(0)
    views = []
    for view in page.views:
        album.left += (limit - bare) // len(page.views)
        views.append(_pictured(view, album, settings))
        if not settings.quiet and views[-1].no_pictures:
            log(f"{view.run.path}: no pictures: {views[-1].no_pictures}.")
    size = bare + (limit - bare - album.left if bare < limit else 0)
    return replace(
        page, views=tuple(views), images=album.images, megabytes=f"{size / MEGABYTE:.1f}"
    )


def _pictured(view: RunView, album: Album, settings: PageSettings) -> RunView:
    if not settings.pictures:
        return replace(view, no_pictures="none were asked for")
    data = None if settings.data is None else str(settings.data)
    dataset, reason = find_images(view.run.manifest, data, quiet=settings.quiet)
    if dataset is None:
        return replace(view, no_pictures=f"{reason}; --data names their folder")
    images = min(settings.pictures, view.run.n)
    with bar(f"Pictures, {view.run.label}", images, quiet=settings.quiet) as advance:
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
        why = "no image could be read" if unread else "the size limit leaves no room for one"
        return replace(view, no_pictures=why)
    return replace(view, gallery=gallery)


def _silent(message: str) -> None:
    """Says nothing."""


def _check(settings: PageSettings) -> None:
    if not settings.max_mb > 0:
        raise UsageError(f"--max-mb {settings.max_mb:g}: expected a number of megabytes above 0.")
    if settings.pictures < 0:
        raise UsageError(f"--pictures {settings.pictures}: expected 0 or more.")
    if settings.out.is_dir():
        raise UsageError(
            f"--out {settings.out}: is a folder; expected a file, such as report.html."
        )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"--out {path}: cannot be written ({error.strerror}).") from error
