"""Checking a dataset before a run: the report of `data check`."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.images import decode_image
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.datasets.statistics import BoxStatistics, statistics
from wsol_bench.errors import DataError, UnreadableImage
from wsol_bench.geometry import Size
from wsol_bench.runtime.progress import Progress


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that does not decode, and the message with the reason."""

    image_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class SizeDifference:
    """An image whose annotation states another size than the file has."""

    image_id: str
    annotated: Size
    decoded: Size


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The findings; every list is complete, sorted by image id.

    Attributes:
        name, layout, split, box_ends: the dataset's.
        images: distinct images with an example, that is annotated images whose file is
            present.
        examples: pairs of an image and a label.
        annotated: images with a good annotation, and those whose file is absent.
        decoded: whether images were decoded; False where only annotations were checked.
        classes: number of classes in the class list.
        classes_with_images: number of them that have an example.
        boxes: of all examples, of their labels only.
        examples_by_boxes: number of boxes to number of examples with that number.
        missing: ids of the annotated images whose file is absent.
        unannotated: ids of the images without an annotation.
        skipped: files left out, each with its reason.
        faults: a message for each fault of annotations and folders.
        unreadable: images that do not decode.
        duplicates: groups of ids of images whose files are the same to the byte.
        boxes_outside: ids of images with a box that extends beyond the image.
        size_differences: images whose annotation states another size.
        masks: number of examples whose mask was read; 0 where the dataset has none.
        mask_faults: a message for each fault of masks.
        empty_masks: ids of images with a mask that has no object pixel.
        sorted_classes: whether the class list is in sorted order.
        official_classes: whether it is the list of the 1,000 ILSVRC classes.
        box_statistics: of the examples with boxes whose size is known, or None.
        sha256: the digest of the dataset's index, as in a run's manifest.
    """

    name: str
    layout: str
    split: str | None
    box_ends: BoxEnds | None
    images: int
    examples: int
    annotated: int
    decoded: bool
    classes: int
    classes_with_images: int
    boxes: int
    examples_by_boxes: Mapping[int, int]
    missing: tuple[str, ...]
    unannotated: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    faults: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    duplicates: tuple[tuple[str, ...], ...]
    boxes_outside: tuple[str, ...]
    size_differences: tuple[SizeDifference, ...]
    masks: int
    mask_faults: tuple[str, ...]
    empty_masks: tuple[str, ...]
    sorted_classes: bool
    official_classes: bool
    box_statistics: BoxStatistics | None
    sha256: str


def check_dataset(
    dataset: ImageDataset,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    decode: bool = True,
) -> DatasetReport:
    """Decodes every image and mask and compares them with the annotations.

    Args:
        dataset: opened with `allow_missing` and `list_faults`, so that absent images
            and bad annotations are counted.
        progress: called after each image.
        workers: threads that decode; default: one per processor.
        decode: False reads no images: boxes are compared with the annotated sizes.

    Raises:
        DataError: images cannot be read any more, such as from a disk that failed.
    """
    by_image: dict[str, list[Example]] = {}
    for example in dataset.examples:
        by_image.setdefault(example.image_id, []).append(example)
    if decode:
        found = list(_inspect_all(dataset, by_image, progress, workers))
    else:
        nothing = (_Inspected(image_id, None, "", b"") for image_id in by_image)
        found = [_with_masks(each, dataset, by_image[each.image_id]) for each in nothing]
    sizes = {each.image_id: each.size for each in found if each.size}
    if not decode:
        sizes = {each.image_id: each.size for each in dataset.examples if each.size}
    readable = [example for example in dataset.examples if example.image_id in sizes]
    boxed = [(sizes[each.image_id], each.boxes) for each in readable if len(each.boxes)]
    firsts = [(by_image[image_id][0], size) for image_id, size in sizes.items()]
    outside = (each.image_id for each in readable if leaves(each, sizes[each.image_id]))
    return DatasetReport(
        name=dataset.name,
        layout=dataset.layout,
        split=dataset.split,
        box_ends=dataset.box_ends,
        images=len(by_image),
        examples=len(dataset.examples),
        annotated=len(by_image) + dataset.missing,
        decoded=decode,
        classes=len(dataset.class_ids),
        classes_with_images=len({example.label for example in dataset.examples}),
        boxes=sum(len(example.boxes) for example in dataset.examples),
        examples_by_boxes=_examples_by_boxes(dataset),
        missing=dataset.missing_ids,
        unannotated=dataset.unannotated_ids,
        skipped=dataset.skipped,
        faults=dataset.faults,
        unreadable=tuple(Unreadable(each.image_id, each.reason) for each in found if each.reason),
        duplicates=_duplicates(found),
        boxes_outside=tuple(dict.fromkeys(outside)),
        size_differences=size_differences(firsts),
        masks=sum(each.masks for each in found),
        mask_faults=tuple(fault for each in found for fault in each.mask_faults),
        empty_masks=tuple(each.image_id for each in found if each.empty_mask),
        sorted_classes=list(dataset.class_ids) == sorted(set(dataset.class_ids)),
        official_classes=tuple(dataset.class_ids) == official_classes().class_ids,
        box_statistics=statistics(boxed) if boxed else None,
        sha256=index_sha256(dataset),
    )


def size_differences(pairs: Iterable[tuple[Example, Size]]) -> tuple[SizeDifference, ...]:
    """The images, each with the size as decoded, that were annotated with another size."""
    return tuple(
        SizeDifference(each.image_id, each.size, size)
        for each, size in pairs
        if each.size is not None and each.size != size
    )


def leaves(example: Example, size: Size) -> bool:
    """Whether one of its boxes extends beyond an image of this size."""
    corners = np.array([0, 0, size.width, size.height])
    return bool(
        np.any(example.boxes[:, :2] < corners[:2]) or np.any(example.boxes[:, 2:] > corners[2:])
    )


@dataclass(frozen=True, slots=True)
class _Inspected:
    """The findings in one image's file and its masks.

    Attributes:
        size: of the decoded image, or None where it does not decode.
        reason: why it does not decode, or "".
        digest: of the file's bytes.
        masks: number of masks that were read.
        mask_faults: a message for each other mask.
        empty_mask: whether one that was read has no object pixel.
    """

    image_id: str
    size: Size | None
    reason: str
    digest: bytes
    masks: int = 0
    mask_faults: tuple[str, ...] = ()
    empty_mask: bool = False


def _inspect_all(
    dataset: ImageDataset,
    by_image: Mapping[str, Sequence[Example]],
    progress: Progress | None,
    workers: int | None,
) -> Iterator[_Inspected]:
    """The findings of each image, in the order of the examples."""
    pool = ThreadPoolExecutor(workers or os.cpu_count())
    try:
        for found in pool.map(lambda examples: _inspect(dataset, examples), by_image.values()):
            if progress is not None:
                progress(1)
            yield found
    finally:  # Ctrl-C must not wait for 50,000 images
        pool.shutdown(cancel_futures=True)


def _inspect(dataset: ImageDataset, examples: Sequence[Example]) -> _Inspected:
    image_id = examples[0].image_id
    try:
        data = dataset.images.read(image_id)
    except UnreadableImage as error:
        return _Inspected(image_id, None, str(error), b"")
    digest = blake2b(data, digest_size=16).digest()
    try:
        with decode_image(data, dataset.images.where(image_id)) as image:
            found = _Inspected(image_id, Size(image.height, image.width), "", digest)
    except UnreadableImage as error:
        return _Inspected(image_id, None, str(error), digest)
    return _with_masks(found, dataset, examples)


def _with_masks(
    found: _Inspected, dataset: ImageDataset, examples: Sequence[Example]
) -> _Inspected:
    if not dataset.has_masks:
        return found
    read, empty = 0, False
    faults = []
    for example in examples:
        try:
            masks = dataset.masks(example)
        except DataError as error:
            faults.append(str(error))
        else:
            read += 1
            empty |= not masks.ground_truth.any()
    return replace(found, masks=read, mask_faults=tuple(faults), empty_mask=empty)


def _duplicates(found: Iterable[_Inspected]) -> tuple[tuple[str, ...], ...]:
    """Groups of images with the same bytes; unreadable ones, such as empty files, aside."""
    groups: dict[bytes, list[str]] = {}
    for each in found:
        if each.size:
            groups.setdefault(each.digest, []).append(each.image_id)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _examples_by_boxes(dataset: ImageDataset) -> Mapping[int, int]:
    counts = Counter(len(example.boxes) for example in dataset.examples)
    return dict(sorted(counts.items()))
