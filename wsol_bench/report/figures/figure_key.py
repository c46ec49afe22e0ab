"""The words beneath a figure that say which box is whose and what the colours are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from wsol_bench.report.figures.lettering import FAMILY, LEADING, POINTS_PER_INCH, width_of
from wsol_bench.report.figures.overlay import COLOURS

LineStyle = Literal["solid"] | tuple[int, tuple[int, int]]

DRAWN, TRUE = "#00e5ff", "#ffffff"
"""Colours of the boxes that methods draw and that people drew."""
DASHES: LineStyle = (0, (4, 2))
"""Of the boxes that people drew, so that they differ without colours too."""
RIM = 1.9
"""How much wider than its line a box's dark rim is; with it a line shows on any ground."""

_SPACE, _NEAR = 1.5, 0.5
"""Between entries and inside one, as multiples of the letters' size."""
_SAMPLE = 2.2
"""How wide a sample of a line or of the colours is, likewise."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a figure has to explain.

    Attributes:
        drawn, true, maps: whether it has such boxes, and maps.
        notes: what else, such as what bold means.
    """

    drawn: bool
    true: bool
    maps: bool
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A sample with words before and after it.

    Attributes:
        before, after: words; may be empty.
        sample: a line's colour and style, "map" for the colours of maps, or None.
    """

    before: str
    sample: tuple[str, LineStyle] | Literal["map"] | None
    after: str

    def width(self, size: float) -> float:
        """In points, without the space behind it."""
        words = [width_of(text, size) for text in (self.before, self.after) if text]
        parts = words if self.sample is None else [*words, _SAMPLE * size]
        return sum(parts) + _NEAR * size * (len(parts) - 1)


KeyLines = Sequence[Sequence[_Entry]]


def key_lines(key: Key, room: float, size: float) -> KeyLines:
    """The entries of a key, broken into lines.

    Args:
        key: what to explain.
        room: the width of a line, in points.
        size: of the letters, in points.
    """
    entries = [
        *([_Entry("", (DRAWN, "solid"), "box drawn")] if key.drawn else []),
        *([_Entry("", (TRUE, DASHES), "true box")] if key.true else []),
        *([_Entry("map: 0", "map", "its maximum")] if key.maps else []),
        *(_Entry(note, None, "") for note in key.notes),
    ]
    lines: list[list[_Entry]] = []
    left = 0.0
    for entry in entries:
        width = entry.width(size)
        if not lines or width > left:
            lines.append([])
            left = room
        lines[-1].append(entry)
        left -= width + _SPACE * size
    return lines


def draw_key(figure: Figure, lines: KeyLines, left: float, bottom: float, size: float) -> None:
    """Draws the lines of a key.

    Args:
        figure: of its final size.
        lines: from `key_lines`, the first on top.
        left, bottom: of the key, in inches from the figure's bottom left.
        size: of the letters, in points.
    """
    for number, line in enumerate(reversed(lines)):
        middle = bottom * POINTS_PER_INCH + (number + 0.5) * size * LEADING
        pen = _Pen(figure, left * POINTS_PER_INCH, middle, size)
        for entry in line:
            pen.write(entry)


class _Pen:
    """Writes from left to right. Lengths are in points."""

    def __init__(self, figure: Figure, x: float, y: float, size: float) -> None:
        self.figure, self.x, self.y, self.size = figure, x, y, size
        width, height = figure.get_size_inches() * POINTS_PER_INCH
        self.width, self.height = float(width), float(height)

    def write(self, entry: _Entry) -> None:
        right = self.x + entry.width(self.size) + _SPACE * self.size
        if entry.before:
            self._words(entry.before)
        if entry.sample == "map":
            self._colours()
        elif entry.sample is not None:
            self._line(*entry.sample)
        if entry.after:
            self._words(entry.after)
        self.x = right

    def _words(self, text: str) -> None:
        place = (self.x / self.width, self.y / self.height)
        self.figure.text(*place, text, va="center_baseline", size=self.size, family=FAMILY)
        self.x += width_of(text, self.size) + _NEAR * self.size

    def _line(self, colour: str, style: LineStyle) -> None:
        right, thick = self.x + _SAMPLE * self.size, self.size / 6
        xs, y = [self.x / self.width, right / self.width], self.y / self.height
        for paint, wide, dashes in (("black", RIM * thick, "solid"), (colour, thick, style)):
            line = Line2D(xs, [y, y], color=paint, linewidth=wide, linestyle=dashes)
            line.set_transform(self.figure.transFigure)
            self.figure.add_artist(line)
        self.x = right + _NEAR * self.size

    def _colours(self) -> None:
        wide, high = _SAMPLE * self.size, 0.7 * self.size
        bottom = (self.y - high / 2) / self.height
        axes = self.figure.add_axes(
            (self.x / self.width, bottom, wide / self.width, high / self.height)
        )
        axes.imshow(colormaps[COLOURS](np.linspace(0, 1, 256))[None], aspect="auto")
        axes.set_axis_off()
        self.x += wide + _NEAR * self.size
