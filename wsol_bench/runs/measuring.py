"""The metrics of a run: its protocol with the requested metrics."""

from dataclasses import replace

from wsol_bench.datasets.example import Dataset
from wsol_bench.datasets.masks import has_masks
from wsol_bench.errors import UsageError
from wsol_bench.methods.catalog import find_methods
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.overrides import resolve
from wsol_bench.scoring.catalog import metrics_in, metrics_of
from wsol_bench.settings import RunSettings

POINT_METRICS = ("pointing_game", "energy_pointing_game")
"""Metrics of a run with --target, beside those that need no classes."""

MASK_METRICS = ("pxap", "peak_iou")
"""Metrics of a run on a dataset with masks, beside those of its protocol."""


def protocol_of(settings: RunSettings, dataset: Dataset, *, has_classes: bool = True) -> Protocol:
    """The protocol of the settings, with the metrics of the run.

    If none are requested, a dataset with masks adds `MASK_METRICS`. Without
    classes those that need them are left out, and under --target `POINT_METRICS` are added.
    """
    protocol = resolve(settings.protocol, settings.set)
    if settings.metrics:
        return replace(protocol, metrics=tuple(each.name for each in metrics_in(settings.metrics)))
    metrics = tuple(
        bound.name
        for bound in metrics_of(protocol)
        if has_classes or "classes" not in bound.metric.needs
    )
    points = POINT_METRICS if settings.target else ()
    masks = MASK_METRICS if has_masks(dataset) else ()
    return replace(protocol, metrics=(*metrics, *points, *masks))


def check_metrics(settings: RunSettings, protocol: Protocol) -> None:
    """Refuses metrics that need another run, or maps which this run would not keep."""
    lacks_maps = not settings.keep_maps and any(
        row.makes_map for row in find_methods(settings.methods)
    )
    for bound in metrics_of(protocol, settings.metrics or None):
        metric = bound.metric
        asked = "--metrics" if settings.metrics else f"--protocol {settings.protocol}:"
        if "tuned" in bound.options.values():
            raise UsageError(
                f"{asked} {bound.name}: its threshold is chosen on another run. Run with other "
                f"metrics, then: score RUN --metrics {bound.name} --tune-on OTHER."
            )
        if "maps" in metric.needs and not metric.columns and lacks_maps:
            raise UsageError(
                f"{asked} {bound.name}: is measured from kept maps. Add --keep-maps --out RUN."
            )
