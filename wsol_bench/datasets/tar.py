"""The official ILSVRC2012_img_val.tar, read in place.

The headers are read once; an image is then one seek and one read through a file
handle of its own, so threads never share a position and the source can be pickled.
Nothing is ever unpacked, so a member's path cannot reach outside.
"""

import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from wsol_bench.datasets.annotation_files import find_annotations
from wsol_bench.datasets.classes import find_classes
from wsol_bench.datasets.dataset import ImageDataset, Selection, assemble
from wsol_bench.datasets.images import MOST_BYTES
from wsol_bench.datasets.layout import Layout
from wsol_bench.datasets.scanning import (
    IMAGE_SUFFIXES,
    Skipped,
    add_file,
    has_suffix,
    is_file,
    unusable_name,
)
from wsol_bench.datasets.wording import shown
from wsol_bench.errors import DataError

TAR_NAME = "ILSVRC2012_img_val.tar"


class Member(NamedTuple):
    """Where one image's bytes lie in the tar."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class TarImages:
    """Images in an uncompressed tar by id.

    Attributes:
        path: the tar.
        members: image id to the place of its bytes.
        skipped: members that cannot be used.
    """

    path: Path
    members: Mapping[str, Member]
    skipped: tuple[Skipped, ...] = ()

    @property
    def place(self) -> str:
        """Where the images are, for messages."""
        return str(self.path)

    def ids(self) -> frozenset[str]:
        """The ids of the images that are present."""
        return frozenset(self.members)

    def read(self, image_id: str) -> bytes:
        """The bytes of one image; DataError where the tar cannot be read or is cut off."""
        member = self.members[image_id]
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(member.offset)
                data = file.read(min(member.size, MOST_BYTES + 1))
        except OSError as error:
            raise _unreadable(self.path, error.strerror or str(error)) from error
        if len(data) < min(member.size, MOST_BYTES + 1):
            raise _unreadable(self.path, f"it ends inside {member.name}")
        return data

    def where(self, image_id: str) -> str:
        """The tar and the member of one image, for messages."""
        return f"{self.path}:{self.members[image_id].name}"


def recognises(path: Path) -> bool:
    """Whether the path is a .tar file or a folder that holds the official one."""
    return _tar_path(path) is not None


def load(path: Path, selection: Selection) -> ImageDataset:
    """Loads the dataset; raises DataError for what is missing or bad."""
    tar_path = _tar_path(path) or path
    bases = [tar_path.absolute().parent]
    annotations = find_annotations(bases, find_classes(bases))
    return assemble(path, scan_tar(tar_path), annotations, selection)


def scan_tar(path: Path) -> TarImages:
    """Reads all headers of a tar.

    Raises:
        DataError: not an uncompressed tar, damaged, or two images of one id.
    """
    names: dict[str, str] = {}
    members: dict[str, Member] = {}
    skipped: list[Skipped] = []
    try:
        with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            for info in tar:
                if not has_suffix(info.name, IMAGE_SUFFIXES):
                    continue
                reason = _unusable_member(info)
                if reason:
                    skipped.append(Skipped(shown(info.name), reason))
                    continue
                image_id = add_file(names, info.name, shown(str(path)))
                members[image_id] = Member(info.name, info.offset_data, info.size)
            _check_end(tar, path)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    # tarfile lets damaged numbers through to int, seek and decode.
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise _unreadable(path, f"it is not a whole, uncompressed tar: {error}") from error
    return TarImages(path, members, tuple(skipped))


def _tar_path(path: Path) -> Path | None:
    if path.suffix.lower() == ".tar" and is_file(path):
        return path
    official = path / TAR_NAME
    return official if is_file(official) else None


def _unusable_member(info: tarfile.TarInfo) -> str | None:
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


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"cannot read the tar {shown(str(path))}: {shown(reason)}. "
        f"Expected {TAR_NAME} as it is distributed; fetch it again or check its permissions."
    )


TAR = Layout(
    description=(
        f"{TAR_NAME} (the path is the tar, or the folder that holds it), with a folder of "
        "XML files or LOC_val_solution.csv beside it"
    ),
    recognises=recognises,
    load=load,
)
