"""The images of a run, opened again so that they can be drawn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.index_hash import index_sha256
from wsol_bench.datasets.masks import MaskPair
from wsol_bench.datasets.named import folder_of
from wsol_bench.datasets.with_classes import with_classes
from wsol_bench.errors import DataError, WsolBenchError
from wsol_bench.geometry import Size
from wsol_bench.records.manifest import Manifest
from wsol_bench.runtime.names import last_part, shown
from wsol_bench.settings import NO_NETWORK


def open_images(manifest: Manifest, data: str | None, *, quiet: bool) -> ImageDataset:
    """Opens the dataset of a run, whose images may have been added to or removed since.

    Args:
        manifest: of the run.
        data: the images' folder or tar; default: the one that the run was made on.
        quiet: print nothing on stderr.

    Raises:
        DataError: it does not exist, or holds none of the images.
    """
    path = _folder(manifest, data, quiet)
    if not path.exists():
        raise DataError(
            f"{shown(str(path))}: the run's images are not there. Name their folder or tar with "
            "--data."
        )
    dataset = _opened(manifest, path)
    if data is not None:
        _require_same_index(dataset, manifest, data)
    return dataset


def find_images(
    manifest: Manifest, data: str | None, *, quiet: bool
) -> tuple[ImageDataset | None, str]:
    """Opens exactly the images of a run, or gives the reason why that is not possible.

    Args:
        manifest, data, quiet: as `open_images` takes them.

    Returns:
        The dataset and "", or None and a reason that names no folder.

    Raises:
        DataError, UsageError: `data` cannot be opened, or holds other images.
    """
    name = last_part(manifest.data.path)
    try:
        dataset = _opened(manifest, _folder(manifest, data, quiet))
    except WsolBenchError:
        if data is not None:
            raise
        return None, f"the images of {name} are no longer there"
    if index_sha256(dataset) == manifest.identity.dataset_sha256:
        return dataset, ""
    if data is not None:
        _require_same_index(dataset, manifest, data)
    return None, f"{name} now holds other images or boxes than the run's"


def _opened(manifest: Manifest, path: Path) -> ImageDataset:
    """The dataset at a path, read as the run read it; images may be absent."""
    source = manifest.data
    dataset = open_dataset(
        path,
        source.layout,
        limit=source.limit,
        allow_missing=True,
        split=source.split,
        box_ends=source.box_ends,
        images_needed=manifest.identity.arch != NO_NETWORK,
    )
    return with_classes(dataset, source.only_classes)[0] if source.only_classes else dataset


def run_masks(manifest: Manifest, table: pa.Table) -> Iterator[MaskPair]:
    """Ground truth and ignore of each record's example, from the dataset of the run.

    Raises:
        DataError: the dataset is not where the run found it, or a mask is absent or bad.
    """
    dataset, reason = find_images(manifest, None, quiet=True)
    if dataset is None or not dataset.has_masks:
        reason = reason or f"{last_part(manifest.data.path)} now has no masks"
        raise DataError(
            f"a requested metric needs the masks, and {reason}. Put them back, or run again with "
            "--metrics and its name, which keeps what it needs."
        )
    examples = {(each.image_id, each.label): each for each in dataset.examples}
    for key in zip(table["image_id"].to_pylist(), table["label"].to_pylist(), strict=True):
        masks = dataset.masks(examples[key])
        yield masks.ground_truth, masks.ignore


def dataset_mask(
    dataset: ImageDataset, image_id: str, label: int, size: Size
) -> NDArray[np.bool_] | None:
    """The ground-truth mask of a record on its image's pixels, or None without masks.

    Raises:
        DataError: the mask is absent or bad.
    """
    if not dataset.has_masks:
        return None
    found = (each for each in dataset.examples if (each.image_id, each.label) == (image_id, label))
    example = next(found, None)
    return None if example is None else dataset.masks(example, size).ground_truth


def _require_same_index(dataset: ImageDataset, manifest: Manifest, data: str) -> None:
    if index_sha256(dataset) != manifest.identity.dataset_sha256:
        raise DataError(
            f"--data {data}: holds other images or boxes than those of the run "
            f"({manifest.identity.dataset}). Give the folder that the run was made on."
        )


def open_image(dataset: ImageDataset, image_id: str, size: Size) -> Image.Image:
    """One image, checked to have the size that the run recorded.

    Args:
        dataset: from `open_images` or `find_images`.
        image_id: of a record.
        size: as the record has it.

    Raises:
        DataError: it is absent, unreadable, or of another size.
    """
    image = dataset.open(image_id)
    if (image.height, image.width) != size:
        raise DataError(
            f"{shown(image_id)}: is {image.width}x{image.height} in {shown(dataset.name)}, but "
            f"{size.width}x{size.height} in the run's records, so boxes and maps are not of this "
            "image. Name the folder that the run was made on with --data."
        )
    return image


def _folder(manifest: Manifest, data: str | None, quiet: bool) -> Path:
    return folder_of(data or manifest.data.path, quiet=quiet)
