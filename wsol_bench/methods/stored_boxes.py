"""Boxes that another program made, from a file: `boxes:FILE`.

Three forms, recognised by the file's suffix:

- `.csv`: columns `image` or `image_id`, and `x0, y0, x1, y1` or `x, y, w, h`; a column `class` (or
  `label`) limits a box to that class, a column `score` decides between several. `export --format
  csv` writes such;
- `.json`: COCO results, `image_id`, `category_id`, `bbox` [x, y, width, height] and `score`;
- any other: the devkit's lines, "class xmin ymin xmax ymax" per box, 0-based and inclusive.

The box of an image is the one for its label; of several that with the highest score, or the first.
An image whose file has boxes of other classes only has an empty box, which is wrong. With
`any_class=true` the class of a box is disregarded.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.datasets.devkit_lines import lines_of, read_lines
from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.datasets.name_index import NameIndex
from wsol_bench.errors import DataError
from wsol_bench.geometry import Boxes
from wsol_bench.methods.entry import BoxMethod, Frame
from wsol_bench.runtime.names import shown

Corners = tuple[float, float, float, float]
Ends = Literal["half-open", "inclusive"]
CORNERS, SIDES = ("x0", "y0", "x1", "y1"), ("x", "y", "w", "h")
IMAGE, CLASS = ("image_id", "image", "ImageId"), ("class_id", "wnid", "label", "class")
"""Names of columns, the first that a file has."""


@dataclass(frozen=True, slots=True)
class StoredBox:
    """One box of a file.

    Attributes:
        label: class index; None for a box of no class, -1 for a class of no image.
        box: half-open xyxy.
        score: decides between several boxes of an image.
    """

    label: int | None
    box: Corners
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredBoxes:
    """The boxes of a dataset's images.

    Attributes:
        path: of the file.
        by_image: image id -> its boxes, in descending order of score.
        digest: of the file.
    """

    path: Path
    by_image: Mapping[str, Sequence[StoredBox]]
    digest: str


def stored_box(frame: Frame, *, box_ends: Ends = "half-open", any_class: bool = False) -> Boxes:
    """The box of an image and class, (4,) half-open xyxy; empty where the file has none of it.

    Args:
        frame: the image, the class, and what `learn` returned.
        box_ends: whether x1 and y1 of a CSV file are the last pixel or the one after it.
        any_class: whether the class of a box is disregarded.
    """
    for each in frame.learned.by_image[frame.image_id]:
        if any_class or each.label is None or each.label == frame.label:
            return np.array(each.box, dtype=np.float64)
    return np.zeros(4)


def stored_boxes(name: str) -> BoxMethod:
    """The method of `boxes:FILE`."""
    path = Path(name.partition(":")[2]).expanduser()

    def learn(dataset: Dataset, *, box_ends: Ends, any_class: bool) -> StoredBoxes:
        return _read(path, dataset, box_ends)

    return BoxMethod(
        name=name,
        title=f"Boxes of {shown(path.name)}",
        source="boxes from a file",
        box=stored_box,
        learn=learn,
        code=lambda boxes: {"path": str(boxes.path), "sha256": boxes.digest},
    )


def _read(path: Path, dataset: Dataset, ends: Ends) -> StoredBoxes:
    """The boxes of every image of a dataset.

    Raises:
        DataError: the file cannot be read, is of another form, or lacks an image; names it.
    """
    where = f"boxes:{shown(str(path))}"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error}).") from error
    try:
        found = READERS.get(path.suffix.lower(), _devkit)(path, content, dataset, ends)
    except (ValueError, TypeError, LookupError) as error:
        raise DataError(f"{where}: has no known form ({error}). {_EXPECTED}") from error
    ordered = {
        image_id: tuple(sorted(boxes, key=lambda each: -each.score))
        for image_id, boxes in found.items()
    }
    for image_id, boxes in ordered.items():
        if not np.isfinite([(*each.box, each.score) for each in boxes]).all():
            raise DataError(f"{where}: a box of {shown(image_id)} is not finite.")
    return StoredBoxes(path, ordered, sha256(content).hexdigest())


Found = dict[str, list[StoredBox]]
"""Image id -> its boxes in the order of the file."""


def _csv(path: Path, content: bytes, dataset: Dataset, ends: Ends) -> Found:
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines(), skipinitialspace=True))
    columns = set(rows[0]) if rows else set()
    image = next((name for name in IMAGE if name in columns), None)
    sides = next((names for names in (CORNERS, SIDES) if set(names) <= columns), None)
    if image is None or sides is None:
        raise ValueError("it has no columns image and x0, y0, x1, y1, or x, y, w, h")
    methods = {row["method"] for row in rows if "method" in row}
    if len(methods) > 1:
        raise ValueError(f"it has the boxes of {len(methods)} methods; export one with --methods")
    label_of = _labels(dataset, next((name for name in CLASS if name in columns), None))
    boxes: Found = {}
    for row in rows:
        a, b, c, d = (float(row[side]) for side in sides)
        far = (a + c, b + d) if sides is SIDES else (c + _more(row, ends), d + _more(row, ends))
        box = StoredBox(label_of(row), (a, b, *far), float(row.get("score") or 0))
        boxes.setdefault(row[image].strip(), []).append(box)
    names = NameIndex(boxes).match(dataset, f"boxes:{shown(str(path))}", "box")
    return {image_id: boxes[name] for image_id, name in names.items()}


def _more(row: Mapping[str, str], ends: Ends) -> float:
    return float((row.get("box_ends") or ends) == "inclusive")


def _labels(dataset: Dataset, column: str | None) -> Callable[[Mapping[str, str]], int | None]:
    """A row of a table -> its class index, by class id or index."""
    if column is None:
        return lambda row: None
    places = {str(at): at for at in range(len(dataset.class_ids))}
    places |= {class_id: at for at, class_id in enumerate(dataset.class_ids)}
    return lambda row: places.get(row[column].strip(), -1)


def _coco(path: Path, content: bytes, dataset: Dataset, ends: Ends) -> Found:
    results: list[dict[str, Any]] = json.loads(content)
    if not isinstance(results, list):
        raise TypeError("it is no list of results")
    boxes: Found = {}
    for result in results:
        x, y, width, height = (float(each) for each in result["bbox"])
        box = (x, y, x + width, y + height)
        found = StoredBox(int(result["category_id"]), box, float(result.get("score", 0)))
        boxes.setdefault(str(result["image_id"]), []).append(found)
    numbers = {str(number): image_id for image_id, number in _numbers(dataset.examples)}
    named = {numbers.get(key, key): each for key, each in boxes.items()}
    names = NameIndex(named).match(dataset, f"boxes:{shown(str(path))}", "box")
    return _with_labels({image_id: named[name] for image_id, name in names.items()}, dataset)


def _numbers(examples: Iterable[Example]) -> Iterator[tuple[str, int]]:
    """The number that COCO's files have for each image.

    It is the number at the end of the name where all differ, as in COCO and ILSVRC, else the
    place in the official list.
    """
    indices = {example.image_id: example.index for example in examples}
    ends = {image_id: re.search(r"([0-9]+)$", image_id) for image_id in indices}
    by_name = {image_id: int(end[1]) for image_id, end in ends.items() if end}
    if len(by_name) == len(indices) == len(set(by_name.values())):
        yield from by_name.items()
    else:
        yield from indices.items()


def _with_labels(boxes: Found, dataset: Dataset) -> Found:
    """The boxes with class indices in place of COCO's category ids.

    The ids are the devkit's for ILSVRC, else the dataset's own or counted from 1: the numbering
    under which more images have a box of their label.
    """
    candidates = [
        {
            image_id: [replace(each, label=places.get(each.label or 0, -1)) for each in found]
            for image_id, found in boxes.items()
        }
        for places in _numberings(dataset)
    ]
    return max(candidates, key=lambda found: _labelled(found, dataset))


def _numberings(dataset: Dataset) -> list[Mapping[int, int]]:
    """Each possible meaning of a category id, as id -> class index, the likeliest first."""
    wnids = dataset.class_ids
    if set(wnids) <= set(official_classes().class_ids):
        return [devkit_ids(wnids).index_of]
    own = getattr(dataset, "category_ids", ())
    return [{each: at for at, each in enumerate(ids)} for ids in (own, range(1, len(wnids) + 1))]


def _labelled(boxes: Found, dataset: Dataset) -> int:
    """The number of examples whose image has a box of their label."""
    return sum(
        any(box.label == each.label for box in boxes[each.image_id]) for each in dataset.examples
    )


def _devkit(path: Path, content: bytes, dataset: Dataset, ends: Ends) -> Found:
    lines = read_lines(path, devkit_ids(dataset.class_ids))
    ordered = sorted(dataset.examples, key=lambda example: example.image_id)
    each = zip(ordered, lines_of(lines, ordered), strict=True)
    return {
        example.image_id: [StoredBox(box.label, box.box) for box in line] for example, line in each
    }


READERS: Mapping[str, Callable[[Path, bytes, Dataset, Ends], Found]] = MappingProxyType(
    {".csv": _csv, ".json": _coco}
)
"""Ending of the file -> how it is read; any other holds the devkit's lines."""

_EXPECTED = (
    "Expected a .csv with the columns image, x0, y0, x1, y1, COCO results in a .json, or the "
    "devkit's lines."
)
