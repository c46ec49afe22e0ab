"""`export`: a run in the formats of other evaluation tools, browsers and tables."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa

from wsol_bench.analysis.run_images import open_images
from wsol_bench.datasets.class_lookup import first_name
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.errors import UsageError, find
from wsol_bench.geometry import Size
from wsol_bench.records.opened_run import NetworkRecords, open_one
from wsol_bench.report.exports.coco import (
    Categories,
    coco_dataset,
    coco_results,
    image_numbers_of,
    write_coco,
)
from wsol_bench.report.exports.csv_columns import record_columns, write_csv
from wsol_bench.report.exports.devkit import write_predictions
from wsol_bench.report.exports.fiftyone import LOADER, write_fiftyone
from wsol_bench.report.exports.maps import write_maps, write_scoremaps
from wsol_bench.report.exports.predictions import Corners, Predictions, predictions_of
from wsol_bench.report.exports.wsol_metadata import write_wsol_metadata
from wsol_bench.runtime.names import shown
from wsol_bench.runtime.progress import log

_ILSVRC = re.compile(r"ILSVRC2012_val_[0-9]{8}")


@dataclass(frozen=True, slots=True)
class Export:
    """Options of an export.

    Attributes:
        path: the run's folder.
        out: the file or folder to write.
        methods: whose records; default: all, if the format can hold several.
        class_map: "WNID id" lines for class ids, or None.
        data: the images' folder or tar; default: the one that the run was made on.
    """

    path: Path
    out: Path
    methods: tuple[str, ...] = ()
    class_map: Path | None = None
    data: str | None = None


def export_run(export: Export, form: str) -> None:
    """Writes a run in one of `FORMS`.

    Raises:
        UsageError: the run has no such method, or the format needs exactly one.
        DataError: the folder holds no run, or a file cannot be read or written.
    """
    networks = open_one(export.path)
    carriers = {name: network for network in networks for name in network.methods}
    for name in export.methods:
        find("method of this run", name, carriers)
    find("format", form, FORMS)(export, networks)
    what = ", ".join(export.methods) or "all methods"
    print(f"{shown(str(export.out))}: {form}, {what}, {networks[0].identity.images:,} examples")


def class_boxes_of(table: pa.Table) -> dict[str, dict[int, Corners]] | None:
    """Image id -> class -> box, if the run has boxes of the best classes, else None."""
    found = {}
    columns = (table[name].to_pylist() for name in ("image_id", "classes", "class_boxes"))
    for image_id, classes, flat in zip(*columns, strict=True):
        if not flat:
            return None
        corners = [tuple(flat[at : at + 4]) for at in range(0, len(flat), 4)]
        found[image_id] = dict(zip(classes, corners, strict=True))
    return found


def _devkit(export: Export, networks: Sequence[NetworkRecords]) -> None:
    predictions, _ = _predictions(export, networks)
    wnids = networks[0].folder.manifest().class_ids
    write_predictions(predictions, export.out, devkit_ids(wnids, export.class_map))


def _coco(export: Export, networks: Sequence[NetworkRecords]) -> None:
    predictions, table = _predictions(export, networks, only_with_boxes=True)
    ids = _categories(export, networks).ids
    write_coco(coco_results(predictions, image_numbers_of(table), ids), export.out)


def _coco_dataset(export: Export, networks: Sequence[NetworkRecords]) -> None:
    table = networks[0].of(networks[0].methods[0])
    dataset = open_images(networks[0].folder.manifest(), export.data, quiet=True)
    ids = table["image_id"].to_pylist()
    file_names = {image_id: Path(dataset.images.where(image_id)).name for image_id in ids}
    what = (
        f"{networks[0].identity.dataset}, {len(table):,} images, ground-truth boxes of the label's "
        "class"
    )
    write_coco(coco_dataset(table, _categories(export, networks), file_names, what), export.out)


def _wsol_metadata(export: Export, networks: Sequence[NetworkRecords]) -> None:
    table = networks[0].of(networks[0].methods[0])
    dataset = open_images(networks[0].folder.manifest(), export.data, quiet=True)
    known = {(each.image_id, each.label): each for each in dataset.examples}
    columns = (table[name].to_pylist() for name in ("image_id", "label", "height", "width"))
    examples = [
        (known[image_id, label], Size(height, width))
        for image_id, label, height, width in zip(*columns, strict=True)
    ]
    write_wsol_metadata(dataset, examples, export.out)


def _csv(export: Export, networks: Sequence[NetworkRecords]) -> None:
    write_csv(record_columns(networks, export.methods or networks[0].order), export.out)


def _fiftyone(export: Export, networks: Sequence[NetworkRecords]) -> None:
    identity = networks[0].identity
    dataset = open_images(networks[0].folder.manifest(), export.data, quiet=True)
    name = f"{identity.dataset} {identity.arch} {identity.protocol.name}"
    columns = record_columns(networks, export.methods or networks[0].order)
    write_fiftyone(export.out, name, columns, dataset)
    log(f"To open it: python {export.out / LOADER}")


def _maps(export: Export, networks: Sequence[NetworkRecords]) -> None:
    records, method = _one_method(export, networks)
    count = write_maps(records, method, export.out)
    log(f"{export.out}: {count:,} maps. To score them: --methods maps:{export.out}")


def _scoremaps(export: Export, networks: Sequence[NetworkRecords]) -> None:
    records, method = _one_method(export, networks)
    count = write_scoremaps(records, method, export.out, _paths_of(export, records))
    log(f"{export.out}: {count:,} maps of 224 x 224, for wsolevaluation's --scoremap_root.")


def _paths_of(export: Export, records: NetworkRecords) -> Mapping[str, str]:
    """Image id -> the path that wsolevaluation's metadata has; ILSVRC's is val/NAME.JPEG."""
    ids = records.of(records.methods[0], ("image_id",))["image_id"].to_pylist()
    if all(_ILSVRC.fullmatch(image_id) for image_id in ids):
        return {image_id: f"val/{image_id}.JPEG" for image_id in ids}
    images = open_images(records.folder.manifest(), export.data, quiet=True).images
    present = images.ids()
    return {
        image_id: os.path.relpath(images.where(image_id), images.place)
        for image_id in ids
        if image_id in present
    }


def _one_method(export: Export, networks: Sequence[NetworkRecords]) -> tuple[NetworkRecords, str]:
    """The network's records and the name of the one method requested."""
    if len(export.methods) != 1:
        known = ", ".join(name for each in networks for name in each.methods)
        raise UsageError(f"export: this format needs --methods with one of the run's: {known}.")
    (method,) = export.methods
    return next(each for each in networks if method in each.methods), method


