"""Masks that are image files: one or more per example, and perhaps one of ignored pixels."""

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.datasets.example import Example
from wsol_bench.datasets.images import read_bytes
from wsol_bench.datasets.masks import Mask, Masks, resized
from wsol_bench.errors import DataError
from wsol_bench.geometry import MOST_PIXELS, Size
from wsol_bench.runtime.names import shown

__all__ = ["MaskFiles"]

HALF = 128
"""Half of the full grey value: CUB-200-2011 stores the share of annotators who marked the pixel
(0, 51, ..., 255)."""

_FORMATS = ("PNG", "BMP", "GIF", "TIFF", "JPEG")


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """Masks in grey image files.

    Attributes:
        folder: the folder that all paths are below.
        objects: image id to the paths of its objects' masks; the ground truth is their
            union.
        ignored: image id to the path of the mask of pixels to ignore.
        least: the grey value, of 255, from which on a pixel belongs to the mask.
    """

    folder: Path
    objects: Mapping[str, tuple[str, ...]]
    ignored: Mapping[str, str]
    least: int

    def read(self, example: Example, size: Size | None) -> Masks:
        """The masks of one example; see `masks.MaskSource`."""
        paths = self.objects.get(example.image_id, ())
        if not paths:
            raise DataError(
                f"{shown(example.image_id)} has no mask in {shown(str(self.folder))}. Expected "
                "one for every example. Add it or remove the image from the list."
            )
        first, *others = (self._grey(path, size) for path in paths)
        for other in others:
            first |= self._same_shape(other, first.shape, example)
        ignore = self.ignored.get(example.image_id)
        if ignore is None:
            return Masks.of(first)
        return Masks.of(first, self._same_shape(self._grey(ignore, size), first.shape, example))

    def _grey(self, path: str, size: Size | None) -> Mask:
        file = self.folder / path
        return resized(decode_mask(read_bytes(file), str(file)) >= self.least, size)

    def _same_shape(self, mask: Mask, shape: tuple[int, ...], example: Example) -> Mask:
        if mask.shape != shape:
            raise DataError(
                f"the masks of {shown(example.image_id)} in {shown(str(self.folder))} are of "
                f"different sizes, {_sides(shape)} and {_sides(mask.shape)}. Expected one size. "
                "Correct the files."
            )
        return mask


def decode_mask(data: bytes, where: str, *, indices: bool = False) -> NDArray[np.uint8]:
    """Decodes a mask to grey values; those of 16 bits above 255 become 255.

    Args:
        data: the file's content.
        where: the file, for messages.
        indices: whether the values of a file with a palette are its indices, not its colours.

    Returns:
        (height, width) uint8.

    Raises:
        DataError: it is no image, truncated, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"{image.width:,} x {image.height:,} pixels are too many")
            kept = image if indices and image.mode == "P" else image.convert("L")
            return np.array(kept, dtype=np.uint8)
    # Pillow's decoders raise a dozen unrelated types on damaged files.
    except Exception as error:
        raise DataError(
            f"the mask {shown(where)} cannot be decoded: {shown(str(error))[:300]}. Expected an "
            f"image of grey values, got {len(data):,} bytes. Fetch the file again."
        ) from error


def _sides(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
