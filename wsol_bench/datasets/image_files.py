"""Images that are files below one folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.images import read_bytes
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, Skipped, scan_folder

__all__ = ["ImageFiles", "images_in"]


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Image files by id; small when pickled.

    Attributes:
        folder: the folder that all paths are below.
        paths: image id to path below the folder.
        skipped: image files that cannot be used.
        faults: a message for each fault of the folder.
    """

    folder: Path
    paths: Mapping[str, str]
    skipped: tuple[Skipped, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the images are, for messages."""
        return str(self.folder)

    def ids(self) -> frozenset[str]:
        """The ids of the images that are present."""
        return frozenset(self.paths)

    def read(self, image_id: str) -> bytes:
        """The bytes of one image's file; raises as `read_bytes` does."""
        return read_bytes(self.folder / self.paths[image_id])

    def where(self, image_id: str) -> str:
        """The file of one image, for messages."""
        return str(self.folder / self.paths[image_id])


def images_in(folder: Path) -> ImageFiles:
    """The image files directly in a folder.

    Raises:
        DataError: the folder cannot be read.
    """
    scan = scan_folder(folder, IMAGE_SUFFIXES)
    return ImageFiles(folder, scan.files, scan.skipped, scan.faults)
