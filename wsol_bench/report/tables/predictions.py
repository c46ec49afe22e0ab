"""Output of `score --predictions`: the errors of a file in the ILSVRC devkit's format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.blacklist import read_blacklist
from wsol_bench.datasets.catalog import open_dataset
from wsol_bench.datasets.classes import is_ilsvrc
from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.datasets.named import folder_of
from wsol_bench.errors import UsageError, find
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL
from wsol_bench.protocols.overrides import resolve
from wsol_bench.records.result import Result, Row
from wsol_bench.report.exports.devkit import read_predictions, score_predictions
from wsol_bench.report.tables.rescoring import changed_fields
from wsol_bench.report.tables.result import print_result
from wsol_bench.scoring.catalog import metrics_in
from wsol_bench.scoring.metric import BOX_FIELDS, IOU_FIELDS, BoundMetric, heads, require_read


@dataclass(frozen=True, slots=True)
class PredictionFiles:
    """Input for scoring a prediction file.

    Attributes:
        predictions: a file in the devkit's format.
        data: the images' folder or tar.
        class_map: "WNID id" lines; default: ILSVRC's own.
        blacklist: 1-based indices that localization errors exclude, or None.
        limit: at most this many images; default: all.
        allow_missing: continue if annotated images are absent.
    """

    predictions: Path
    data: Path
    class_map: Path | None
    blacklist: Path | None
    limit: int | None
    allow_missing: bool


def print_predictions(
    files: PredictionFiles,
    protocol: str | None,
    changes: tuple[str, ...],
    metrics: Sequence[BoundMetric] = (),
    *,
    as_json: bool,
) -> None:
    """Prints the errors of a prediction file on stdout.

    Raises:
        DataError, UsageError: a file is missing or bad; names it.
    """
    wanted = resolve(protocol or DEFAULT_PROTOCOL, changes)
    folder = folder_of(files.data, quiet=False)
    dataset = open_dataset(folder, limit=files.limit, allow_missing=files.allow_missing)
    ids = devkit_ids(dataset.class_ids, files.class_map)
    predictions = read_predictions(files.predictions, ids)
    blacklist = read_blacklist(files.blacklist) if files.blacklist else frozenset()
    figures = score_predictions(predictions, dataset.examples, wanted, blacklist)
    asked = tuple(metrics) or metrics_in(figures)
    for metric in asked:
        find("metric of a prediction file", metric.name, figures)
    for where, names in changed_fields(protocol, changes):
        _require_scored(names, asked, where)
    name = files.predictions.name
    result = Result(
        arch="predictions",
        weights=name,
        dataset=dataset.name,
        protocol=wanted.name,
        summary=wanted.summary,
        n=len(dataset.examples),
        rows=(Row("predictions", name, "predictions", name, figures),),
        not_applicable={},
        map_states={},
        seconds=0.0,
        is_ilsvrc=is_ilsvrc(dataset),
        columns=heads(asked, wanted),
        localized=figures["top1_loc"].n,
    )
    if as_json:
        print(json.dumps(result.to_json(), ensure_ascii=False))
    else:
        print_result(result)


def _require_scored(changed: Sequence[str], metrics: Sequence[BoundMetric], where: str) -> None:
    """Refuses a change of what a prediction file has fixed: its inputs and its boxes.

    Raises:
        UsageError: such a change, or one that no metric reads.
    """
    require_read(changed, metrics, where)
    for name in changed:
        if name in ("view", *BOX_FIELDS):
            raise UsageError(
                f"{where} {name}: the boxes of a prediction file are fixed. "
                f"Fields that scoring reads: topk, iou, {', '.join(IOU_FIELDS)}."
            )
