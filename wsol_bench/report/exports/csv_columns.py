"""Records as flat columns, for a CSV file or a data frame."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wsol_bench.analysis.failures import KINDS, failure_kinds
from wsol_bench.datasets.class_lookup import first_name
from wsol_bench.records.manifest import Manifest
from wsol_bench.records.opened_run import NetworkRecords, own_protocol
from wsol_bench.report.csv_text import csv_text
from wsol_bench.runtime.files import writing_file
from wsol_bench.runtime.names import shown

FAILURE_METRIC = "top1_loc"
"""The metric of the column `failure`."""

_AS_STORED = ("height", "width", "x0", "y0", "x1", "y1", "iou", "map_state", "blacklisted")


def record_columns(
    networks: Sequence[NetworkRecords], methods: Sequence[str]
) -> dict[str, list[Any]]:
    """The records of some methods, one method after another, each in the dataset's order.

    Args:
        networks: of a run.
        methods: names of its methods.

    Returns:
        Column -> one value per record. `rank` is the 1-based rank of the label among the
        best classes, or None if it is not among them; `true_boxes` are half-open
        (x0, y0, x1, y1) in pixels; `failure` is the outcome under top-1 localization. An
        unreadable image has the size 0 x 0 and no predicted class.
    """
    carriers = {method: network for network in networks for method in network.methods}
    manifest = networks[0].folder.manifest()
    columns: dict[str, list[Any]] = {}
    for method in methods:
        found = _columns_of(carriers[method], method, manifest)
        for name, values in found.items():
            columns.setdefault(name, []).extend(values)
    return columns


def _columns_of(network: NetworkRecords, method: str, manifest: Manifest) -> dict[str, list[Any]]:
    table = network.of(method)
    labels, classes = table["label"].to_pylist(), table["classes"].to_pylist()
    best = [each[0] if each and each[0] >= 0 else None for each in classes]
    names = [first_name(name) for name in manifest.class_names]
    kinds = failure_kinds(table, method, own_protocol(network), FAILURE_METRIC)
    stored = {name: table[name].to_pylist() for name in _AS_STORED}
    return {
        "image_id": table["image_id"].to_pylist(),
        "index": table["index"].to_pylist(),
        "method": [method] * len(table),
        "arch": [network.identity.arch] * len(table),
        "label": labels,
        "wnid": [manifest.class_ids[label] for label in labels],
        "class": [names[label] for label in labels],
        "predicted": best,
        "predicted_class": [None if index is None else names[index] for index in best],
        "score": [
            None if index is None else scores[0]
            for index, scores in zip(best, table["scores"].to_pylist(), strict=True)
        ],
        "rank": [
            each.index(label) + 1 if label in each else None
            for each, label in zip(classes, labels, strict=True)
        ],
        **stored,
        "failure": [str(KINDS[kind]) for kind in kinds],
        "true_boxes": [_quadruples(flat) for flat in table["true_boxes"].to_pylist()],
    }


def _quadruples(flat: Sequence[float]) -> list[tuple[float, ...]]:
    return [tuple(flat[at : at + 4]) for at in range(0, len(flat), 4)]


def write_csv(columns: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Writes columns with a header; ground-truth boxes as "x0 y0 x1 y1; x0 y0 x1 y1".

    Numbers are written with all digits that reproduce them exactly.

    Raises:
        DataError: the file cannot be written.
    """
    forms = [_FORMS.get(name, _plain) for name in columns]
    lines = (
        [form(value) for form, value in zip(forms, values, strict=True)]
        for values in zip(*columns.values(), strict=True)
    )
    with writing_file(shown(str(path))):
        path.write_text(csv_text([list(columns), *lines]), encoding="utf-8")


def _plain(value: object) -> object:
    return "" if value is None else value


def _boxes(value: Sequence[Sequence[float]]) -> str:
    return "; ".join(" ".join(repr(corner) for corner in box) for box in value)


_FORMS: Mapping[str, Callable[[Any], object]] = MappingProxyType({"true_boxes": _boxes})
