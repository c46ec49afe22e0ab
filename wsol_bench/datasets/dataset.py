"""From images and annotations to a dataset: which images count, in which order."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Interface

from PIL import Image

from wsol_bench.datasets.annotation_files import AnnotationFiles
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.images import decode_image
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names, shown

_OFFICIAL_ID = re.compile(r".*_val_([0-9]{8})", re.DOTALL)


class ImageSource(Interface):
    """The images of a dataset by id: files, or members of a tar. Can be pickled."""

    @property
    def place(self) -> str:
        """Where the images are, for messages."""
        ...

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Images that are there and cannot be used."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the source as a whole, one message each."""
        ...

    def ids(self) -> frozenset[str]:
        """The ids of the images that are present."""
        ...

    def read(self, image_id: str) -> bytes:
        """The bytes of one image.

        Raises:
            UnreadableImage: this one cannot be read.
            DataError: no other could be read either.
        """
        ...

    def where(self, image_id: str) -> str:
        """The file of one image, for messages."""
        ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the annotated images to take.

    Attributes:
        limit: the first so many, or None for all.
        allow_missing: whether to go on without the images whose file is absent.
        list_faults: whether to go on without what is bad and list it in the dataset's
            `faults`, as `data check` does, in place of refusing the dataset.
    """

    limit: int | None = None
    allow_missing: bool = False
    list_faults: bool = False


# Not frozen: the interface `records.Dataset` declares plain attributes.
@dataclass(slots=True)
class ImageDataset:
    """A dataset whose images lie in files; a `records.Dataset`.

    It can be pickled, and `open` may be called from several threads at once.

    Attributes:
        name: the name of the folder or tar.
        class_ids, class_names: the classes, sorted by WNID.
        examples: sorted by image id.
        images: where the images' bytes come from.
        missing_ids: annotated images whose file is absent, passed over under
            `allow_missing`; with a limit, those before its last example.
        unannotated_ids: images without an annotation; never examples.
        skipped: files left out, each with its reason.
        faults: what is wrong with annotations and folders, one message each; a run
            never sees any, because they refuse the dataset.
    """

    name: str
    class_ids: Sequence[str]
    class_names: Sequence[str]
    examples: Sequence[Example]
    images: ImageSource
    missing_ids: tuple[str, ...] = ()
    unannotated_ids: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many annotated images were passed over because their file is absent."""
        return len(self.missing_ids)

    def open(self, image_id: str) -> Image.Image:
        """Decodes one image to RGB in stored orientation.

        Raises:
            UnreadableImage: the file is gone, cut off, animated, too large or no image.
            DataError: unknown id; or what would befall other images too, such as a
                folder that is gone. Both name the file.
        """
        try:
            data = self.images.read(image_id)
        except KeyError:
            raise DataError(
                f"no image {image_id!r} in {shown(self.images.place)}. "
                "Expected the id of one of the dataset's examples."
            ) from None
        return decode_image(data, self.images.where(image_id))


def assemble(
    path: Path,
    images: ImageSource,
    annotations: AnnotationFiles,
    selection: Selection,
    folder_labels: Mapping[str, str] | None = None,
) -> ImageDataset:
    """Joins images and annotations by id.

    Args:
        path: what the user gave; its last part becomes the dataset's name.
        images: the images that are present.
        annotations: the annotations, which decide what the dataset consists of.
        selection: how many, and whether absent images are admitted.
        folder_labels: image id to WNID of its class folder, where there are such.

    Raises:
        DataError: images are absent and not admitted, none is left, or an
            annotation is bad, and faults are not to be listed.
    """
    annotated = annotations.ids()
    present = images.ids()
    faults = [*images.faults, *annotations.faults]
    if faults and not selection.list_faults:  # before absent images: it may be why they are
        raise _refused(faults)
    chosen, missing = select(annotated, present, selection.limit)
    if missing and not selection.allow_missing:
        raise _missing_error(images, missing, len(annotated), len(chosen))
    if not chosen:
        faults.append(_nothing_left(images.place, annotated, len(present)))
    labels = folder_labels or {}
    positions = {image_id: place for place, image_id in enumerate(annotated, start=1)}
    examples = []
    for image_id in chosen:
        try:
            examples.append(
                _example(image_id, positions[image_id], annotations, labels.get(image_id))
            )
        except DataError as error:
            faults.append(str(error))
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
    )


def select(
    annotated: Sequence[str], present: Collection[str], limit: int | None
) -> tuple[list[str], list[str]]:
    """Walks the annotated ids until enough images are found.

    Args:
        annotated: sorted ids.
        present: ids of the images that are there.
        limit: where to stop, or None.

    Returns:
        The ids to take, and the ids passed over because the image is absent:
        those after the last one taken cost nothing and are not among them.
    """
    chosen: list[str] = []
    missing: list[str] = []
    for image_id in annotated:
        if limit is not None and len(chosen) >= limit:
            break
        (chosen if image_id in present else missing).append(image_id)
    return chosen, missing


def official_index(image_id: str, position: int) -> int:
    """The 1-based place in the official list.

    Args:
        image_id: its trailing number where it ends in `_val_NNNNNNNN`.
        position: the 1-based place among the sorted ids, taken for other names.
    """
    match = _OFFICIAL_ID.fullmatch(image_id)
    return int(match[1]) if match else position


def _name(path: Path) -> str:
    plain = path.name not in ("", "..")
    return shown(path.name if plain else path.resolve().name)


def _example(
    image_id: str, position: int, annotations: AnnotationFiles, folder_label: str | None
) -> Example:
    truth = annotations.read(image_id, folder_label)
    index = official_index(image_id, position)
    return Example(image_id, index, truth.label, truth.boxes, truth.size)


def _nothing_left(place: str, annotated: Sequence[str], present: int) -> str:
    named = f" Expected files named like {first_names(annotated)}." if annotated else ""
    return (
        f"none of the {len(annotated):,} annotated images is in {shown(place)}, which has "
        f"{present:,} images.{named} Check that images and annotations belong together."
    )


def _refused(faults: Sequence[str]) -> DataError:
    others = f" There are {len(faults) - 1:,} more such faults." if len(faults) > 1 else ""
    return DataError(f"{faults[0]}{others} `data check` lists all that is wrong with a dataset.")


def _missing_error(
    images: ImageSource, missing: Sequence[str], annotated: int, found: int
) -> DataError:
    skipped = [f"{each.name} ({each.reason})" for each in images.skipped]
    there = f" Files that were left out: {first_names(skipped)}." if skipped else ""
    return DataError(
        f"{len(missing):,} of {annotated:,} annotated images have no file in "
        f"{shown(images.place)}: {first_names(missing)}.{there} Expected every annotated image. "
        f"Add the files, take only the first ones with --limit, or go on with the {found:,} "
        "present with --allow-missing."
    )
