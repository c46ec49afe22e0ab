"""The list of classes; the position is the class index.

ILSVRC's are in sorted-WNID order. Its labels go through WNIDs and never through the
devkit's ids, which order the same 1,000 classes differently. Other datasets list their
classes in `classes.txt`, in the order of the network's outputs.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.scanning import is_file
from wsol_bench.errors import DataError
from wsol_bench.runtime.names import shown

__all__ = ["ClassList", "class_list", "find_classes", "official_classes"]

MAPPING_NAME = "LOC_synset_mapping.txt"
CLASSES_NAME = "classes.txt"
OFFICIAL_SOURCE = "the 1,000 ILSVRC classes"

_LINE = re.compile(r"(n[0-9]{8})(?: +(.*))?")


@dataclass(frozen=True, slots=True)
class ClassList:
    """Classes by index.

    Attributes:
        class_ids: such as WNIDs; position is the class index.
        names: a readable name for each.
        index_of: class id to class index.
        source: the file that they come from, for messages.
    """

    class_ids: Sequence[str]
    names: Sequence[str]
    index_of: Mapping[str, int]
    source: str

    def index(self, class_id: str, where: str) -> int:
        """The class index of a class id.

        Args:
            class_id: such as "n01440764" or "001.Black_footed_Albatross".
            where: the file, and line if any, that uses it.

        Raises:
            DataError: the class is not in the list.
        """
        try:
            return self.index_of[class_id]
        except KeyError:
            raise DataError(
                f"{where}: unknown class {shown(class_id[:60])!r}. Expected one of {self.source} "
                f"({len(self.class_ids):,} classes from {self.class_ids[0]} to "
                f"{self.class_ids[-1]}). Correct it, or put a {MAPPING_NAME} or {CLASSES_NAME} "
                "with your own classes into the dataset's folder."
            ) from None


def find_classes(bases: Sequence[Path]) -> ClassList:
    """The dataset's own list where one of the folders has it, else the official one.

    Args:
        bases: folders to search, nearest first, for LOC_synset_mapping.txt and
            then for classes.txt.

    Raises:
        DataError: the list is present and bad; see `parse_classes` and `parse_plain_classes`.
    """
    return find_own_classes(bases) or official_classes()


def find_own_classes(bases: Sequence[Path]) -> ClassList | None:
    """The list of classes in one of the folders, or None; see `find_classes`."""
    for base in bases:
        for name, parse in _PARSERS.items():
            path = base / name
            if is_file(path):
                return parse(read_text(path), shown(str(path)))
    return None


def class_list(ids: Sequence[str], source: str, names: Sequence[str] | None = None) -> ClassList:
    """A list of classes from distinct ids; default: the ids are the names."""
    index_of = {class_id: index for index, class_id in enumerate(ids)}
    return ClassList(tuple(ids), tuple(names or ids), index_of, source)


@cache
def official_classes() -> ClassList:
    """The 1,000 classes of ILSVRC 2012, as the package contains them."""
    file = resources.files("wsol_bench.datasets") / "imagenet_classes.txt"
    return parse_classes(file.read_text(encoding="utf-8"), OFFICIAL_SOURCE)


def is_ilsvrc(dataset: Dataset) -> bool:
    """Whether a dataset's classes are the 1,000 of ILSVRC, in order."""
    return tuple(dataset.class_ids) == tuple(official_classes().class_ids)


def parse_classes(text: str, source: str) -> ClassList:
    """Reads lines "class_id name", sorted by WNID; a missing name becomes the WNID.

    Raises:
        DataError: no line, a line in another form, or out of order; names the line.
    """
    class_ids: list[str] = []
    names: list[str] = []
    for number, line in enumerate(text.rstrip().splitlines(), start=1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            raise DataError(
                f"{source}, line {number}: expected a WNID and a name, such as "
                f'"n01440764 tench", got {line[:60]!r}. Correct the line.'
            )
        class_id = match[1]
        if class_ids and class_id <= class_ids[-1]:
            raise DataError(
                f"{source}, line {number}: {class_id} comes after {class_ids[-1]}. Expected each "
                "WNID once, in sorted order, because the position is the class index. Sort the "
                "file; an order of the network's own outputs goes into the file of --classes."
            )
        class_ids.append(class_id)
        names.append(match[2] or class_id)
    if not class_ids:
        raise DataError(f"{source} is empty. Expected one line per class: a WNID and a name.")
    return class_list(class_ids, source, names)


def parse_plain_classes(text: str, source: str) -> ClassList:
    """Reads lines "id" or "id<tab>name", in the order of the network's outputs.

    Raises:
        DataError: no line, an empty line between others, or an id that comes twice.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(text.rstrip().splitlines(), start=1):
        class_id, _, name = (part.strip() for part in line.partition("\t"))
        if not class_id or class_id in names:
            fault = f"the class {shown(class_id[:60])!r} a second time" if class_id else "no class"
            raise DataError(
                f"{source}, line {number}: {fault}. Expected one class on each line, because the "
                "position is the class index. Correct the line."
            )
        names[class_id] = name or class_id
    if not names:
        raise DataError(f"{source} is empty. Expected one class on each line.")
    return class_list(tuple(names), source, tuple(names.values()))


_PARSERS: Mapping[str, Callable[[str, str], ClassList]] = MappingProxyType(
    {MAPPING_NAME: parse_classes, CLASSES_NAME: parse_plain_classes}
)
"""By the file's name, in the order of the search."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; DataError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read {shown(str(path))}: {error.strerror}. Check its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown(str(path))} is not UTF-8 text (byte {error.start}). Save it as UTF-8."
        ) from error
