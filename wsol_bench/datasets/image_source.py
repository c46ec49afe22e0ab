"""The interface of every source of images: files in a folder, members of tars, rows of a table."""

from typing import Protocol as Interface

from wsol_bench.datasets.scanning import Skipped

__all__ = ["ImageSource"]


class ImageSource(Interface):
    """The images of a dataset by id. Can be pickled."""

    @property
    def place(self) -> str:
        """Where the images are, for messages."""
        ...

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Images that are present and cannot be used."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """A message for each fault of the source as a whole."""
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
