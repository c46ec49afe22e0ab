"""Images in an uncompressed tar, read in place.

The headers are read once; an image is then one seek and one read through a file
handle of its own, so threads never share a position and the source can be pickled.
Nothing is ever unpacked, so a member's path cannot reach outside.

tarfile trusts the numbers in headers. Here they are first checked against the format's
own bounds, so that a damaged or hostile tar costs neither memory nor an endless loop.
"""

import tarfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from wsol_bench.datasets.image_source import ImageSource
from wsol_bench.datasets.images import MOST_BYTES
from wsol_bench.datasets.scanning import (
    IMAGE_SUFFIXES,
    Skipped,
    add_file,
    has_suffix,
    unusable_name,
)
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

MOST_EXTENDED = 1_000_000
"""Bytes of a header that contains a long name or attributes."""

_EXTENDED = frozenset(
    {
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
    }
)


class Member(NamedTuple):
    """The position of one image's bytes in the tar."""

    name: str
    offset: int
    size: int


class TarImages(ImageSource[Member]):
    """Images in an uncompressed tar, which is the root."""

    def read(self, image_id: str) -> bytes:
        """The bytes of one image; DataError where the tar cannot be read or is cut off."""
        member = self.positions[image_id]
        try:
            with self.root.open("rb", buffering=0) as file:
                file.seek(member.offset)
                data = file.read(min(member.size, MOST_BYTES + 1))
        except OSError as error:
            raise unreadable_tar(self.root, error.strerror or str(error)) from error
        if len(data) < min(member.size, MOST_BYTES + 1):
            raise unreadable_tar(self.root, f"it ends inside {member.name}")
        return data

    def where(self, image_id: str) -> str:
        """The tar and the member of one image, for messages."""
        return f"{self.root}:{self.positions[image_id].name}"


def scan_tar(path: Path) -> TarImages:
    """Reads all headers of a tar.

    Where it is damaged or cut off, or of two images of one id, that is among its faults,
    and its members are those before the damage, and the first of the two.
    """
    names: dict[str, str] = {}
    members: dict[str, Member] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    try:
        for info in tar_headers(path):
            if not has_suffix(info.name, IMAGE_SUFFIXES):
                continue
            reason = unusable_member(info)
            if reason:
                skipped.append(Skipped(shown(info.name), reason))
                continue
            try:
                image_id = add_file(names, info.name, shown(str(path)))
            except DataError as error:
                faults.append(str(error))
            else:
                members[image_id] = Member(info.name, info.offset_data, info.size)
    except OSError as error:
        faults.append(str(unreadable_tar(path, error.strerror or str(error))))
    # tarfile lets damaged numbers through to int, seek, slices and decode.
    except Exception as error:
        faults.append(str(unreadable_tar(path, f"it is not a whole, uncompressed tar: {error}")))
    return TarImages(path, members, tuple(skipped), tuple(faults))


class _BoundedInfo(tarfile.TarInfo):
    """A member whose header keeps to the format's bounds; see `frombuf`."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Reads one header.

        Raises:
            tarfile.ReadError: a negative size, which would turn the scan back, or an
                extended header, which tarfile reads in one piece, beyond `MOST_EXTENDED`.
        """
        info = super().frombuf(buf, encoding, errors)
        extended = info.type in _EXTENDED
        if info.size < 0 or (extended and info.size > MOST_EXTENDED):
            raise tarfile.ReadError(f"a header declares {info.size:,} bytes")
        return info


def tar_headers(path: Path) -> Generator[tarfile.TarInfo]:
    """The headers of a tar, in the tar's order.

    Raises:
        OSError: the file cannot be read.
        Exception: the tar is damaged; tarfile raises many unrelated types.
    """
    length = path.stat().st_size
    with tarfile.open(
        path, "r:", encoding="utf-8", errors="surrogateescape", tarinfo=_BoundedInfo
    ) as tar:
        reached = -1
        while (info := tar.next()) is not None:
            if tar.offset <= reached or info.size < 0:  # by a size in an extended header
                raise tarfile.ReadError(f"a header at byte {reached:,} leads backwards")
            reached = tar.offset
            if info.isreg() and not info.issparse() and info.offset_data + info.size > length:
                raise tarfile.ReadError(f"it ends inside {info.name}")
            tar.members = []  # type: ignore[attr-defined] # else it keeps all that it has read
            yield info
        _check_end(tar, path)


def unusable_member(info: tarfile.TarInfo) -> str | None:
    """Why a member is left out, or None."""
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        return "its path leads outside the tar"
    if info.islnk() or info.issym():
        return "a link"
    if not info.isreg() or info.issparse():
        return "not a plain file"
    return unusable_name(info.name)


def _check_end(tar: tarfile.TarFile, path: Path) -> None:
    """Refuses a damaged header, which tarfile takes for the end: that is zeros or nothing."""
    with path.open("rb") as file:
        file.seek(tar.offset)
        if any(file.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"damaged at byte {tar.offset:,}")


def unreadable_tar(path: Path, reason: str) -> DataError:
    """The error of a tar that cannot be read."""
    return DataError(
        f"cannot read the tar {shown(str(path))}: {shown(reason)}. "
        "Expected the tar as it is distributed; fetch it again or check its permissions."
    )
