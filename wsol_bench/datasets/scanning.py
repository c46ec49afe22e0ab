"""The files of a folder, by the id of the image that each belongs to."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

__all__ = ["image_id_of", "is_file"]

IMAGE_SUFFIXES = (
    *(".jpeg", ".jpg", ".jpe", ".jfif", ".png"),
    *(".webp", ".bmp", ".gif", ".tif", ".tiff"),
)
UNREAD_SUFFIXES = (
    *(".avif", ".heic", ".heif", ".ico", ".j2k", ".jp2", ".jxl", ".pcx", ".pgm", ".ppm"),
    *(".psd", ".svg", ".tga", ".cr2", ".dng", ".nef", ".raw"),
)
"""Suffixes of images in formats that are not read; such files are listed as left out."""
NOT_READ = f"its format is not read; save it as one of {', '.join(IMAGE_SUFFIXES)}"
"""Why a file with one of `UNREAD_SUFFIXES` is left out."""
XML_SUFFIXES = (".xml",)

_WITH_CLASS = re.compile(r"(ILSVRC2012_val_[0-9]{8}|n[0-9]{8}_[0-9]+)_(n[0-9]{8})")
"""How the files of ImageNet are named in Hugging Face's edition: the WNID comes last."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that seems to be part of the dataset and is left out.

    Attributes:
        name: the file's name or path, as shown in messages.
        reason: why, as a phrase: "a link that leads nowhere".
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The usable files of a folder.

    Attributes:
        files: image id (see `image_id_of`) to path below the folder.
        skipped: files of the right kind that cannot be used, and images in formats that
            are not read.
        faults: a message for each fault of the folder.
    """

    files: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    faults: tuple[str, ...] = ()


def folder_entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder by name.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"cannot list the folder {shown(str(folder))}: {error.strerror}. "
            "Check that it exists and that you may read it."
        ) from error


def holds_files(folder: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a folder directly holds a file of one of these kinds; False if there is none.

    A folder that may not be listed counts: loading it then reports why.
    """
    try:
        with os.scandir(folder) as entries:
            return any(has_suffix(entry.name, suffixes) for entry in entries)
    except PermissionError:
        return True
    except OSError:
        return False


def why_not_listed(folder: Path) -> str | None:
    """Why a folder that is there cannot be listed, or None."""
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return error.strerror
    return None


def is_file(path: Path) -> bool:
    """Whether there is a file at the path that may be accessed."""
    try:
        return path.is_file()
    except OSError:  # no permission for a folder above
        return False


def scan_folder(folder: Path, suffixes: tuple[str, ...]) -> Scan:
    """The files directly in a folder, with links to files followed.

    Args:
        folder: the folder to list; folders below it are not entered, so no loop of
            links can trap the scan.
        suffixes: kinds of file, lower case with the dot; others are disregarded.

    Returns:
        Of two files with one id the first, by name; the second is a fault.

    Raises:
        DataError: the folder cannot be read.
    """
    files: dict[str, str] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for entry in folder_entries(folder):
        unread = suffixes is IMAGE_SUFFIXES and has_suffix(entry.name, UNREAD_SUFFIXES)
        if not has_suffix(entry.name, suffixes) and not unread:
            continue
        reason = unusable_name(entry.name) or _unusable_entry(entry) or (NOT_READ if unread else "")
        if reason:
            skipped.append(Skipped(shown(entry.name), reason))
            continue
        try:
            add_file(files, entry.name, f"the folder {shown(str(folder))}")
        except DataError as error:
            faults.append(str(error))
    return Scan(files, tuple(skipped), tuple(faults))


def add_file(files: dict[str, str], name: str, holder: str) -> str:
    """Enters a file under its id and returns the id.

    Raises:
        DataError: another file has this id.
    """
    image_id = image_id_of(name)
    if image_id in files:
        raise DataError(
            f"two files in {holder} have the id {image_id!r}: {shown(files[image_id])} and "
            f"{shown(name)}. Expected one file per image; remove one of the two."
        )
    files[image_id] = name
    return image_id


def image_id_of(name: str) -> str:
    """The id of the image in a file: its name without folders and extension.

    A WNID at the end of an official name, as Hugging Face's edition has it, is not part
    of the id: ILSVRC2012_val_00000293_n01440764.JPEG is ILSVRC2012_val_00000293.
    """
    stem = _stem(name)
    match = _WITH_CLASS.fullmatch(stem)
    return match[1] if match else stem


def class_in_name(name: str) -> str | None:
    """The WNID at the end of an official name, or None; see `image_id_of`."""
    match = _WITH_CLASS.fullmatch(_stem(name))
    return match[2] if match else None


def _stem(name: str) -> str:
    """As PurePosixPath(name).stem, which takes twenty times as long."""
    last = name.rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    return last[:dot] if 0 < dot < len(last) - 1 else last


def classes_in_names(paths: Mapping[str, str]) -> dict[str, str]:
    """Image id to WNID, for the images whose file name ends in one.

    Args:
        paths: image id to file name.
    """
    found = ((image_id, class_in_name(name)) for image_id, name in paths.items())
    return {image_id: class_id for image_id, class_id in found if class_id}


def has_suffix(name: str, suffixes: tuple[str, ...]) -> bool:
    """Whether the name ends in one of the suffixes, in any case."""
    return name.lower().endswith(suffixes)


def unusable_name(name: str) -> str | None:
    """Why a file of this name is left out, or None."""
    if name.rpartition("/")[2].startswith("."):
        return "a hidden file"
    if not is_utf8(name):
        return "its name is not UTF-8; rename it"
    return None


def class_folder_entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The folders directly in a folder, by name; links to folders count."""
    for entry in folder_entries(folder):
        try:
            is_folder = entry.is_dir()
        except OSError:  # a loop of links
            is_folder = False
        if is_folder:
            yield entry


def _unusable_entry(entry: os.DirEntry[str]) -> str | None:
    try:
        if entry.is_file():
            return None
    except OSError as error:
        return f"it cannot be followed: {error.strerror}"
    return "a link that leads nowhere" if entry.is_symlink() else "not a regular file"


def is_utf8(name: str) -> bool:
    """Whether the bytes behind a name are UTF-8: Python holds others as lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
