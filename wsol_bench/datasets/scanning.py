"""Finding the files of a folder, by the image id that each is for."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")
XML_SUFFIXES = (".xml",)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that looks like part of the dataset and is left out.

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
        files: image id (the name without its extension) to path below the folder.
        skipped: files of the right kind that cannot be used.
        faults: what is wrong with it, one message each.
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

    A folder that may not be listed counts: loading it then says so.
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
    """Whether there is a file at the path that may be looked at."""
    try:
        return path.is_file()
    except OSError:  # no permission for a folder above
        return False


def scan_folder(folder: Path, suffixes: tuple[str, ...]) -> Scan:
    """The files directly in a folder, with links to files followed.

    Args:
        folder: where to look; folders below it are not entered, so no loop of
            links can trap the scan.
        suffixes: kinds of file, lower case with the dot; others are no concern.

    Returns:
        Of two files with one id the first, by name; the second is a fault.

    Raises:
        DataError: the folder cannot be read.
    """
    files: dict[str, str] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for entry in folder_entries(folder):
        if not has_suffix(entry.name, suffixes):
            continue
        reason = unusable_name(entry.name) or _unusable_entry(entry)
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
    image_id = PurePosixPath(name).stem
    if image_id in files:
        raise DataError(
            f"two files in {holder} have the id {image_id!r}: {shown(files[image_id])} and "
            f"{shown(name)}. Expected one file per image; remove one of the two."
        )
    files[image_id] = name
    return image_id


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
