"""A run as a folder for FiftyOne: ground-truth boxes, and one field of boxes per method.

OUT/data.json              image id -> its file; images stay where they are
OUT/labels/true_boxes.json, OUT/labels/METHOD.json   FiftyOneImageDetectionDataset
OUT/labels/predicted.json                            FiftyOneImageClassificationDataset
OUT/data/                  images from a tar, which FiftyOne cannot read
OUT/load_in_fiftyone.py    loads all of them into one dataset

FiftyOne is not needed to write the folder. A box is [x, y, width, height] from the top
left, as shares of the image's sides.

Source: https://docs.voxel51.com/user_guide/import_datasets.html, the sections on these
two types: a label's `attributes` become fields that can be filtered.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.errors import DataError
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import file_name, shown

TRUE_BOXES, PREDICTED = "true_boxes", "predicted"
LOADER = "load_in_fiftyone.py"

_SUFFIX = ".jpg"
"""FiftyOne removes a suffix from the keys of data.json, so each key has one."""

_SCRIPT = '''\
"""Loads this folder into FiftyOne and opens its app: python {loader} [DATASET NAME]

Needs `pip install fiftyone`. Delete the dataset again with `fiftyone datasets delete`.
"""

import sys
from pathlib import Path

import fiftyone

HERE = Path(__file__).resolve().parent
NAME = {name!r}
FIELDS = {fields!r}
"""Field -> file of its labels."""


def merge(dataset, field, form):
    dataset.merge_dir(
        dataset_type=form,
        data_path=str(HERE / "data.json"),
        labels_path=str(HERE / "labels" / FIELDS[field]),
        label_field=field,
    )


def load(name):
    dataset = fiftyone.Dataset(name, persistent=True)
    for field in FIELDS:
        if field != {predicted!r}:
            merge(dataset, field, fiftyone.types.FiftyOneImageDetectionDataset)
    merge(dataset, {predicted!r}, fiftyone.types.FiftyOneImageClassificationDataset)
    dataset.add_dynamic_sample_fields()
    return dataset


if __name__ == "__main__":
    dataset = load(sys.argv[1] if len(sys.argv) > 1 else NAME)
    print(dataset)
    fiftyone.launch_app(dataset).wait()
'''


def write_fiftyone(
    out: Path, name: str, columns: Mapping[str, Sequence[Any]], dataset: ImageDataset
) -> None:
    """Writes the folder; unreadable images are omitted.

    Args:
        out: a folder that is empty or does not exist.
        name: of the dataset in FiftyOne.
        columns: from `record_columns`.
        dataset: opens the images.

    Raises:
        DataError: the folder is not empty or cannot be written, or an image is absent.
    """
    found = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    rows = [row for row in found if row["map_state"] != MapState.UNREADABLE]
    labels = _labels(rows)
    files = {field: f"{file_name(field)}.json" for field in labels}
    with writing_file(shown(str(out))):
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise DataError(f"{shown(str(out))}: the folder is not empty. Give a new one.")
        (out / "labels").mkdir()
        for field, values in labels.items():
            _write_json(out / "labels" / files[field], {"labels": values})
        paths = {key: _image_file(key, dataset, out) for key in labels[PREDICTED]}
        _write_json(out / "data.json", {f"{key}{_SUFFIX}": path for key, path in paths.items()})
        script = _SCRIPT.format(loader=LOADER, name=name, fields=files, predicted=PREDICTED)
        (out / LOADER).write_text(script, encoding="utf-8")


def _labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Field -> image id -> its label: a list of boxes, or the predicted class."""
    fields: dict[str, dict[str, Any]] = {TRUE_BOXES: {}, PREDICTED: {}}
    for row in rows:
        image_id = row["image_id"]
        fields[TRUE_BOXES].setdefault(image_id, list(_ground_truth(row)))
        fields[PREDICTED].setdefault(image_id, row["predicted_class"])
        fields.setdefault(row["method"], {})[image_id] = [_predicted(row)]
    return fields


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def _image_file(image_id: str, dataset: ImageDataset, out: Path) -> str:
    """The path of an image's file, which is written first if the image lies in a tar."""
    own = Path(dataset.images.where(image_id))
    if own.is_file():
        return str(own.resolve())
    copy = out / "data" / f"{file_name(image_id)}{own.suffix or _SUFFIX}"
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(dataset.images.read(image_id))
    return copy.relative_to(out).as_posix()


def _ground_truth(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for box in row["true_boxes"]:
        yield {"label": row["class"], "bounding_box": _shares(box, row), "attributes": _who(row)}


def _predicted(row: Mapping[str, Any]) -> dict[str, Any]:
    """The method's box for the label's class, with its outcome."""
    corners = tuple(row[name] for name in ("x0", "y0", "x1", "y1"))
    return {
        "label": row["class"],
        "bounding_box": _shares(corners, row),
        "attributes": {
            **_who(row),
            "iou": row["iou"],
            "failure": row["failure"],
            "map_state": row["map_state"],
            "rank": row["rank"],
            "blacklisted": row["blacklisted"],
        },
    }


def _who(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"wnid": row["wnid"], "image_id": row["image_id"]}


def _shares(box: Sequence[float], row: Mapping[str, Any]) -> list[float]:
    (x0, y0, x1, y1), width, height = box, row["width"], row["height"]
    return [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height]
