"""One image's annotation, its boxes, and its XML form (PASCAL VOC, as ILSVRC uses it).

The coordinates of ILSVRC are 0-based and inclusive: a box from xmin 0 to xmax 499
covers 500 columns. `inclusive_box` adds the 1 and is the only function that does.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.errors import DataError
from wsol_bench.geometry import LONGEST_SIDE, MOST_PIXELS, Boxes, Size
from wsol_bench.runtime.names import shown

__all__ = [
    "AnnotatedObject",
    "Annotation",
    "half_open_box",
    "inclusive_box",
    "read_xml",
    "sized_box",
]

CORNERS = ("xmin", "ymin", "xmax", "ymax")
MAX_COORDINATE = 1_000_000
"""Beyond any image; keeps an area far from overflow."""
MAX_XML_BYTES = 1_000_000
"""The largest of ILSVRC has some 20 kB."""

Corners = tuple[float, float, float, float]
"""Half-open (x0, y0, x1, y1) in pixels."""

_OF_NUMBERS = frozenset("0123456789+-.eE")
_PLAIN_CORNERS = re.compile("[0-9]{1,6}(?: [0-9]{1,6}){3}")


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """One object: its class and its box, half-open (x0, y0, x1, y1) in pixels.

    Attributes:
        difficult: whether PASCAL VOC marks it as difficult to recognise.
    """

    class_id: str
    box: Corners
    difficult: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """The annotation of one image in a file.

    Attributes:
        where: the file, and line if any, for messages.
        objects: in the file's order; at least one.
        size: the image's size, or None where the file has none.
        filename: the image's file name as the annotation states it, or "".
    """

    where: str
    objects: tuple[AnnotatedObject, ...]
    size: Size | None
    filename: str = ""

    @property
    def class_ids(self) -> list[str]:
        """The objects' distinct class ids, sorted."""
        return sorted({item.class_id for item in self.objects})

    def boxes(self, class_id: str) -> Boxes:
        """The boxes of one class, (m, 4) half-open xyxy; m is 0 for a class not in `class_ids`."""
        boxes = [item.box for item in self.objects if item.class_id == class_id]
        return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def inclusive_box(corners: Sequence[str], where: str) -> Corners:
    """Half-open (x0, y0, x1, y1) from inclusive xmin, ymin, xmax, ymax as written.

    A box may extend beyond the image: the devkit does not clip either.

    Raises:
        DataError: not a number, swapped corners, or no area (a maximum that
            equals its minimum; no box of ILSVRC's validation set is one pixel wide).

    Example:
        >>> inclusive_box(["0", "0", "99", "49"], "by hand")
        (0.0, 0.0, 100.0, 50.0)
    """
    xmin, ymin, xmax, ymax = half_open_box(corners, where)
    return xmin, ymin, xmax + 1.0, ymax + 1.0


def half_open_box(corners: Sequence[str], where: str) -> Corners:
    """Half-open (x0, y0, x1, y1) from half-open corners as written.

    Raises:
        DataError: not a number, swapped corners, or no area.
    """
    if _PLAIN_CORNERS.fullmatch(" ".join(corners)):  # nearly all, and 50,000 rows are read
        xmin, ymin, xmax, ymax = map(float, corners)
    else:
        xmin, ymin, xmax, ymax = (
            coordinate(text, name, where) for text, name in zip(corners, CORNERS, strict=True)
        )
    if xmax < xmin or ymax < ymin:
        fault = "has its corners swapped"
    elif xmax == xmin or ymax == ymin:
        fault = "has no area"
    else:
        return xmin, ymin, xmax, ymax
    raise DataError(
        f"{where}: the box {shown(' '.join(corners)[:80])} {fault}. Expected xmin ymin xmax ymax "
        "with xmin < xmax and ymin < ymax. Correct the box."
    )


def sized_box(values: Sequence[str], where: str) -> Corners:
    """Half-open (x0, y0, x1, y1) from x, y, width, height as written.

    A width counts pixels, so nothing is added to it.

    Raises:
        DataError: not a number, or no area.
    """
    x, y, width, height = (
        coordinate(text, name, where)
        for text, name in zip(values, ("x", "y", "width", "height"), strict=True)
    )
    if width <= 0 or height <= 0:
        raise DataError(
            f"{where}: the box {shown(' '.join(values)[:80])} has no area. Expected x y width "
            "height with a width and a height above 0. Correct the box."
        )
    return x, y, x + width, y + height


