"""Decoding one image to RGB, in the orientation in which it is stored.

The boxes of ILSVRC are in stored pixels, so an EXIF orientation is never applied.
Nothing is guessed: a file that does not decode in full is an error that names the file,
because `ImageFile.LOAD_TRUNCATED_IMAGES` would fill rows with grey silently.
"""

import errno
import io
import os
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from wsol_bench.errors import DataError, UnreadableImage, UsageError, WsolBenchError
from wsol_bench.geometry import LONGEST_SIDE, MOST_PIXELS
from wsol_bench.runtime.names import shown

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
"""Recognised by content, never by name: one image of ILSVRC is a PNG named .JPEG."""
MANY_PIXELS = 25_000_000
"""Images beyond this are decoded one at a time, so that threads do not add up their memory."""
MOST_BYTES = 300_000_000
MOST_SCANS = 500
"""Scans of a progressive JPEG; encoders use about ten. Each costs a pass over all pixels and needs
only a dozen bytes, so a small file could occupy the decoder for hours."""

_START_OF_SCAN = b"\xff\xda"
_OF_THE_FILE = frozenset(
    {
        errno.ENOENT,
        errno.EACCES,
        errno.EPERM,
        errno.EISDIR,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENXIO,
    }
)
"""Errors that concern one file alone."""

# `warnings.catch_warnings` swaps process-wide state: one thread at a time.
_OPENING = threading.Lock()
_LARGE = threading.Lock()


def read_image(path: Path) -> Image.Image:
    """Reads and decodes an image file; see `decode_image`."""
    return decode_image(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        UnreadableImage: this file cannot be read: gone, a folder, no permission.
        DataError: the next one could not be read either: its folder is gone, the disk
            fails, too many files are open.
    """
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        name, reason = shown(str(path)), error.strerror or str(error)
        if error.errno in _OF_THE_FILE and os.access(path.parent, os.X_OK):
            raise UnreadableImage(
                f"cannot read the image {name}: {reason}. "
                "Check that the file exists and that you may read it."
            ) from error
        raise DataError(
            f"cannot read the image {name}: {reason}. Other images would fail too. "
            "Check that the folder is still there and that its disk works, then run again."
        ) from error


def decode_image(data: bytes, where: str) -> Image.Image:
    """Decodes a whole image to 8-bit RGB; safe to call from several threads.

    Grey becomes three equal channels, 16-bit values keep their high byte, CMYK
    and YCCK go through Pillow's plain formula (Adobe's inversion undone), and
    transparency is dropped, so hidden colours show.

    Args:
        data: the file's content.
        where: the file, for messages.

    Raises:
        UnreadableImage: empty, not an image, cut off, animated, or too large.
        DataError: there is not enough memory to decode it.
        UsageError: the process lets Pillow accept files that are cut off.
    """
    where = shown(where)
    if not data:
        raise UnreadableImage(
            f"the image {where} is empty (0 bytes). Expected a JPEG or PNG; fetch the file again."
        )
    if len(data) > MOST_BYTES:
        raise _too_large(where, f"more than {MOST_BYTES:,} bytes")
    try:
        with _open(data) as image:
            _check(image, data, where)
            with _turn(image):
                return _to_rgb(image)
    except WsolBenchError:
        raise
    except Image.DecompressionBombError as error:  # raised above twice Pillow's own limit
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise _too_large(where, f"more than {most:,} pixels") from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(
            f"{where} is not an image: expected one of {', '.join(FORMATS)}, got "
            f"{len(data):,} bytes that start with {data[:8]!r}. Fetch the file again."
        ) from error
    except MemoryError as error:
        raise DataError(
            f"there is not enough memory to decode the image {where}. "
            "Run with fewer --threads, or on a machine with more."
        ) from error
    # Pillow's decoders raise a dozen unrelated types on damaged files.
    except Exception as error:
        raise UnreadableImage(
            f"the image {where} cannot be decoded: {shown(str(error))}. "
            f"Expected a whole file, got {len(data):,} bytes; fetch it again."
        ) from error


def _open(data: bytes) -> Image.Image:
    """Parses the header; warnings of corrupt EXIF and the like do not affect pixels."""
    with _OPENING, warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check(image: Image.Image, data: bytes, where: str) -> None:
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise UsageError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so a file that is cut off would pass with "
            "grey rows. Something in this process set it; expected False. Set it back."
        )
    if image.width * image.height > MOST_PIXELS:
        raise _too_large(where, f"{image.width:,} x {image.height:,} pixels")
    if max(image.size) > LONGEST_SIDE:
        raise UnreadableImage(
            f"the image {where} is too long: {image.width:,} x {image.height:,} pixels. Expected "
            f"at most {LONGEST_SIDE:,} to a side, as JPEG has; a file like this can be an attack "
            "on memory. Remove or shrink it."
        )
    # An MPO is a photograph with a preview behind it; the first picture is the image.
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise UnreadableImage(
            f"the image {where} is animated. Expected a single picture, because boxes belong to "
            "one. Save the frame that was annotated."
        )
    if image.format in ("JPEG", "MPO") and data.count(_START_OF_SCAN) > MOST_SCANS:
        raise UnreadableImage(
            f"the image {where} has more than {MOST_SCANS} scans. Expected a dozen at most; a "
            "file like this can be an attack on time. Remove it or save it anew."
        )


def _turn(image: Image.Image) -> AbstractContextManager[object]:
    """The lock that a thread must hold to decode the image."""
    return _LARGE if image.width * image.height > MANY_PIXELS else nullcontext()


def _too_large(where: str, found: str) -> UnreadableImage:
    return UnreadableImage(
        f"the image {where} is too large: {found}. Expected at most {MOST_PIXELS:,} pixels; "
        "a file like this can be an attack on memory. Remove or shrink it."
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()
    image.info.pop("transparency", None)  # Pillow warns of some kinds, and it is dropped
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip at 255
        high = np.asarray(image) >> 8
        image = Image.fromarray(high.clip(0, 255).astype(np.uint8))
    return image.convert("RGB")
