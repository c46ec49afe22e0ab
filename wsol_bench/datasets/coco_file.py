"""Reading one JSON file of COCO's instances, with every value checked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.annotations import MAX_COORDINATE, Corners, stated_size
from wsol_bench.datasets.listed_files import relative_path
from wsol_bench.datasets.run_lengths import parse_counts
from wsol_bench.datasets.scanning import Skipped
from wsol_bench.errors import DataError
from wsol_bench.geometry import MOST_PIXELS, Size
from wsol_bench.runtime.names import shown

Polygons = tuple[NDArray[np.float64], ...]
"""Each (k, 2), x and y."""
Runs = NDArray[np.int64]
"""The counts of a run-length encoding."""


@dataclass(frozen=True, slots=True)
class CocoImage:
    """An entry of `images`: the relative path of its file, and its size."""

    path: str
    size: Size


@dataclass(frozen=True, slots=True)
class CocoObject:
    """An entry of `annotations`.

    Attributes:
        category: its category's id.
        box: half-open corners.
        crowd: whether it is a group of objects.
        outline: polygons or run lengths; None where the file has no segmentation.
    """

    category: int
    box: Corners
    crowd: bool
    outline: Polygons | Runs | None


@dataclass(frozen=True, slots=True)
class CocoFile:
    """The content of the file.

    Attributes:
        categories: id to name, sorted by id.
        images: id to image.
        objects: image id to its objects, in the file's order.
        skipped: annotations without area.
        faults: bad annotations, one message each.
    """

    categories: Mapping[int, str]
    images: Mapping[int, CocoImage]
    objects: Mapping[int, Sequence[CocoObject]]
    skipped: tuple[Skipped, ...]
    faults: tuple[str, ...]


def read_coco(path: Path) -> CocoFile:
    """Reads the file; a bad annotation is a fault that names it.

    Raises:
        DataError: the file cannot be read, is not JSON, or its images or categories are bad.
    """
    name = shown(str(path))
    content = _parse(path, name)
    categories = _categories(_list(content, "categories", name), name)
    images = _images(_list(content, "images", name), name)
    objects: dict[int, list[CocoObject]] = {}
    skipped: list[Skipped] = []
    faults: list[str] = []
    for at, entry in enumerate(_list(content, "annotations", name)):
        where = f"{name}, annotations[{at}]"
        try:
            image = _known(entry, "image_id", images, "images", where)
            category = _known(entry, "category_id", categories, "categories", where)
            box = _box(entry, where)
            if box is None:
                skipped.append(Skipped(f"{path.name}, annotations[{at}]", "its box has no area"))
                continue
            outline = _outline(entry, images[image].size, where)
            crowd = bool(entry.get("iscrowd", 0))
            objects.setdefault(image, []).append(CocoObject(category, box, crowd, outline))
        except DataError as error:
            faults.append(str(error))
    return CocoFile(categories, images, objects, tuple(skipped), tuple(faults))


def _parse(path: Path, name: str) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror}. Check its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{name} is not JSON: {shown(str(error))[:200]}. Expected COCO's instances; fetch the "
            "file again."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{name}: expected an object with images, annotations and categories.")
    return content


def _list(content: Mapping[str, Any], key: str, name: str) -> list[Any]:
    found = content.get(key)
    if not isinstance(found, list):
        raise DataError(
            f"{name}: expected a list {key!r}, got {_short(found)}. Is this COCO's instances?"
        )
    return found


def _categories(entries: Sequence[Any], name: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for at, entry in enumerate(entries):
        where = f"{name}, categories[{at}]"
        text = _field(entry, "name", str, where)
        number = _field(entry, "id", int, where)
        if number in found or text in found.values() or not text.strip():
            raise DataError(
                f"{where}: the id {number} or the name {shown(text[:40])!r} is empty or occurs "
                "before. Expected each once. Correct the file."
            )
        found[number] = text
    if not found:
        raise DataError(f"{name} has no categories. Expected at least one.")
    return dict(sorted(found.items()))


def _images(entries: Sequence[Any], name: str) -> dict[int, CocoImage]:
    found: dict[int, CocoImage] = {}
    paths: set[str] = set()
    for at, entry in enumerate(entries):
        where = f"{name}, images[{at}]"
        number = _field(entry, "id", int, where)
        path = relative_path(_field(entry, "file_name", str, where), where)
        sides = [_field(entry, side, int, where) for side in ("height", "width")]
        size = stated_size(sides, where)
        if number in found or path in paths:
            raise DataError(f"{where}: the id {number} or its file occurs before. Remove one.")
        if size is None:
            raise DataError(f"{where}: a side of the image is below 1. Correct the size.")
        found[number] = CocoImage(path, size)
        paths.add(path)
    return found


def _known(entry: Any, key: str, table: Mapping[int, Any], what: str, where: str) -> int:
    number: int = _field(entry, key, int, where)
    if number not in table:
        raise DataError(
            f"{where}: its {key} {number} is none of {what}. Expected one that is. Correct it."
        )
    return number


def _box(entry: Any, where: str) -> Corners | None:
    values = _field(entry, "bbox", list, where)
    if len(values) != 4 or not all(map(_is_number, values)):
        raise DataError(
            f"{where}: its bbox is {_short(values)}. Expected x, y, width, height. Correct it."
        )
    x, y, width, height = map(float, values)
    if width < 0 or height < 0:
        raise DataError(f"{where}: its bbox {_short(values)} has a negative side. Correct it.")
    return (x, y, x + width, y + height) if width and height else None


def _outline(entry: Any, size: Size, where: str) -> Polygons | Runs | None:
    found = entry.get("segmentation")
    if found is None or found == []:
        return None
    try:
        if isinstance(found, dict):
            return _runs(found, size)
        polygons = tuple(_polygon(points) for points in found)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise DataError(
            f"{where}: its segmentation is bad ({shown(str(error))[:200]}). Expected polygons of "
            "x and y, or run lengths with the image's size. Correct it."
        ) from error
    return polygons


def _runs(found: Mapping[str, Any], size: Size) -> Runs:
    if tuple(found["size"]) != tuple(size):
        raise ValueError(f"its size {_short(found['size'])} is not the image's {tuple(size)}")
    counts = found["counts"]
    if isinstance(counts, str):
        counts = parse_counts(counts)
    if not all(isinstance(each, int) and 0 <= each <= MOST_PIXELS for each in counts):
        raise ValueError("a run length below 0 or beyond any image")
    if sum(counts) != size.height * size.width:
        raise ValueError("its run lengths do not add up to the image's pixels")
    return np.array(counts, dtype=np.int64)


def _polygon(points: Any) -> NDArray[np.float64]:
    if not isinstance(points, list) or not all(map(_is_number, points)):
        raise ValueError("a polygon that is no list of numbers")
    if len(points) < 6 or len(points) % 2:
        raise ValueError(f"a polygon of {len(points)} numbers")
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _is_number(value: Any) -> bool:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return plain and abs(value) <= MAX_COORDINATE  # also false for NaN


def _field(entry: Any, key: str, kind: type, where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(
            f"{where}: its {key} is {_short(value)}. Expected {kind.__name__}. Correct the file."
        )
    return value


def _short(value: Any) -> str:
    return shown(repr(value)[:60])
