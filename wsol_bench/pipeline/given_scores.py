"""Scores of images that another program made, in place of a network's: `--scores FILE`.

Three forms, recognised by the file's suffix:

- `.csv`: a line per image, its name and one score per class, or a heading `image,class,score` and
  a line per image and class, of which an image may name only its best;
- `.npz`: an array per image under its name; or `scores` (n, C) beside `names` (n,);
- `.json`: GenPromp's {name: {"pred_scores": [C numbers]}}, or {name: [C numbers]}.

Names are ids with or without the image's suffix and folders. A score ranks the classes; scores
before and after a softmax rank alike.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.datasets.name_index import NameIndex
from wsol_bench.errors import DataError
from wsol_bench.networks.outputs import LOWEST, Outputs, map_classes
from wsol_bench.runtime.names import shown

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class GivenScores:
    """The scores of a dataset's images.

    Attributes:
        name: of the file, as tables name it in the place of weights.
        sha256: of the file.
        by_image: image id -> (columns,) in the dataset's order.
        outputs: the order of the file's columns, where they are not the dataset's classes.
    """

    name: str
    sha256: str
    by_image: Mapping[str, Scores]
    outputs: Outputs | None = None

    def of(self, example: Example) -> Scores:
        """The scores of an image."""
        return self.by_image[example.image_id]


def read_scores(
    path: Path, dataset: Dataset, table: Mapping[str, int] | None, among: str = "all"
) -> GivenScores:
    """The scores of every image of a dataset.

    Args:
        path: of one of the forms above.
        dataset: whose images and classes they are.
        table: class id -> column, where the file's columns are not the dataset's classes.
        among: "all" ranks all columns, "dataset" those of the dataset's classes alone.

    Raises:
        DataError: the file cannot be read, is of no known form, lacks an image, or a row has
            another number of scores than there are classes or one that is not finite.
    """
    where = f"--scores {shown(str(path))}"
    reader = FORMS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{where}: expected a file that ends in {', '.join(FORMS)}.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error}).") from error
    try:
        given = reader(content, dataset.class_ids)
    except (
        ValueError,
        TypeError,
        LookupError,
        OSError,
        EOFError,
        StopIteration,
        BadZipFile,
    ) as error:
        raise DataError(f"{where}: has no known form ({error}). {_EXPECTED}") from error
    names = NameIndex(given).match(dataset, where, "scores")
    found = {image_id: given[name] for image_id, name in names.items()}
    count = len(next(iter(found.values())))
    _check(found, count, where)
    outputs = None
    if count != len(dataset.class_ids) and table is not None and count == len(table):
        outputs = map_classes(table, dataset.class_ids, count, among)
        stacked = outputs.scores(torch.from_numpy(np.stack(list(found.values())))).numpy()
        found = dict(zip(found, stacked, strict=True))
    elif count != len(dataset.class_ids):
        raise DataError(
            f"{where}: has {count:,} scores per image, the dataset {len(dataset.class_ids):,} "
            "classes. --classes FILE names the column of each class: class id, column."
        )
    return GivenScores(f"scores:{path.name}", sha256(content).hexdigest(), found, outputs)


def _check(found: Mapping[str, Scores], count: int, where: str) -> None:
    for image_id, scores in found.items():
        if scores.ndim != 1 or len(scores) != count or not count:
            raise DataError(
                f"{where}: {shown(image_id)} has scores of the shape {scores.shape}; expected one "
                f"number per class, {count:,} as the first image has."
            )
        if not np.isfinite(scores).all():
            raise DataError(
                f"{where}: the scores of {shown(image_id)} are not all finite. Correct them."
            )


def _csv(content: bytes, class_ids: Sequence[str]) -> dict[str, Scores]:
    rows = [row for row in csv.reader(StringIO(content.decode("utf-8-sig"))) if row]
    heading = [each.strip() for each in rows[0]] if rows else []
    if {"class", "score"} <= set(heading):
        return _long(rows[1:], heading, class_ids)
    if len(heading) > 1 and not _is_number(heading[1]):
        rows = rows[1:]
    return {row[0].strip(): np.array(row[1:], dtype=np.float32) for row in rows}


def _long(
    rows: Sequence[Sequence[str]], heading: Sequence[str], class_ids: Sequence[str]
) -> dict[str, Scores]:
    """Lines of image, class and score; a class that an image does not name ranks last."""
    places = {class_id: at for at, class_id in enumerate(class_ids)}
    places |= {str(at): at for at in range(len(class_ids))}
    image = next(at for at, each in enumerate(heading) if each in ("image", "image_id"))
    label, score = heading.index("class"), heading.index("score")
    found: dict[str, Scores] = {}
    for row in rows:
        scores = found.setdefault(
            row[image].strip(), np.full(len(class_ids), LOWEST, dtype=np.float32)
        )
        if row[label].strip() not in places:
            raise ValueError(f"{row[label].strip()!r} is no class of the dataset")
        scores[places[row[label].strip()]] = float(row[score])
    return found


def _npz(content: bytes, class_ids: Sequence[str]) -> dict[str, Scores]:
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        if {"names", "scores"} <= set(arrays.files):
            pairs = zip(arrays["names"].tolist(), arrays["scores"], strict=True)
        else:
            pairs = zip(arrays.files, (arrays[name] for name in arrays.files), strict=True)
        return {str(name): np.asarray(scores, dtype=np.float32) for name, scores in pairs}


def _json(content: bytes, class_ids: Sequence[str]) -> dict[str, Scores]:
    entries: dict[str, Any] = json.loads(content)
    if not isinstance(entries, dict):
        raise TypeError("the top level is no object of image names")
    scores = {
        name: entry["pred_scores"] if isinstance(entry, dict) else entry
        for name, entry in entries.items()
    }
    return {name: np.array(each, dtype=np.float32) for name, each in scores.items()}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


FORMS: Mapping[str, Callable[[bytes, Sequence[str]], dict[str, Scores]]] = MappingProxyType(
    {".csv": _csv, ".npz": _npz, ".json": _json}
)
"""Ending of the file -> how it is read: (content, class ids) -> name and scores."""

_EXPECTED = (
    "Expected lines of an image's name and its scores, an array per image's name, or an object of "
    'names with "pred_scores".'
)
