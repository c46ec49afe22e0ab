"""From images and annotations to a dataset: which images count, and in which order."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.ground_truth import AnnotationSource
from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.masks import MaskSource
from wsol_bench.datasets.selection import BoxEnds, Selection, select
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names, shown

__all__ = ["assemble"]

_OFFICIAL_ID = re.compile(r".*_val_([0-9]{8})", re.DOTALL)


def assemble(
    path: Path,
    images: ImageSource[Any],
    annotations: AnnotationSource,
    selection: Selection,
    folder_labels: Mapping[str, str] | None = None,
    *,
    mask_source: MaskSource | None = None,
    box_ends: BoxEnds | None = None,
) -> ImageDataset:
    """Joins images and annotations by id.

    Args:
        path: as the user gave it; its last part becomes the dataset's name.
        images: the images that are present.
        annotations: the annotations, which determine the examples of the dataset.
        selection: how many images, and whether absent ones are permitted.
        folder_labels: image id to the class that its folder or name states, if any.
        mask_source: where masks come from, if the dataset has masks.
        box_ends: how the corners were read, where that is a choice.

    Raises:
        DataError: images are absent and not permitted, none is left, or an annotation is
            bad, and faults are not to be listed.
    """
    annotated = annotations.ids()
    present = images.ids()
    faults = [*images.faults, *annotations.faults]
    if faults and not selection.list_faults:  # may be the reason why images are absent
        raise _refused(faults)
    available = present if selection.images_needed else frozenset(annotated)
    chosen, missing = select(annotated, available, selection.limit)
    if not chosen:
        faults.append(_nothing_left(images.place, annotated, len(present)))
    elif missing and not selection.allow_missing:
        raise _missing_error(images, missing, len(annotated), len(chosen))
    labels = folder_labels or {}
    positions = {image_id: place for place, image_id in enumerate(annotated, start=1)}
    examples: list[Example] = []
    for image_id in chosen:
        try:
            examples += _examples(image_id, positions[image_id], annotations, labels)
        except DataError as error:
            faults.append(str(error))
    if chosen and not examples and not faults:
        faults.append(
            f"no image of {shown(images.place)} has an object that counts: all are difficult or "
            "left out for another reason. Expected at least one."
        )
    if faults and not selection.list_faults:
        raise _refused(faults)
    return ImageDataset(
        name=_name(path),
        class_ids=annotations.classes.class_ids,
        class_names=annotations.classes.names,
        examples=tuple(examples),
        images=images,
        missing_ids=tuple(missing),
        unannotated_ids=tuple(sorted(present.difference(annotated))),
        skipped=images.skipped + annotations.skipped,
        faults=tuple(faults),
        mask_source=mask_source,
        split=selection.split,
        box_ends=box_ends,
    )


def official_index(image_id: str, position: int) -> int:
    """The 1-based index in the official list.

    Args:
        image_id: its trailing number is taken where it ends in `_val_NNNNNNNN`.
        position: the 1-based position among the sorted ids, taken for other names.
    """
    match = _OFFICIAL_ID.fullmatch(image_id)
    return int(match[1]) if match else position


def _name(path: Path) -> str:
    plain = path.name not in ("", "..")
    return shown(path.name if plain else path.resolve().name)


def _examples(
    image_id: str, position: int, annotations: AnnotationSource, labels: Mapping[str, str]
) -> list[Example]:
    index = official_index(image_id, position)
    truths = sorted(annotations.read(image_id, labels.get(image_id)), key=lambda each: each.label)
    return [Example(image_id, index, each.label, each.boxes, each.size) for each in truths]


def _nothing_left(place: str, annotated: Sequence[str], present: int) -> str:
    if not annotated:
        return f"no image near {shown(place)} is annotated. Expected at least one."
    return (
        f"none of the {len(annotated):,} annotated images is in {shown(place)}, which has "
        f"{present:,} images. Expected files named like {first_names(annotated)}. Check that "
        "images and annotations belong together."
    )


def _refused(faults: Sequence[str]) -> DataError:
    others = f" There are {len(faults) - 1:,} more such faults." if len(faults) > 1 else ""
    return DataError(f"{faults[0]}{others} `data check` lists all that is wrong with a dataset.")


def _missing_error(
    images: ImageSource[Any], missing: Sequence[str], annotated: int, found: int
) -> DataError:
    skipped = [f"{each.name} ({each.reason})" for each in images.skipped]
    left_out = f" Files that were left out: {first_names(skipped)}." if skipped else ""
    return DataError(
        f"{len(missing):,} of {annotated:,} annotated images have no file in "
        f"{shown(images.place)}: {first_names(missing)}.{left_out} Expected every annotated "
        "image. Add the files, take only the first ones with --limit, or continue with the "
        f"{found:,} present with --allow-missing."
    )
