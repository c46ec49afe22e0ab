"""The geometry of the charts of error against threshold, in pixels of their SVG.

A chart is as wide as the page on a phone, so that its font size is the same everywhere;
wider pages show several charts side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from wsol_bench.analysis.threshold_curves import ErrorCurve, Point
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.report.page.scale import Scale, scale_over
from wsol_bench.scoring.catalog import title_of

MARKERS = 6
"""Number of line styles in the templates; further rows repeat them."""


@dataclass(frozen=True, slots=True)
class Point2D:
    """A point of the SVG, in pixels."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """One curve as drawn.

    Attributes:
        curve: its values.
        style: index of its colour, dash and marker, 0..MARKERS - 1.
        path: the SVG path, or "" for a baseline, whose error has no threshold.
        level: the height of a baseline, or None.
        own, oracle: positions of its two marks, or None.
        note: which earlier curve hides this one, or "".
    """

    curve: ErrorCurve
    style: int
    path: str
    level: float | None
    own: Point2D | None
    oracle: Point2D | None
    note: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The curves of one metric.

    Attributes:
        metric: a name of `LOCALIZATION`.
        lines: one per row.
        x_ticks, y_ticks: (pixel, label).
        own_x, own_label: position and value of the protocol's threshold.
        x_title: of the axis.
        width, height: of the SVG.
        left, right, top, bottom: the plot's edges.
    """

    metric: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    own_x: float
    own_label: str
    x_title: str
    width: ClassVar[int] = 350
    height: ClassVar[int] = 280
    left: ClassVar[int] = 44
    right: ClassVar[int] = 340
    top: ClassVar[int] = 24
    bottom: ClassVar[int] = 236


def charts_of(curves: dict[str, tuple[ErrorCurve, ...]], protocol: Protocol) -> tuple[Chart, ...]:
    """One chart per metric, all with the same axes."""
    points = [point for found in curves.values() for curve in found for point in curve.points]
    y = scale_over(point.rate.percent for point in points)
    most = float(ceil(max(point.threshold for point in points)))
    x = Scale(0.0, most, tuple(most * fifth / 5 for fifth in range(6)))
    rows = range(len(next(iter(curves.values()))))
    notes = [_coincidence(curves, row, protocol) for row in rows]
    rule = protocol.box_rule
    return tuple(_chart(metric, found, notes, rule, x, y) for metric, found in curves.items())


def _coincidence(curves: Mapping[str, Sequence[ErrorCurve]], row: int, protocol: Protocol) -> str:
    """The first earlier row with the same curve, and the metrics where it is so."""
    for earlier in range(row):
        shares = {metric: _alike(found[earlier], found[row]) for metric, found in curves.items()}
        near = [metric for metric, share in shares.items() if share >= _NEAR]
        if near:
            nearly = "" if min(shares[metric] for metric in near) == 1 else "nearly the "
            where = ", ".join(title_of(metric, [protocol]) for metric in near)
            title = next(iter(curves.values()))[earlier].title
            return f"{nearly}same as {title}" + (f" in {where}" if len(near) < len(curves) else "")
    return ""


_NEAR = 0.95
"""Share of the thresholds: curves that agree at more of them hide each other."""


def _alike(one: ErrorCurve, other: ErrorCurve) -> float:
    """The share of the thresholds at which two curves have the same error; 0 for a baseline."""
    if one.oracle is None or other.oracle is None or len(one.points) != len(other.points):
        return 0.0
    same = sum(a == b for a, b in zip(one.points, other.points, strict=True))
    return same / len(one.points)


def _chart(
    metric: str,
    curves: Sequence[ErrorCurve],
    notes: Sequence[str],
    rule: BoxRule,
    x: Scale,
    y: Scale,
) -> Chart:
    def x_of(threshold: float) -> float:
        return round(Chart.left + x.at(threshold) / 100 * (Chart.right - Chart.left), 1)

    def y_of(percent: float) -> float:
        return round(Chart.bottom - y.at(percent) / 100 * (Chart.bottom - Chart.top), 1)

    def position(point: Point) -> Point2D:
        return Point2D(x_of(point.threshold), y_of(point.rate.percent))

    lines = []
    for number, curve in enumerate(curves):
        swept = curve.oracle is not None
        lines.append(
            Line(
                curve=curve,
                style=number % MARKERS,
                path=_path([position(point) for point in curve.points]) if swept else "",
                level=None if swept else position(curve.own).y,
                own=position(curve.own) if swept else None,
                oracle=position(curve.oracle) if curve.oracle else None,
                note=notes[number],
            )
        )
    return Chart(
        metric=metric,
        lines=tuple(lines),
        x_ticks=tuple((x_of(t), f"{t:g}") for t in x.ticks),
        y_ticks=tuple((y_of(t), f"{t:g}") for t in y.ticks),
        own_x=x_of(rule.threshold),
        own_label=f"{rule.threshold:g}",
        x_title=f"threshold, times the map's {_REFERENCES[rule.reference]}",
    )


_REFERENCES = {"max": "maximum", "mean": "mean"}


def _path(points: Sequence[Point2D]) -> str:
    return "M" + "L".join(f"{point.x:g} {point.y:g}" for point in points)
