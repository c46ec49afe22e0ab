"""The layout of COCO's instances: one JSON file for each split, beside folders of images.

Boxes are x, y, width, height, from 0 on and continuous, so nothing is added. Each category
of an image is an example. The boxes of crowds count only where a category has no other;
in masks, crowds are part of the ground truth, as in the pointing game's reference code.

The class index is the position among the categories, sorted by their ids.

Source: Lin et al., Microsoft COCO: Common Objects in Context, 2014, and the format's
description at https://cocodataset.org/#format-data.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from wsol_bench.datasets.assembly import assemble
from wsol_bench.datasets.classes import class_list
from wsol_bench.datasets.coco_file import CocoFile, read_coco
from wsol_bench.datasets.coco_masks import CocoMasks
from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.ground_truth import GroundTruth, ListedAnnotations
from wsol_bench.datasets.layouts.layout import Layout, splits_by_name
from wsol_bench.datasets.listed_files import find_listed, ids_of
from wsol_bench.datasets.scanning import is_file
from wsol_bench.datasets.selection import Selection
from wsol_bench.datasets.text_rows import first_line
from wsol_bench.runtime.names import shown

_START = "instances_"


def find(path: Path) -> dict[str, Path]:
    """Split to its file: the path, or annotations/instances_*.json in it."""
    if is_file(path):
        is_json = path.suffix.lower() == ".json" and first_line(path).startswith("{")
        return {path.stem.removeprefix(_START): path} if is_json else {}
    for folder in (path / "annotations", path):
        found = sorted(each for each in folder.glob(f"{_START}*.json") if is_file(each))
        if found:
            return {each.stem.removeprefix(_START): each for each in found}
    return {}


def load(path: Path, files: dict[str, Path], selection: Selection) -> ImageDataset:
    """Loads one split; raises DataError for what is missing or bad."""
    split = selection.split or next(iter(files))
    file = files[split]
    content = read_coco(file)
    labels = {category: at for at, category in enumerate(content.categories)}
    ids = ids_of(image.path for image in content.images.values())
    keys = {image.path: key for key, image in content.images.items()}
    rows: dict[str, list[GroundTruth]] = {}
    for image_id, place in ids.items():
        truths = _ground_truths(content, keys[place], labels)
        if truths:
            rows[image_id] = truths
    masks = CocoMasks.of(
        content, {keys[place]: image_id for image_id, place in ids.items()}, labels
    )
    root = file.absolute().parent
    bases = [root.parent, root, path.absolute()]
    roots = [base / name for base in bases for name in (split, f"images/{split}", "images", ".")]
    dataset = assemble(
        path,
        find_listed(roots, ids),
        ListedAnnotations(
            class_list(tuple(content.categories.values()), shown(str(file))),
            rows,
            content.skipped,
            content.faults,
        ),
        selection,
        mask_source=masks,
    )
    return replace(dataset, category_ids=tuple(content.categories))


def _ground_truths(content: CocoFile, image: int, labels: Mapping[int, int]) -> list[GroundTruth]:
    by_label: dict[int, list[int]] = {}
    objects = content.objects.get(image, ())
    for at, each in enumerate(objects):
        by_label.setdefault(labels[each.category], []).append(at)
    truths = []
    for label, places in by_label.items():
        plain = [at for at in places if not objects[at].crowd]
        boxes = np.array([objects[at].box for at in plain or places])
        truths.append(GroundTruth(label, boxes, content.images[image].size))
    return truths


COCO = Layout(
    description=(
        "COCO: annotations/instances_SPLIT.json with the images in SPLIT or images/SPLIT (the "
        "path may be the JSON file)"
    ),
    find=find,
    load=load,
    splits=splits_by_name("val2017", "val2014", "val", "test"),
    box_ends="half-open",
)
