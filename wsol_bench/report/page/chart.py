"""The geometry of the charts of error against threshold, in pixels of their SVG.

A chart is as wide as the page on a phone, so that its font size is the same everywhere;
wider pages show several charts side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from wsol_bench.analysis.threshold_curves import ErrorCurve, Point
from wsol_bench.protocols.catalog import BoxRule, Protocol
from wsol_bench.report.page.scale import Scale, scale_over
from wsol_bench.scoring.catalog import title_of

WIDTH, HEIGHT = 350, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 24, 44

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
        width, height: of the SVG.
        left, right, top, bottom: the plot's edges.
        x_title: of the axis.
    """

    metric: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    own_x: float
    own_label: str
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    x_title: str


def charts_of(curves: dict[str, tuple[ErrorCurve, ...]], protocol: Protocol) -> tuple[Chart, ...]:
    """One chart per metric, all with the same axes."""
    points = [point for found in curves.values() for curve in found for point in curve.points]
    y = scale_over(point.rate.percent for point in points)
    most = float(ceil(max(point.threshold for point in points)))
    x = Scale(0.0, most, tuple(most * fifth / 5 for fifth in range(6)))
    notes = _coincidences(curves, protocol)
    rule = protocol.box_rule
    return tuple(_chart(metric, found, notes, rule, x, y) for metric, found in curves.items())


def _coincidences(
    curves: Mapping[str, Sequence[ErrorCurve]], protocol: Protocol
) -> tuple[str, ...]:
    """For each row, the first earlier row with the same curve, and the metrics where it is so."""
    rows = range(len(next(iter(curves.values()))))
    return tuple(_coincidence(curves, row, protocol) for row in rows)


def _coincidence(curves: Mapping[str, Sequence[ErrorCurve]], row: int, protocol: Protocol) -> str:
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
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def position(point: Point) -> Point2D:
        return Point2D(
            round(_LEFT + x.at(point.threshold) / 100 * (right - _LEFT), 1),
            round(bottom - y.at(point.rate.percent) / 100 * (bottom - _TOP), 1),
        )

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
    own = Point(rule.threshold, curves[0].own.rate)
    return Chart(
        metric=metric,
        lines=tuple(lines),
        x_ticks=tuple((position(Point(t, own.rate)).x, f"{t:g}") for t in x.ticks),
        y_ticks=tuple(
            (round(bottom - y.at(t) / 100 * (bottom - _TOP), 1), f"{t:g}") for t in y.ticks
        ),
        own_x=position(own).x,
        own_label=f"{rule.threshold:g}",
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=right,
        top=_TOP,
        bottom=bottom,
        x_title=f"threshold, times the map's {_REFERENCES[rule.reference]}",
    )


_REFERENCES = {"max": "maximum", "mean": "mean"}


def _path(points: Sequence[Point2D]) -> str:
    return "M" + "L".join(f"{point.x:g} {point.y:g}" for point in points)
