"""The key beneath a figure: which line is which box, and what the colours mean."""

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

PREDICTED, GROUND_TRUTH = "#00e5ff", "#ffffff"
"""Colours of the two kinds of boxes."""
MASK = "#ffd54f"
"""Colour of the outline of a ground-truth mask."""
DASHES: LineStyle = (0, (4, 2))
"""Line style of ground-truth boxes, which distinguishes them without colours too."""
RIM = 1.9
"""Width of the dark rim of a line, as a multiple of the line's; it keeps the line visible on any
image."""

_SPACE, _NEAR = 1.5, 0.5
"""Space between entries and inside one, as multiples of the font size."""
_SAMPLE = 2.2
"""Width of a sample of a line or of the colours, as a multiple of the font size."""


@dataclass(frozen=True, slots=True)
class Key:
    """The content of the key of a figure.

    Attributes:
        predicted, ground_truth, maps: whether the figure shows such boxes, and maps.
        masks: whether it shows the outlines of ground-truth masks.
        notes: further lines, such as the meaning of bold text.
    """

    predicted: bool
    ground_truth: bool
    maps: bool
    notes: Sequence[str] = ()
    masks: bool = False


@dataclass(frozen=True, slots=True)
class _Entry:
    """A sample with text before and after it.

    Attributes:
        before, after: the text; may be empty.
        sample: a line's colour and style, "map" for the colours of maps, or None.
    """

    before: str
    sample: tuple[str, LineStyle] | Literal["map"] | None
    after: str

    def width(self, size: float) -> float:
        """Width in points, without the space after it."""
        widths = [width_of(text, size) for text in (self.before, self.after) if text]
        if self.sample is not None:
            widths.append(_SAMPLE * size)
        return sum(widths) + _NEAR * size * (len(widths) - 1)


KeyLines = Sequence[Sequence[_Entry]]


def key_lines(key: Key, line_width: float, size: float) -> KeyLines:
    """The entries of a key, broken into lines.

    Args:
        key: what to explain.
        line_width: the width of a line, in points.
        size: font size in points.
    """
    entries = [
        *([_Entry("", (PREDICTED, "solid"), "predicted box")] if key.predicted else []),
        *([_Entry("", (GROUND_TRUTH, DASHES), "ground-truth box")] if key.ground_truth else []),
        *([_Entry("", (MASK, "solid"), "ground-truth mask")] if key.masks else []),
        *([_Entry("map: 0", "map", "its maximum")] if key.maps else []),
        *(_Entry(note, None, "") for note in key.notes),
    ]
    lines: list[list[_Entry]] = []
    left = 0.0
    for entry in entries:
        width = entry.width(size)
        if not lines or width > left:
            lines.append([])
            left = line_width
        lines[-1].append(entry)
        left -= width + _SPACE * size
    return lines


def draw_key(figure: Figure, lines: KeyLines, left: float, bottom: float, size: float) -> None:
    """Draws the lines of a key.

    Args:
        figure: of its final size.
        lines: from `key_lines`, the first on top.
        left, bottom: of the key, in inches from the figure's bottom left.
        size: font size in points.
    """
    for number, line in enumerate(reversed(lines)):
        middle = bottom * POINTS_PER_INCH + (number + 0.5) * size * LEADING
        pen = _Pen(figure, left * POINTS_PER_INCH, middle, size)
        for entry in line:
            pen.write(entry)


class _Pen:
    """Writes entries from left to right; lengths are in points."""

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
