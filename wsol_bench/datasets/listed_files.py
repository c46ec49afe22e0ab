"""Images that a list names by relative paths, and the ids that they get."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from wsol_bench.datasets.image_files import ImageFiles
from wsol_bench.datasets.scanning import IMAGE_SUFFIXES, has_suffix, image_id_of, is_utf8
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

_LEADING_ELSEWHERE = frozenset({"", ".", ".."})
"""Parts that no path of a list has."""
_LONGEST = 1_000


def ids_of(paths: Iterable[str]) -> dict[str, str]:
    """Image id to path, in the order of the paths.

    The id is the file's name without its extension, as in every layout. Where two paths
    share a name, as in ImageNetV2 (0/1.jpeg and 5/1.jpeg), all ids are the paths without
    their extension, and where two paths differ in that alone (a.jpg and a.png), the paths.

    Args:
        paths: relative, with / between folders; repeated paths count once.
    """
    distinct = list(dict.fromkeys(paths))
    for naming in (_name, _without_suffix):
        found = {naming(path): path for path in distinct}
        if len(found) == len(distinct):
            return found
    return {path: path for path in distinct}


def _name(path: str) -> str:
    """The file's name without its extension; a dot in an id such as img_0.5 begins none."""
    return image_id_of(path if has_suffix(path, IMAGE_SUFFIXES) else f"{path}.jpg")


def _without_suffix(path: str) -> str:
    is_file_name = has_suffix(path, IMAGE_SUFFIXES)
    return str(PurePosixPath(path).with_suffix("")) if is_file_name else path


def relative_path(text: str, where: str) -> str:
    """A path of a list, with / between folders.

    Args:
        text: as written; Windows' separators are accepted.
        where: the file and line, for messages.

    Raises:
        DataError: it is empty, absolute, leads outside the folder, or is no text.
    """
    path = text.strip().replace("\\", "/").removeprefix("./")
    parts = path.split("/")
    plain = path.isprintable() and is_utf8(path) and not _LEADING_ELSEWHERE.intersection(parts)
    if not plain or len(path) > _LONGEST:
        raise DataError(
            f"{where}: expected the relative path of an image, got {shown(text[:80])!r}. "
            "Correct the line."
        )
    return path


def find_listed(roots: Sequence[Path], paths: Mapping[str, str]) -> ImageFiles:
    """The listed files that are present below the first folder that holds any of them.

    Args:
        roots: folders to search, nearest first; at least one.
        paths: image id to path below a root. Where no root holds any of these paths, the
            bare file names are searched for as well.

    Returns:
        Those present; none below the first root where there is none anywhere.
    """
    bare = {image_id: path.rpartition("/")[2] for image_id, path in paths.items()}
    for candidates in (_by_folder(paths), _by_folder(bare)):
        for root in dict.fromkeys(roots):
            present = _present(root, candidates)
            if present:
                return ImageFiles(root, present)
    return ImageFiles(roots[0], {})


def _by_folder(paths: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Folder to the ids and file names in it."""
    folders: dict[str, list[tuple[str, str]]] = {}
    for image_id, path in paths.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append((image_id, name))
    return folders


def _present(root: Path, folders: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, str]:
    """The paths of files below a root, with one listing for each folder."""
    present: dict[str, str] = {}
    for folder, wanted in folders.items():
        names = _names_in(root / folder)
        if not names:
            continue
        start = f"{folder}/" if folder else ""
        for image_id, name in wanted:
            found = name if name in names else _like(name, names)
            if found is not None:
                present[image_id] = start + found
    return present


def _like(name: str, names: Collection[str]) -> str | None:
    """The one image file whose suffix differs in case, or that has one where the name has none."""
    if has_suffix(name, IMAGE_SUFFIXES):
        stem, _, suffix = name.rpartition(".")
        suffixes: tuple[str, ...] = (f".{suffix}",)
    else:
        stem, suffixes = name, IMAGE_SUFFIXES
    spellings = [f"{stem}{each}" for low in suffixes for each in _cases(low)]
    found = [each for each in spellings if each in names]
    return found[0] if len(set(found)) == 1 else None


def _cases(suffix: str) -> tuple[str, ...]:
    return (suffix.lower(), suffix.upper(), "." + suffix[1:].capitalize())


def _names_in(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if _is_file(entry))
    except (OSError, ValueError):  # absent, closed, or a name that no file can have
        return frozenset()


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a loop of links
        return False