CORNER_READERS: Mapping[BoxEnds, Callable[[Sequence[str], str], Corners]] = MappingProxyType(
    {"inclusive": inclusive_box, "half-open": half_open_box}
)
"""Meaning of the maximum corner -> the function that reads such corners."""


def read_xml(path: Path, *, first_pixel: int = 0) -> Annotation:
    """Reads one XML annotation.

    Args:
        path: the file.
        first_pixel: the coordinate of the first pixel: 0 in ILSVRC, 1 in PASCAL VOC.

    Raises:
        DataError: unreadable, too large, not well-formed, with a document type
            or entities, without an object, or with a bad box; names the file.
    """
    where = shown(str(path))
    root = _parse(_read_bytes(path), where)
    objects = tuple(_object(item, where, first_pixel) for item in root.findall("object"))
    if not objects:
        raise DataError(f"{where} has no <object>. Expected at least one box of the label.")
    filename = (root.findtext("filename") or "").strip()
    return Annotation(where, objects, _size(root, where), filename)


def _parse(data: bytes, where: str) -> Element:
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise DataError(
            f"{where} declares a document type or entities, which an annotation never needs and "
            "which may be an attack. Remove the declaration."
        ) from error
    except (ParseError, ValueError, LookupError) as error:  # the latter: odd encodings
        raise DataError(
            f"{where} is not well-formed XML: {error}. Expected an ILSVRC annotation; "
            "fetch the file again."
        ) from error
    if root.tag != "annotation":
        raise DataError(
            f"{where}: expected <annotation> at the top, got "
            f"<{shown(root.tag)[:60]}>. Is this another kind of file?"
        )
    return root


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_XML_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"cannot read {shown(str(path))}: {error.strerror}. Check the file and its permissions."
        ) from error
    if len(data) > MAX_XML_BYTES:
        raise DataError(
            f"{shown(str(path))} is larger than {MAX_XML_BYTES:,} bytes. "
            "Expected an annotation of a few kilobytes."
        )
    return data


def _object(item: Element, where: str, first_pixel: int) -> AnnotatedObject:
    name = _text(item, "name", where)
    box = _only(item, "bndbox", where)
    if box is None:
        raise DataError(f"{where}: an <object> has no <bndbox>. Add one or remove the object.")
    x0, y0, x1, y1 = inclusive_box([_text(box, name, where) for name in CORNERS], where)
    corners = (x0 - first_pixel, y0 - first_pixel, x1 - first_pixel, y1 - first_pixel)
    difficult = (item.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise DataError(f"{where}: <difficult> is {shown(difficult[:40])!r}. Expected 0 or 1.")
    return AnnotatedObject(name, corners, difficult == "1")


def _size(root: Element, where: str) -> Size | None:
    size = _only(root, "size", where)
    if size is None:
        return None
    sides = [coordinate(_text(size, name, where), name, where) for name in ("height", "width")]
    return stated_size(map(int, sides), where)


def stated_size(sides: Iterable[int], where: str) -> Size | None:
    """The size that a file gives an image: height and width in pixels.

    Returns:
        None where a side is 0, which some tools write for "not known".

    Raises:
        DataError: no image has this size.
    """
    height, width = sides
    if min(height, width) < 1:
        return None
    if max(height, width) > LONGEST_SIDE or height * width > MOST_PIXELS:
        raise DataError(
            f"{where}: no image is {width:,} x {height:,} pixels. Expected at most "
            f"{LONGEST_SIDE:,} to a side and {MOST_PIXELS:,} in all. Correct the size."
        )
    return Size(height, width)


def _only(parent: Element, name: str, where: str) -> Element | None:
    found = parent.findall(name)
    if len(found) > 1:
        raise DataError(
            f"{where}: <{parent.tag}> has {len(found)} <{name}>. Expected one; "
            "remove what does not belong there."
        )
    return found[0] if found else None


def _text(parent: Element, name: str, where: str) -> str:
    child = _only(parent, name, where)
    text = "" if child is None else (child.text or "").strip()
    if not text:
        raise DataError(f"{where}: <{parent.tag}> has no <{name}>, or an empty one. Fill it in.")
    return text


def coordinate(text: str, name: str, where: str) -> float:
    """The number of pixels that a text states; DataError where it is none."""
    plain = set(text) <= _OF_NUMBERS  # float also takes "1_000", and digits of other scripts
    try:
        value = float(text) if plain else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_COORDINATE:  # also false for NaN
        raise DataError(f"{where}: {name} is {text[:40]!r}. Expected a number of pixels.")
    return value
