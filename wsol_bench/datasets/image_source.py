"""Every source of images: files in a folder, members of tars, rows of a table."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from wsol_bench.datasets.scanning import Skipped

__all__ = ["ImageSource"]

Position = TypeVar("Position")


@dataclass(frozen=True, slots=True)
class ImageSource(ABC, Generic[Position]):
    """The images of a dataset by id; small when pickled.

    Attributes:
        root: the folder or tar that holds the images.
        positions: image id to the position of its bytes in the root.
        skipped: images that are present and cannot be used.
        faults: a message for each fault of the source as a whole.
    """

    root: Path
    positions: Mapping[str, Position]
    skipped: tuple[Skipped, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the images are, for messages."""
        return str(self.root)

    def ids(self) -> frozenset[str]:
        """The ids of the images that are present."""
        return frozenset(self.positions)

    @abstractmethod
    def read(self, image_id: str) -> bytes:
        """The bytes of one image.

        Raises:
            UnreadableImage: this one cannot be read.
            DataError: no other could be read either.
        """

    @abstractmethod
    def where(self, image_id: str) -> str:
        """The file of one image, for messages."""
