"""Metrics: entries of the table of metrics, and entries bound to their options.

A metric is one function from the records of a row, and its maps or masks where it
needs them, to a figure with an interval. Tables, JSON, paired comparisons and the
report follow from its entry.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

from wsol_bench.errors import NotApplicable, UsageError
from wsol_bench.protocols.catalog import DEFAULT_PROTOCOL, PROTOCOLS, Protocol
from wsol_bench.scoring.image_columns import ImageColumn
from wsol_bench.scoring.measured import Measured, with_spread
from wsol_bench.scoring.row_data import RowData
from wsol_bench.specs.options import Option, options_of, read_options

__all__ = ["BOX_FIELDS", "IOU_FIELDS", "PERCENT", "BoundMetric", "Metric", "MetricHead"]

PERCENT = "%"

Need = Literal["classes", "boxes", "maps", "masks"]
"""Data of a row: best classes, boxes for the label, kept maps, and the dataset's masks."""

BOX_FIELDS = (
    "threshold",
    "reference",
    "strict",
    "upsampling",
    "connectivity",
    "component",
)
"""The fields of a protocol that decide the predicted box."""

IOU_FIELDS = ("truth", "inclusive")
"""The fields of a protocol that decide the IoU of a box."""

Compute = Callable[..., Measured]
"""(row, protocol, **options) -> figure."""


@dataclass(frozen=True, slots=True)
class Metric:
    """An entry of the table.

    Attributes:
        name: the value of `--metrics`; a key of JSON objects.
        title: heads its columns; `{topk}` stands for the protocol's k.
        unit: of its figures, such as "%".
        higher_is_better: whether a larger figure is a better one.
        needs: the data that it requires of a row.
        reads: the fields of a protocol that change it, beside the view, which every record
            depends on. A change of any other field is refused.
        reads_with: "option=value" -> fields that it reads besides under that option.
        compute: the function; its keyword-only parameters are the metric's options.
        source: where the definition comes from.
        over: the units over which its figure is a mean.
        columns: those that it reads of each example's map, if they are all that it needs of maps
            and masks; a run can keep these in place of the maps.
        is_error: whether its figure is a share of wrong images, which headings then state.
        by_image: whether it is a share of images, each determined by its own record alone, so that
            a row may be measured in pieces that are put together by `measured.joined`.
        note: a remark on the figure, printed below the table, or "".
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    needs: frozenset[Need]
    reads: tuple[str, ...]
    compute: Compute
    source: str
    over: Literal["images", "classes", "pixels"] = "images"
    columns: tuple[ImageColumn, ...] = ()
    is_error: bool = False
    by_image: bool = False
    note: str = ""
    reads_with: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def options(self) -> tuple[Option, ...]:
        """The function's options."""
        return options_of(self.compute)

    def bind(self, given: Mapping[str, str] | None = None) -> "BoundMetric":
        """The metric with options.

        Args:
            given: option -> value as text.

        Raises:
            UsageError: there is no such option, or the value is not of its type.
        """
        values = read_options(self.options, (given or {}).items(), f"metric {self.name}")
        changed = {o.name: values[o.name] for o in self.options if values[o.name] != o.default}
        return BoundMetric(self, MappingProxyType(changed))


