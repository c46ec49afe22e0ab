"""Output of the `data` commands."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.check import DatasetReport, check_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.demo import write
from wsol_bench.datasets.named import folder_of
from wsol_bench.datasets.statistics import BoxStatistics, statistics
from wsol_bench.errors import EXIT_DATA, EXIT_FINE, DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.interrupt import on_signals
from wsol_bench.runtime.names import first_names, shown
from wsol_bench.runtime.progress import progress
from wsol_bench.settings import DatasetFlags

_NAMED = 5
"""Maximum number of absent or unannotated images that are named."""


def print_check(
    data: str | Path,
    reading: DatasetFlags,
    limit: int | None,
    allow_missing: bool,
    *,
    as_json: bool = False,
) -> int:
    """Opens a dataset, decodes every image and prints a report on stdout.

    Returns:
        The exit code: 0 where a run over it would succeed, 3 where an annotation or a mask is
        bad, an image is unreadable, or one is absent and not permitted.

    Raises:
        DataError: it cannot be opened at all.
    """
    path = folder_of(data, quiet=False)
    dataset = open_annotated(path, reading, limit)
    decode = bool(dataset.images.ids())
    count = len({example.image_id for example in dataset.examples}) if decode else 0
    with progress("Decoding", count) as advance:
        report = check_dataset(dataset, progress=advance, decode=decode)
    verdict = _verdict(report, allow_missing)
    if as_json:
        print(json.dumps({"schema": 1, **asdict(report), "verdict": verdict}, ensure_ascii=False))
    else:
        print("\n".join((*report_lines(report), *verdict)))
    bad = report.faults or report.unreadable or report.mask_faults
    stopped = bad or (report.missing and not allow_missing)
    return EXIT_DATA if stopped else EXIT_FINE


def open_annotated(path: Path, reading: DatasetFlags, limit: int | None = None) -> ImageDataset:
    """Opens a dataset with its faults listed; without any image, its annotations alone."""
    opened = partial(
        open_dataset, path, **asdict(reading), limit=limit, allow_missing=True, list_faults=True
    )
    dataset = opened(images_needed=True)
    if dataset.images.ids() or dataset.images.faults:
        return dataset
    return opened(images_needed=False)


def _verdict(report: DatasetReport, allow_missing: bool) -> list[str]:
    """Whether a run would succeed, and the flags that permit what was found."""
    if report.faults:
        return ["A run would stop with these errors."]
    lines = []
    if not report.decoded:
        lines.append(
            "No image is present, so only methods without a network can run: --arch none. Add the "
            "images for others."
        )
    if report.missing and not allow_missing:
        lines.append("A run would stop at the absent images, unless --allow-missing is given.")
    if report.unreadable:
        lines.append(
            f"A run would count the unreadable images as wrong and end with exit code {EXIT_DATA}, "
            f"unless --allow-unreadable {len(report.unreadable)} is given."
        )
    if report.mask_faults:
        lines.append("A run whose metrics read masks would stop at the faults of masks.")
    return lines or ["A run would succeed."]


def report_lines(report: DatasetReport) -> list[str]:
    """The lines of the report; every fault has its own line below its count."""
    found = f"{report.images:,} images of {report.annotated:,} annotated"
    if not report.decoded:
        found = f"annotations of {report.images:,} images, none of which is present"
    return [
        f"{report.name}: {found}, {_boxes_text(report)}",
        _reading_text(report),
        _classes_text(report),
        _few("absent images", report.missing),
        _few("images without annotation", report.unannotated),
        *_all("files left out", [f"{each.name}: {each.reason}" for each in report.skipped]),
        *_all("faults of annotations and folders", report.faults),
        *_all("unreadable images", [each.reason for each in report.unreadable]),
        *_all("files that are the same", [", ".join(group) for group in report.duplicates]),
        *_all("images with a box outside the image", report.boxes_outside),
        *_all(
            "images whose size differs from the annotation",
            [
                f"{each.image_id}: {each.annotated.width}x{each.annotated.height} annotated, "
                f"{each.decoded.width}x{each.decoded.height} decoded"
                for each in report.size_differences
            ],
        ),
        *_mask_lines(report),
        *_statistics_lines(report),
        f"index sha256: {report.sha256}",
    ]


def _boxes_text(report: DatasetReport) -> str:
    many = sum(count for boxes, count in report.examples_by_boxes.items() if boxes > 1)
    if report.examples == report.images:
        return f"{report.boxes:,} boxes, {many:,} images with several"
    return (
        f"{report.examples:,} examples (an image and a class each), {report.boxes:,} boxes, "
        f"{many:,} examples with several"
    )


def _reading_text(report: DatasetReport) -> str:
    split = f", split {report.split}" if report.split else ""
    ends = f", corners read as {report.box_ends}" if report.box_ends else ""
    return f"layout: {report.layout}{split}{ends}"


def _classes_text(report: DatasetReport) -> str:
    order = "in sorted order" if report.sorted_classes else "in the list's order"
    which = ", the 1,000 of ILSVRC" if report.official_classes else ""
    return (
        f"classes: {report.classes:,}{which}, {order}; {report.classes_with_images:,} have images"
    )


def _mask_lines(report: DatasetReport) -> list[str]:
    if not report.masks and not report.mask_faults:
        return []
    return [
        f"masks: {report.masks:,}",
        *_all("faults of masks", report.mask_faults),
        *_all("images with an empty mask", report.empty_masks),
    ]


def _statistics_lines(report: DatasetReport) -> list[str]:
    found = report.box_statistics
    if found is None:
        return []
    return [
        f"box area share: median {found.median_area_share:.3f}, "
        f"mean {found.mean_area_share:.3f}; one box in {found.single_box_share:.1%} of images; "
        f"the centred box is right on {found.centred_box_accuracy:.1%}"
    ]


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


def print_statistics(
    data: str, reading: DatasetFlags, allow_missing: bool, *, as_json: bool = False
) -> None:
    """Prints a dataset's box statistics next to ILSVRC's on stdout.

    Raises:
        DataError: the dataset cannot be opened, has no box, or an image has no size.
    """
    path = folder_of(data, quiet=False)
    has_images = bool(open_annotated(path, reading).images.ids())
    dataset = open_dataset(
        path, **asdict(reading), allow_missing=allow_missing, images_needed=has_images
    )
    boxed = [example for example in dataset.examples if len(example.boxes)]
    if not boxed:
        raise DataError(
            f"{shown(dataset.name)} has masks and no boxes, so there are no statistics of boxes. "
            "Expected a dataset with boxes."
        )
    found = statistics(
        (example.size or _decoded_size(dataset, example.image_id), example.boxes)
        for example in boxed
    )
    if as_json:
        columns = {dataset.name: asdict(found), "ILSVRC val, first 500": asdict(ILSVRC_500)}
        print(json.dumps({"schema": 1, "statistics": columns}, ensure_ascii=False))
        return
    table = Table("", dataset.name, "ILSVRC val, first 500", box=None, header_style="bold")
    for field in fields(BoxStatistics):
        here, there = getattr(found, field.name), getattr(ILSVRC_500, field.name)
        table.add_row(field.name.replace("_", " "), _number(here), _number(there))
    Console().print(table)


def _decoded_size(dataset: ImageDataset, image_id: str) -> Size:
    if image_id not in dataset.images.ids():
        raise DataError(
            f"{shown(image_id)} has no annotated size and no file in "
            f"{shown(dataset.images.place)}, so the share of its boxes is not known. Add the image."
        )
    image = dataset.open(image_id)
    return Size(image.height, image.width)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
