"""Looking a dataset over before a run: what `data check` reports."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.datasets.statistics import BoxStatistics, statistics
from wsol_bench.errors import UnreadableImage
from wsol_bench.geometry import Size
from wsol_bench.runtime.progress import Progress


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that does not decode, and the message that says why."""

    image_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SizeDifference:
    """An image whose annotation names another size than the file has."""

    image_id: str
    annotated: Size
    decoded: Size


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What was found; every list is complete, sorted by image id.

    Attributes:
        name: the dataset's.
        images: examples, that is annotated images whose file is there.
        annotated: images with a good annotation, and those whose file is absent.
        classes: how many the class list has.
        classes_with_images: how many of them have an example.
        boxes: of all examples, the labels' only.
        images_by_boxes: number of boxes to number of images that have so many.
        missing: ids of the annotated images whose file is absent.
        unannotated: ids of the images without an annotation.
        skipped: files left out, each with its reason.
        faults: what is wrong with annotations and folders, one message each.
        unreadable: images that do not decode.
        boxes_outside: ids of images with a box that leaves the image.
        size_differences: images whose annotation names another size.
        sorted_classes: whether the class list is in sorted-WNID order.
        official_classes: whether it is the list of the 1,000 ILSVRC classes.
        box_statistics: of the images that decode, or None where none does.
        sha256: the dataset index's digest, as in a run's manifest.
    """

    name: str
    images: int
    annotated: int
    classes: int
    classes_with_images: int
    boxes: int
    images_by_boxes: Mapping[int, int]
    missing: tuple[str, ...]
    unannotated: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    faults: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    boxes_outside: tuple[str, ...]
    size_differences: tuple[SizeDifference, ...]
    sorted_classes: bool
    official_classes: bool
    box_statistics: BoxStatistics | None
    sha256: str


def check_dataset(
    dataset: ImageDataset, *, progress: Progress | None = None, workers: int | None = None
) -> DatasetReport:
    """Decodes every image and compares it with its annotation.

    Args:
        dataset: opened with `allow_missing` and `list_faults`, so that absent images
            and bad annotations are counted.
        progress: called after each image.
        workers: threads that decode; by default one per processor.

    Raises:
        DataError: images cannot be read any more, such as from a disk that is gone.
    """
    decoded = list(_decode_all(dataset, progress, workers))
    sizes = {
        example.image_id: found
        for example, found in zip(dataset.examples, decoded, strict=True)
        if isinstance(found, Size)
    }
    readable = [example for example in dataset.examples if example.image_id in sizes]
    pairs = [(sizes[example.image_id], example.boxes) for example in readable]
    return DatasetReport(
        name=dataset.name,
        images=len(dataset.examples),
        annotated=len(dataset.examples) + dataset.missing,
        classes=len(dataset.class_ids),
        classes_with_images=len({example.label for example in dataset.examples}),
        boxes=sum(len(example.boxes) for example in dataset.examples),
        images_by_boxes=_images_by_boxes(dataset),
        missing=dataset.missing_ids,
        unannotated=dataset.unannotated_ids,
        skipped=dataset.skipped,
        faults=dataset.faults,
        unreadable=tuple(found for found in decoded if isinstance(found, Unreadable)),
        boxes_outside=tuple(
            example.image_id for example in readable if leaves(example, sizes[example.image_id])
        ),
        size_differences=tuple(
            SizeDifference(example.image_id, example.size, sizes[example.image_id])
            for example in readable
            if example.size is not None and example.size != sizes[example.image_id]
        ),
        sorted_classes=list(dataset.class_ids) == sorted(set(dataset.class_ids)),
        official_classes=tuple(dataset.class_ids) == official_classes().class_ids,
        box_statistics=statistics(pairs) if pairs else None,
        sha256=index_sha256(dataset),
    )


def _decode_all(
    dataset: ImageDataset, progress: Progress | None, workers: int | None
) -> Iterator[Size | Unreadable]:
    """The size of each image, or why it has none, in the order of the examples."""
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        ids = (example.image_id for example in dataset.examples)
        for found in pool.map(lambda image_id: _decode(dataset, image_id), ids):
            if progress is not None:
                progress(1)
            yield found
    finally:  # Ctrl-C must not wait for 50,000 images
        pool.shutdown(cancel_futures=True)


def _decode(dataset: ImageDataset, image_id: str) -> Size | Unreadable:
    try:
        with dataset.open(image_id) as image:
            return Size(image.height, image.width)
    except UnreadableImage as error:
        return Unreadable(image_id, str(error))


def _images_by_boxes(dataset: ImageDataset) -> Mapping[int, int]:
    counts = Counter(len(example.boxes) for example in dataset.examples)
    return dict(sorted(counts.items()))


def leaves(example: Example, size: Size) -> bool:
    """Whether one of its boxes leaves an image of this size."""
    corners = np.array([0, 0, size.width, size.height])
    return bool(
        np.any(example.boxes[:, :2] < corners[:2]) or np.any(example.boxes[:, 2:] > corners[2:])
    )
