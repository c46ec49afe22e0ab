"""Images that are files below one folder."""

from pathlib import Path

from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.images import read_bytes
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, scan_folder

__all__ = ["ImageFiles", "images_in"]


class ImageFiles(ImageSource[str]):
    """Image files below a folder; a position is the path of a file."""

    def read(self, image_id: str) -> bytes:
        """The bytes of one image's file; raises as `read_bytes` does."""
        return read_bytes(self.root / self.positions[image_id])

    def where(self, image_id: str) -> str:
        """The file of one image, for messages."""
        return str(self.root / self.positions[image_id])


def images_in(folder: Path) -> ImageFiles:
    """The image files directly in a folder.

    Raises:
        DataError: the folder cannot be read.
    """
    scan = scan_folder(folder, IMAGE_SUFFIXES)
    return ImageFiles(folder, scan.files, scan.skipped, scan.faults)
