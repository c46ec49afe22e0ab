"""The examples of a run as wsolevaluation's metadata: four text files, and masks without boxes.

- `image_ids.txt`: path.
- `class_labels.txt`: path, class index from 0 on.
- `image_sizes.txt`: path, width, height.
- `localization.txt`: path, x0, y0, x1, y1, one row for each box; or path, mask, ignored region.

Corners of ILSVRC's validation images are inclusive, as its XML has them, those of other images
half-open, as the program's own metadata has them.

Source: Choe et al., CVPR 2020, and its repository clovaai/wsolevaluation.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.layouts.wsol_metadata import BOXES, IDS, LABELS, SIZES, usual_ends
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, has_suffix
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size
from wsol_bench.runtime.names import shown

MASKS = "masks"


def write_wsol_metadata(
    dataset: ImageDataset, examples: Sequence[tuple[Example, Size]], folder: Path
) -> None:
    """Writes the files into a new folder.

    Args:
        dataset: of the run, which has the masks and the images' paths.
        examples: with the sizes of their images; one that could not be read is left out.
        folder: to make.

    Raises:
        UsageError: the folder exists, or an image has several classes, for which the format has
            no place.
        DataError: a file cannot be written, or an example has neither box nor mask.
    """
    kept = [(example, size) for example, size in examples if size.height]
    twice, count = Counter(example.image_id for example, _ in kept).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"export: {shown(twice)} has {count} classes, and wsolevaluation's metadata has one "
            "for each image. Export coco-dataset."
        )
    paths = {example.image_id: _path(dataset, example.image_id) for example, _ in kept}
    lines: dict[str, list[str]] = {IDS: [], LABELS: [], SIZES: [], BOXES: []}
    added = 1.0 if usual_ends(paths.values()) == "inclusive" else 0.0
    try:
        folder.mkdir(parents=True)
        for example, size in kept:
            path = paths[example.image_id]
            lines[IDS].append(path)
            lines[LABELS].append(f"{path},{example.label}")
            lines[SIZES].append(f"{path},{size.width},{size.height}")
            boxes = example.boxes - np.array([0.0, 0.0, added, added])
            lines[BOXES] += [f"{path},{','.join(map(_number, box))}" for box in boxes.tolist()]
            if not len(boxes):
                lines[BOXES].append(f"{path},{_write_masks(dataset, example, folder)}")
        for name, rows in lines.items():
            (folder / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"export: {folder} exists. Name a folder that does not.") from error
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error}).") from error


def _write_masks(dataset: ImageDataset, example: Example, folder: Path) -> str:
    """The rest of an example's row: its mask and, where it has one, its ignored region."""
    masks = dataset.masks(example)
    stem = example.image_id.replace("/", "_")
    found = []
    for kind, mask in (("mask", masks.ground_truth), ("ignore", masks.ignore)):
        if kind == "mask" or mask.any():
            file = folder / MASKS / f"{stem}_{kind}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(mask.astype(np.uint8) * 255).save(file)
            found.append(f"{MASKS}/{file.name}")
    return ",".join(found)


def _path(dataset: ImageDataset, image_id: str) -> str:
    """The image's path below the dataset's folder; of an absent image, its id."""
    if image_id not in dataset.images.ids():
        return f"{image_id}.JPEG"
    inner = dataset.images.where(image_id).removeprefix(dataset.images.place).lstrip("/:")
    return inner if has_suffix(inner, IMAGE_SUFFIXES) else f"{image_id}.JPEG"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
