"""The table of metrics. A metric is one file, or one of a group file, and one line here."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from wsol_bench.errors import UsageError, find
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.scoring.energy_pointing_game import ENERGY_POINTING_GAME
from wsol_bench.scoring.ilsvrc import GT_KNOWN_LOC, TOP1_CLS, TOP1_LOC, TOP5_CLS, TOP5_LOC
from wsol_bench.scoring.image_columns import ImageColumn
from wsol_bench.scoring.mask_iou import BEST_MASK_IOU, MASK_IOU
from wsol_bench.scoring.max_box_acc_as_coded import MAX_BOX_ACC_AS_CODED, MAX_BOX_ACC_V2_AS_CODED
from wsol_bench.scoring.maxboxacc import MAX_BOX_ACC, MAX_BOX_ACC_V2
from wsol_bench.scoring.mean_best_iou import MEAN_BEST_IOU
from wsol_bench.scoring.measured import Measured
from wsol_bench.scoring.metric import BoundMetric, Metric, measure_all
from wsol_bench.scoring.pointing_game import POINTING_GAME
from wsol_bench.scoring.pxap import PEAK_IOU, PXAP
from wsol_bench.scoring.row_data import RowData
from wsol_bench.scoring.tscam_loc_as_coded import TSCAM_LOC_AS_CODED
from wsol_bench.specs import parse_spec, specs_in

__all__ = ["METRICS", "measure", "metrics_in"]

OWN = "one file of the package and a line in its table (docs/how-to/add-a-metric.md)"
"""How to measure something that has no entry, for messages."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "top1_cls": TOP1_CLS,
        "top5_cls": TOP5_CLS,
        "top1_loc": TOP1_LOC,
        "top5_loc": TOP5_LOC,
        "gt_known_loc": GT_KNOWN_LOC,
        "max_box_acc": MAX_BOX_ACC,
        "max_box_acc_v2": MAX_BOX_ACC_V2,
        "max_box_acc_as_coded": MAX_BOX_ACC_AS_CODED,
        "max_box_acc_v2_as_coded": MAX_BOX_ACC_V2_AS_CODED,
        "tscam_loc_as_coded": TSCAM_LOC_AS_CODED,
        "mean_best_iou": MEAN_BEST_IOU,
        "pxap": PXAP,
        "peak_iou": PEAK_IOU,
        "mask_iou": MASK_IOU,
        "best_mask_iou": BEST_MASK_IOU,
        "pointing_game": POINTING_GAME,
        "energy_pointing_game": ENERGY_POINTING_GAME,
    }
)


COLUMNS: Mapping[str, ImageColumn] = MappingProxyType(
    {column.name: column for metric in METRICS.values() for column in metric.columns}
)
"""Name -> column that a run can keep of each example's map for metrics."""


def columns_of(metrics: Iterable[BoundMetric], *, with_masks: bool) -> tuple[ImageColumn, ...]:
    """The columns that some metrics read, each once.

    Args:
        metrics: the requested ones.
        with_masks: whether the dataset has masks, without which some columns have no value.
    """
    every = {each.name: each for bound in metrics for each in bound.metric.columns}
    return tuple(each for each in every.values() if with_masks or not each.needs_masks)


def metrics_in(names: str | Iterable[str]) -> tuple[BoundMetric, ...]:
    """The metrics of some specs, such as "top1_loc,max_box_acc:threshold=fixed".

    Args:
        names: a comma-separated text, or one spec per element.

    Raises:
        UsageError: there is no such metric or option, a value is bad, or a metric is
            named twice; lists the known ones.
    """
    found: dict[str, BoundMetric] = {}
    for text in specs_in(names):
        spec = parse_spec(str(text))
        bound = find("metric", spec.name, METRICS, OWN).bind(dict(spec.options))
        if bound.name in found:
            raise UsageError(f"metric {bound.name} is named twice. Name every metric once.")
        found[bound.name] = bound
    if not found:
        raise UsageError(f"expected at least one metric. Known: {', '.join(METRICS)}.")
    return tuple(found.values())


def title_of(metric: str, protocols: Iterable[Protocol]) -> str:
    """The heading of a metric over runs, which may have several protocols."""
    (bound,) = metrics_in([metric])
    return " / ".join(dict.fromkeys(bound.title(protocol) for protocol in protocols))


def metrics_of(
    protocol: Protocol, names: str | Iterable[str] | None = None
) -> tuple[BoundMetric, ...]:
    """The selected metrics; default: the protocol's list."""
    return metrics_in(protocol.metrics if names is None else names)


def measure(
    row: RowData, protocol: Protocol, names: str | Iterable[str] | None = None
) -> dict[str, Measured]:
    """Metric -> figure of a row, for every metric that applies to it.

    Args:
        row: the row.
        protocol: under which its records were made or made anew.
        names: specs of metrics; default: the protocol's list.

    Raises:
        UsageError, DataError: there is no such metric, or the run has not kept what it needs.
    """
    return measure_all(metrics_of(protocol, names), row, protocol)
