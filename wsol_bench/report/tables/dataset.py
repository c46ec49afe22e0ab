"""Output of the `data` commands."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.check import DatasetReport, check_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.demo import write
from wsol_bench.datasets.named import NAMED
from wsol_bench.datasets.statistics import BoxStatistics, statistics
from wsol_bench.errors import EXIT_DATA, EXIT_FINE
from wsol_bench.geometry import Size
from wsol_bench.runtime.interrupt import on_signals
from wsol_bench.runtime.names import first_names, shown
from wsol_bench.runtime.progress import progress

_NAMED = 5
"""Maximum number of absent or unannotated images that are named."""


def print_check(path: Path, layout: str | None, limit: int | None, allow_missing: bool) -> int:
    """Opens a dataset, decodes every image and prints a report on stdout.

    Returns:
        The exit code: 0 if a run on it would succeed, 3 if an annotation is invalid, an
        image is unreadable, or one is absent and absent images are not allowed.

    Raises:
        DataError: it cannot be opened at all.
    """
    dataset = open_dataset(path, layout, limit=limit, allow_missing=True, list_faults=True)
    with progress("Decoding", len(dataset.examples)) as advance:
        report = check_dataset(dataset, progress=advance)
    for line in report_lines(report):
        print(line)
    if report.faults or (report.missing and not allow_missing):
        print("A run would stop with these errors.")
    elif report.unreadable:
        count = len(report.unreadable)
        print(
            f"A run would count the unreadable images as wrong and end with exit code {EXIT_DATA}, "
            f"unless --allow-unreadable {count} is given."
        )
    else:
        print("A run would succeed.")
        return EXIT_FINE
    return EXIT_DATA


def report_lines(report: DatasetReport) -> list[str]:
    """The lines of the report; every fault has its own line below its count."""
    many = sum(count for boxes, count in report.images_by_boxes.items() if boxes > 1)
    order = "sorted by WNID" if report.sorted_classes else "NOT sorted by WNID"
    which = ", the 1,000 of ILSVRC" if report.official_classes else ""
    lines = [
        f"{report.name}: {report.images:,} images of {report.annotated:,} annotated, "
        f"{report.boxes:,} boxes, {many:,} images with several",
        f"classes: {report.classes:,}{which}, {order}; {report.classes_with_images:,} have images",
        _few("absent images", report.missing),
        _few("images without annotation", report.unannotated),
        *_all("files left out", [f"{each.name}: {each.reason}" for each in report.skipped]),
        *_all("faults of annotations and folders", report.faults),
        *_all("unreadable images", [each.reason for each in report.unreadable]),
        *_all("images with a box outside the image", report.boxes_outside),
        *_all(
            "images whose size differs from the annotation",
            [
                f"{each.image_id}: {each.annotated.width}x{each.annotated.height} annotated, "
                f"{each.decoded.width}x{each.decoded.height} decoded"
                for each in report.size_differences
            ],
        ),
    ]
    if report.box_statistics:
        found = report.box_statistics
        lines.append(
            f"box area share: median {found.median_area_share:.3f}, "
            f"mean {found.mean_area_share:.3f}; one box in {found.single_box_share:.1%} of images; "
            f"the centred box is right on {found.centred_box_accuracy:.1%}"
        )
    return [*lines, f"index sha256: {report.sha256}"]


def _few(what: str, ids: Sequence[str]) -> str:
    return f"{what}: {len(ids):,}: {first_names(ids, _NAMED)}" if ids else f"{what}: none"


def _all(what: str, found: Sequence[str]) -> list[str]:
    if not found:
        return [f"{what}: none"]
    return [f"{what}: {len(found):,}", *(f"  {shown(each)}" for each in found)]


ILSVRC_500 = BoxStatistics(
    images=500,
    boxes=770,
    median_area_share=0.2344,
    mean_area_share=0.3318,
    single_box_share=0.772,
    mean_boxes_per_image=1.54,
    centred_box_accuracy=0.568,
    median_image_aspect=1.3333,
    median_box_aspect=1.0568,
)
"""`data statistics` of the first 500 validation images of ILSVRC."""


def make_demo(folder: Path, count: int, seed: int, split: str, *, quiet: bool) -> None:
    """Renders demo images with a progress bar; Ctrl-C and SIGTERM leave no files behind.

    Raises:
        UsageError, DataError: see `write`.
    """
    with on_signals(), progress("Rendering the demo", count, quiet=quiet) as advance:
        write(folder, count, seed, split, on_image=lambda: advance(1))


def print_statistics(data: str, layout: str | None, allow_missing: bool) -> None:
    """Prints a dataset's box statistics next to ILSVRC's on stdout.

    Raises:
        DataError: the dataset cannot be opened, or an image has no size.
    """
    named = NAMED.get(data)
    path = named.folder(quiet=False) if named else Path(data)
    dataset = open_dataset(path, layout, allow_missing=allow_missing)
    found = statistics(
        (example.size or _decoded_size(dataset, example.image_id), example.boxes)
        for example in dataset.examples
    )
    table = Table("", dataset.name, "ILSVRC val, first 500", box=None, header_style="bold")
    for field in fields(BoxStatistics):
        here, there = getattr(found, field.name), getattr(ILSVRC_500, field.name)
        table.add_row(field.name.replace("_", " "), _number(here), _number(there))
    Console().print(table)


def _decoded_size(dataset: ImageDataset, image_id: str) -> Size:
    image = dataset.open(image_id)
    return Size(image.height, image.width)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
