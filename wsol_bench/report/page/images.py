"""Where a run's images lie: as its manifest says, or where the reader says."""

from pathlib import Path

from wsol_bench.analysis.scored_run import ReportRun
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.datasets.named import NAMED
from wsol_bench.errors import DataError, WsolBenchError
from wsol_bench.report.page.facts import last_part


def find_images(
    run: ReportRun, data: Path | None, *, quiet: bool
) -> tuple[ImageDataset | None, str]:
    """The dataset of a run, or why there is none.

    Args:
        run: the run.
        data: where the reader says the images are, or None for where the run found them.
        quiet: say nothing on stderr while a named dataset is made.

    Returns:
        The dataset and "", or None and a reason that names no folder.

    Raises:
        DataError, UsageError: `data` cannot be opened, or holds other images.
    """
    if data is not None:
        dataset = _opened(run, data)
        if not _is_that_of(run, dataset):
            raise DataError(
                f"--data {data}: holds other images or boxes than those of {run.path} "
                f"({run.identity['dataset']}). Give the folder that the run was made on."
            )
        return dataset, ""
    name = str(run.manifest["settings"]["data"])
    try:
        place = NAMED[name].folder(quiet=quiet) if name in NAMED else Path(name).expanduser()
        dataset = _opened(run, place)
    except WsolBenchError:
        return None, f"the images of {last_part(name)} are not where the run found them"
    if not _is_that_of(run, dataset):
        return None, f"{last_part(name)} now holds other images or boxes than the run's"
    return dataset, ""


def _opened(run: ReportRun, place: Path) -> ImageDataset:
    settings = run.manifest["settings"]
    return open_dataset(
        place,
        settings.get("layout"),
        limit=settings.get("limit"),
        allow_missing=bool(settings.get("allow_missing")),
    )


def _is_that_of(run: ReportRun, dataset: ImageDataset) -> bool:
    return index_sha256(dataset) == str(run.identity["dataset_sha256"])