@dataclass(frozen=True)
class BoundMetric:
    """A metric and those of its options that differ from their defaults."""

    metric: Metric
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def name(self) -> str:
        """Its spec, with the options that differ from their defaults."""
        return ":".join([self.metric.name, *(f"{k}={v}" for k, v in self.options.items())])

    @property
    def reads(self) -> tuple[str, ...]:
        """The fields of a protocol that change it under its options."""
        more = (self.metric.reads_with.get(f"{k}={v}", ()) for k, v in self.options.items())
        return (*self.metric.reads, *(name for names in more for name in names))

    def title(self, protocol: Protocol) -> str:
        """Its heading under a protocol: with its k, and its IoU where that is not the usual one."""
        parts = [self.metric.title.format(topk=protocol.topk)]
        if "iou" in self.reads and protocol.iou != PROTOCOLS[DEFAULT_PROTOCOL].iou:
            parts.append(f"IoU ≥ {protocol.iou:g}")
        parts += [f"{name} {value}" for name, value in self.options.items()]
        return ", ".join(parts)

    def measure(self, row: RowData, protocol: Protocol) -> Measured | None:
        """The figure of a row; None where the row lacks what the metric needs.

        Raises:
            UsageError, DataError: the run has not kept what the metric needs.
        """
        try:
            figure = self._compute(row, protocol)
        except NotApplicable:
            return None
        return with_spread(figure, is_share=self.metric.unit == PERCENT)

    def reason(self, row: RowData, protocol: Protocol) -> str:
        """Why the metric does not apply to a row to which it does not."""
        try:
            self._compute(row, protocol)
        except NotApplicable as error:
            return str(error)
        return ""

    def _compute(self, row: RowData, protocol: Protocol) -> Measured:
        if row.n and "classes" in self.metric.needs and not row.classes.shape[1]:
            raise NotApplicable("the run has no classes: it had neither a network nor --scores")
        if "boxes" in self.metric.needs and row.lacks_boxes:
            raise NotApplicable("the dataset has no boxes")
        return self.metric.compute(row, protocol, **self.options)


@dataclass(frozen=True, slots=True)
class MetricHead:
    """The heading of a metric in tables, as a result keeps it.

    Attributes:
        name: its spec.
        title: under the result's protocol.
        unit, higher_is_better, is_error, note: see `Metric`.
    """

    name: str
    title: str
    unit: str = PERCENT
    higher_is_better: bool = False
    is_error: bool = False
    note: str = ""

    @property
    def heading(self) -> str:
        """The title, its unit where that is not per cent, and ↑ where larger is better."""
        unit = "" if self.unit == PERCENT else f" ({self.unit})"
        return f"{self.title}{unit}{' ↑' if self.higher_is_better else ''}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "unit": self.unit,
            "higher_is_better": self.higher_is_better,
            "note": self.note,
        }


def heads(
    metrics: Iterable[BoundMetric],
    protocol: Protocol,
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> tuple[MetricHead, ...]:
    """The headings of some metrics under a protocol.

    Args:
        metrics: in the order of the columns.
        protocol: of the result.
        reasons: metric -> why it applies to no row, which stands in place of its note.
    """
    return tuple(
        MetricHead(
            each.name,
            each.title(protocol),
            each.metric.unit,
            each.metric.higher_is_better,
            each.metric.is_error,
            _absent(each.title(protocol), reasons[each.name])
            if each.name in reasons
            else each.metric.note,
        )
        for each in metrics
    )


def _absent(title: str, reason: str) -> str:
    return f"{title}: n/a, {reason}."


def reasons_of(
    metrics: Iterable[BoundMetric],
    rows: Sequence[tuple[RowData, Mapping[str, Measured]]],
    protocol: Protocol,
) -> dict[str, str]:
    """Metric -> why it applies to none of some rows.

    Args:
        metrics: those that were measured.
        rows: each row with its figures.
        protocol: of the result.
    """
    absent = [each for each in metrics if not any(each.name in found for _, found in rows)]
    return {
        each.name: "; ".join(dict.fromkeys(each.reason(row, protocol) for row, _ in rows))
        for each in absent
        if rows
    }


def measure_all(
    metrics: Sequence[BoundMetric], row: RowData, protocol: Protocol
) -> dict[str, Measured]:
    """Name -> figure, for every metric that applies to the row."""
    found = {each.name: each.measure(row, protocol) for each in metrics}
    return {name: figure for name, figure in found.items() if figure is not None}


def require_read(
    changed: Iterable[str], metrics: Sequence[BoundMetric], where: str = "--set"
) -> None:
    """Refuses a change of a protocol that no figure would show.

    Args:
        changed: fields of the protocol that the user set.
        metrics: the requested ones.
        where: what set them, for the message.

    Raises:
        UsageError: no metric reads a field; lists the fields that are read.
    """
    read = dict.fromkeys(name for each in metrics for name in ("view", *each.reads))
    for name in changed:
        if name not in read:
            asked = ", ".join(each.name for each in metrics)
            raise UsageError(
                f"{where} {name}: changes none of the requested metrics ({asked}). "
                f"They read {', '.join(read)}."
            )
