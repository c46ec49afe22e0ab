"""The images of a run, opened again for pictures of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.named import NAMED
from wsol_bench.errors import DataError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown


def open_images(manifest: Mapping[str, Any], data: str | None, *, quiet: bool) -> ImageDataset:
    """Opens the dataset that a run was made on.

    Args:
        manifest: of the run.
        data: the images' folder or tar where it is not where the run says, or None.
        quiet: say nothing on stderr.

    Raises:
        DataError: it is not there, or holds none of the images.
    """
    settings = manifest["settings"]
    name = data or settings["data"]
    named = NAMED.get(name)
    path = named.folder(quiet=quiet) if named else Path(name).expanduser()
    if not path.exists():
        raise DataError(
            f"{shown(str(path))}: the run's images are not there. Name their folder or tar with "
            "--data."
        )
    layout, limit = (None, None) if data else (settings["layout"], settings["limit"])
    return open_dataset(path, layout, limit=limit, allow_missing=True)


def open_image(dataset: ImageDataset, image_id: str, size: Size) -> Image.Image:
    """One image, seen to be the one that the run saw.

    Args:
        dataset: from `open_images`.
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
