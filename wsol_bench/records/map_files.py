"""The maps of a shard as an .npy file, and back."""

from ast import literal_eval
from io import BytesIO
from tokenize import TokenError

import numpy as np
from numpy.typing import NDArray

_LONGEST_HEADER = 10_000
KEPT = (np.float16, np.float32)
"""The type of a network's maps, and that of maps read from files."""


def encode_maps(maps: NDArray[np.float16]) -> bytes:
    """An .npy file."""
    buffer = BytesIO()
    np.save(buffer, maps, allow_pickle=False)
    return buffer.getvalue()


def decode_maps(content: bytes, images: int | None = None) -> NDArray[np.float16]:
    """The maps of an .npy file, (n, t, u, v).

    Args:
        content: of the file.
        images: n, where it is known.

    Raises:
        ValueError: the file is none, or does not hold what its header promises.
    """
    buffer = BytesIO(content)
    try:
        version = np.lib.format.read_magic(buffer)
        start = buffer.tell() + (2 if version == (1, 0) else 4)  # of the header's text
        length = int.from_bytes(content[buffer.tell() : start], "little")
        if length > _LONGEST_HEADER:
            raise ValueError("its header is too long")
        # What Python cannot read numpy would mend, and warn of files from Python 2.
        literal_eval(content[start : start + length].decode("latin1"))
        shape, _, dtype = _READ_HEADER[version](buffer)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError, RecursionError) as error:
        raise ValueError("it has no header of maps") from error
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if dtype.hasobject or promised != len(content) - buffer.tell():
        raise ValueError(f"its header promises {promised:,} bytes, which it does not hold")
    if dtype not in KEPT or len(shape) != 4 or 0 in shape[1:]:
        raise ValueError(f"it holds an array of {dtype} {shape}, and no maps")
    if images is not None and shape[0] != images:
        raise ValueError(f"it holds maps of {shape[0]:,} images, and its records are of {images:,}")
    maps: NDArray[np.float16] = np.load(BytesIO(content), allow_pickle=False)
    if not np.isfinite(maps).all():
        raise ValueError("it holds NaN or infinite values, which no run keeps")
    return maps


_READ_HEADER = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
