"""Matches the names in another program's files with the images of a dataset.

Programs write `val/NAME.JPEG.npy`, `NAME.JPEG`, `val/NAME` or `NAME` for the image that a dataset
knows as `NAME`.
"""

from collections.abc import Iterable
from pathlib import PurePosixPath

from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, class_in_name, image_id_of
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import first_names, shown


class NameIndex:
    """Names by the ids that they may stand for: with or without suffix and leading folders."""

    def __init__(self, names: Iterable[str]) -> None:
        """Takes names with / between folders; a repeated name counts once."""
        self.names = tuple(dict.fromkeys(names))
        self._by_id: dict[str, list[str]] = {}
        for name in self.names:
            for key in _keys(name):
                self._by_id.setdefault(key, []).append(name)

    def find(self, image_id: str) -> str | None:
        """The name of an image, or None where there is none.

        Raises:
            DataError: several stand for it, in other folders or with other suffixes.
        """
        found = self._by_id.get(image_id, [])
        if len(found) > 1:
            alike = [name for name in found if without_suffix(name) == image_id]
            if len(alike) != 1:
                raise DataError(
                    f"{shown(image_id)} has several: {first_names(found)}. Expected one; keep one."
                )
            return alike[0]
        return found[0] if found else None

    def match(self, dataset: Dataset, where: str, what: str) -> dict[str, str]:
        """Image id -> name, for every image of a dataset.

        Args:
            dataset: whose images are searched for.
            where: the file or folder, for messages.
            what: of each image, such as "map".

        Raises:
            DataError: an image has none, or several; names the first and those that are of no
                image of the dataset.
        """
        ids = dict.fromkeys(example.image_id for example in dataset.examples)
        try:
            found = {image_id: self.find(image_id) for image_id in ids}
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        missing = [image_id for image_id, name in found.items() if name is None]
        if missing:
            used = {name for name in found.values() if name is not None}
            others = [name for name in self.names if name not in used]
            beside = f" Of no image of the dataset: {first_names(others)}." if others else ""
            raise DataError(
                f"{where}: {len(missing):,} of {len(ids):,} images have no {what}: "
                f"{first_names(missing)}.{beside} Expected the image's name, with or without its "
                "suffix and folders, for every image; --limit takes fewer images."
            )
        return {image_id: name for image_id, name in found.items() if name is not None}


def without_suffix(name: str) -> str:
    """A name without the suffix of an image, where it has one."""
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in IMAGE_SUFFIXES else name


def _keys(name: str) -> set[str]:
    parts = name.split("/")
    tails = {"/".join(parts[at:]) for at in range(len(parts))}
    official = {image_id_of(name)} if class_in_name(name) else set()  # Hugging Face's names
    return tails | official | {without_suffix(tail) for tail in tails}
