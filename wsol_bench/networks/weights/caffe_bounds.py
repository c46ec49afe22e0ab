"""Compares a .caffemodel's declared lengths and counts with bounds, before it is parsed.

protobuf spends some seventy bytes on a message that two bytes of the file declare, so a
file of 20 MB can cost gigabytes. Nets have thousands of fields, not millions; their
numbers are in few, long ones, which are skipped here.

The wire format: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_FIELDS = 1_000_000
"""In one file, arrays counting as one each."""
MOST_SHAPE_BYTES = 1_000
"""Caffe allows 32 axes, of at most ten bytes each."""

_VARINT, _EIGHT_BYTES, _PIECE, _GROUP, _GROUP_END, _FOUR_BYTES = range(6)
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4, _GROUP: 0, _GROUP_END: 0}
_MOST_VARINT_BYTES = 10


class OutOfBounds(ValueError):  # noqa: N818 - it becomes part of a WeightsError
    """The content is cut off, not protobuf, or declares too much; the message states which."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A message: which of its fields are messages that the parser builds as well.

    Attributes:
        inner: field number -> its kind.
        most: of its bytes, or None for no bound but the file's.
    """

    inner: Mapping[int, "_Kind"] = field(default_factory=dict)
    most: int | None = None


_BLOB = _Kind({7: _Kind(most=MOST_SHAPE_BYTES)})
_NET = _Kind({2: _Kind({6: _BLOB}), 100: _Kind({7: _BLOB})})


def refuse_wild_fields(content: bytes) -> None:
    """Walks the fields of a NetParameter that `caffe_format` describes.

    Args:
        content: of the whole file.

    Raises:
        OutOfBounds: a length leads outside its message, a field is none, or there are
            more than a net can have.
    """
    _walk(content, 0, len(content), _NET, MOST_FIELDS)


def _walk(content: bytes, at: int, end: int, kind: _Kind, left: int) -> int:
    """Steps over the fields of one message; gives how many more the file may have."""
    if kind.most is not None and end - at > kind.most:
        raise OutOfBounds(f"a shape of {end - at:,} bytes")
    while at < end:
        left -= 1
        if left < 0:
            raise OutOfBounds(f"more than {MOST_FIELDS:,} fields")
        tag, at = _varint(content, at, end)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise OutOfBounds(f"no field at byte {at:,}")
        if wire == _VARINT:
            _, at = _varint(content, at, end)
        elif wire == _PIECE:
            length, at = _varint(content, at, end)
            if length > end - at:
                raise OutOfBounds(f"a field of {length:,} bytes where {end - at:,} are left")
            if number in kind.inner:
                left = _walk(content, at, at + length, kind.inner[number], left)
            at += length
        elif wire in _FIXED:
            at += _FIXED[wire]
        else:
            raise OutOfBounds(f"no field at byte {at:,}")
    if at > end:
        raise OutOfBounds(f"a number cut off at byte {end:,}")
    return left


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and where it ends."""
    number = 0
    for place in range(_MOST_VARINT_BYTES):
        if at + place >= end:
            break
        byte = content[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise OutOfBounds(f"a number without an end at byte {at:,}")