def _predictions(
    export: Export, networks: Sequence[NetworkRecords], *, only_with_boxes: bool = False
) -> tuple[Predictions, pa.Table]:
    """The predictions of the one method requested, and its records."""
    records, method = _one_method(export, networks)
    table = records.of(method)
    boxes = class_boxes_of(table)
    if boxes is None and only_with_boxes:
        raise UsageError(
            f"export: {export.path} kept only the box of the label's class, so leaving the other "
            "classes out would reveal the label. Run again with --boxes top5."
        )
    if boxes is None:
        log(
            "The run kept only the box of the label's class; other classes get an empty box, "
            "which changes no error. Run with --boxes top5 for all five boxes."
        )
    return predictions_of(table, method, boxes, empty_others=boxes is None), table


def _categories(export: Export, networks: Sequence[NetworkRecords]) -> Categories:
    """COCO's categories: the devkit's ids, or 1 to C for classes that are not ILSVRC's."""
    manifest = networks[0].folder.manifest()
    wnids = manifest.class_ids
    names = [first_name(name) for name in manifest.class_names]
    official = set(wnids) <= set(official_classes().class_ids)
    if export.class_map is None and not official:
        return Categories(range(1, len(wnids) + 1), wnids, names)
    return Categories(devkit_ids(wnids, export.class_map).ids, wnids, names)


FORMS: Mapping[str, Callable[[Export, Sequence[NetworkRecords]], None]] = MappingProxyType(
    {
        "devkit": _devkit,
        "coco": _coco,
        "coco-dataset": _coco_dataset,
        "wsol-metadata": _wsol_metadata,
        "fiftyone": _fiftyone,
        "csv": _csv,
        "maps": _maps,
        "maps-wsolevaluation": _scoremaps,
    }
)
"""Values of `--format`."""
