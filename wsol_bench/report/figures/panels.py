"""Rows of images with boxes and captions, as a figure for a paper.

Boxes and text are vectors, images are rasterised at 300 dpi. Figures are built from matplotlib's
objects, without pyplot's global state, so that drawing one changes nothing elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from wsol_bench.datasets.masks import Mask
from wsol_bench.geometry import Boxes
from wsol_bench.report.figures.figure_key import (
    DASHES,
    GROUND_TRUTH,
    MASK,
    PREDICTED,
    RIM,
    Key,
    LineStyle,
    draw_key,
    key_lines,
)
from wsol_bench.report.figures.lettering import FAMILY, LEADING, POINTS_PER_INCH, wrapped
from wsol_bench.report.figures.overlay import Pixels

_GAP, _MARGIN = 0.06, 0.03
"""Space between panels and around the figure, in inches; a box may lie on an image's border."""
_TALLEST = 1.4
"""Maximum height of a panel, as a multiple of its width."""
_MIN_SIZE, _MAX_SIZE = 5.0, 8.0
"""Minimum and maximum font size, in points."""
_LETTERS_PER_PANEL = 7.0
"""Font size in points per inch of a panel's width."""
_ASCENT = 0.8
"""Distance from the top of a line to its baseline, as a multiple of the font size."""
_HEADING_LINES, _CAPTION_LINES = 2, 3
_PREDICTED_WIDTH, _GROUND_TRUTH_WIDTH = 1 / 6, 1 / 8
"""Line widths of boxes, as multiples of the font size."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a figure.

    Attributes:
        picture: (h, w, 3), with the map already laid over it.
        predicted: the method's box, (4,) half-open xyxy in the picture's pixels, or None.
        ground_truth: (m, 4) the ground-truth boxes, likewise; m may be 0.
        mask: (h, w) bool, the ground-truth mask on the picture's pixels, or None.
        caption: the text beneath it; may have several lines.
        strong: whether the first line of the caption is bold.
    """

    picture: Pixels
    predicted: Boxes | None
    ground_truth: Boxes
    caption: str
    strong: bool = False
    mask: Mask | None = None

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.picture.shape[0] / self.picture.shape[1]


@dataclass(frozen=True, slots=True)
class _Grid:
    """The layout, in inches from the top left.

    Attributes:
        size: font size in points.
        line: line spacing.
        width, height: of the figure.
        cell: width of a panel.
        tops: of each row's panels.
        heights: of each row's panels.
    """

    size: float
    line: float
    width: float
    height: float
    cell: float
    tops: tuple[float, ...]
    heights: tuple[float, ...]

    def left(self, column: int) -> float:
        """The left side of a column."""
        return _MARGIN + column * (self.cell + _GAP)


def draw_panels(
    headings: Sequence[str], rows: Sequence[Sequence[Panel]], width_in: float, key: Key
) -> Figure:
    """A figure of rows of panels under headings, with a key.

    Args:
        headings: one per column, or none.
        rows: at least one, of one panel or more; the last may be shorter.
        width_in: width of the figure in inches; the height follows from it.
        key: what the key beneath the panels explains.
    """
    columns = max(len(row) for row in rows)
    cell = (width_in - 2 * _MARGIN - _GAP * (columns - 1)) / columns
    size = min(_MAX_SIZE, max(_MIN_SIZE, _LETTERS_PER_PANEL * cell))
    heads = [wrapped(each, cell * POINTS_PER_INCH, size, _HEADING_LINES) for each in headings]
    captions = [
        [wrapped(panel.caption, cell * POINTS_PER_INCH, size, _CAPTION_LINES) for panel in row]
        for row in rows
    ]
    explained = key_lines(key, (width_in - 2 * _MARGIN) * POINTS_PER_INCH, size)
    grid = _lay_out(heads, captions, rows, width_in, cell, size, len(explained))
    figure = Figure(figsize=(grid.width, grid.height))
    for column, words in enumerate(heads):
        above = grid.tops[0] - _GAP - grid.line * (words.count("\n") + 1)
        _write(figure, grid, column, above, words)
    for at, row in enumerate(rows):
        for column, panel in enumerate(row):
            _draw(_axes(figure, grid, column, at, panel), panel, size)
            foot = grid.tops[at] + grid.heights[at] + _GAP
            _write(figure, grid, column, foot, captions[at][column], strong=panel.strong)
    draw_key(figure, explained, _MARGIN, _MARGIN, size)
    return figure


def _lay_out(
    heads: Sequence[str],
    captions: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Panel]],
    width: float,
    cell: float,
    size: float,
    lines_beneath: int,
) -> _Grid:
    line = size * LEADING / POINTS_PER_INCH
    heading = _MARGIN + (line * _most_lines(heads) + _GAP if heads else 0)
    heights = tuple(cell * min(_TALLEST, max(panel.aspect for panel in row)) for row in rows)
    feet = [_GAP + line * _most_lines(words) + 2 * _GAP for words in captions]
    strides = [height + foot for height, foot in zip(heights, feet, strict=True)]
    tops = tuple(accumulate(strides, initial=heading))
    return _Grid(
        size, line, width, tops[-1] + line * lines_beneath + _MARGIN, cell, tops[:-1], heights
    )


def _most_lines(many: Sequence[str]) -> int:
    return max(words.count("\n") + 1 if words else 0 for words in many)


def _axes(figure: Figure, grid: _Grid, column: int, row: int, panel: Panel) -> Axes:
    """The axes of a panel, narrower than its column where the panel would get too tall."""
    width = min(grid.cell, grid.heights[row] / panel.aspect)
    height = width * panel.aspect
    bottom = grid.height - grid.tops[row] - (grid.heights[row] + height) / 2
    left = grid.left(column) + (grid.cell - width) / 2
    place = (left / grid.width, bottom / grid.height, width / grid.width, height / grid.height)
    return figure.add_axes(place)


def _draw(axes: Axes, panel: Panel, size: float) -> None:
    height, width = panel.picture.shape[:2]
    axes.imshow(panel.picture, extent=(0, width, height, 0), aspect="auto")
    axes.set_axis_off()
    predicted = [] if panel.predicted is None else [panel.predicted]
    kinds: tuple[tuple[Sequence[Boxes], str, float, LineStyle], ...] = (
        (predicted, PREDICTED, size * _PREDICTED_WIDTH, "solid"),
        (list(panel.ground_truth), GROUND_TRUTH, size * _GROUND_TRUTH_WIDTH, DASHES),
    )
    if panel.mask is not None:
        _outline_mask(axes, panel.mask, size * _GROUND_TRUTH_WIDTH)
    # All dark rims are drawn first, so that no rim hides a line; the dashed lines last, so that
    # where two boxes coincide the solid one remains visible between the dashes.
    for boxes, _, thick, _ in kinds:
        for box in boxes:
            _outline(axes, box, "black", RIM * thick, "solid")
    for boxes, colour, thick, style in kinds:
        for box in boxes:
            _outline(axes, box, colour, thick, style)


def _outline_mask(axes: Axes, mask: Mask, thick: float) -> None:
    """The outline of a mask between its pixels and others; an empty mask has none."""
    if not mask.any():
        return
    framed = np.pad(mask.astype(np.float64), 1)  # closes the outline at the picture's border
    height, width = mask.shape
    x, y = np.arange(-0.5, width + 1), np.arange(-0.5, height + 1)
    for colour, factor in (("black", RIM), (MASK, 1.0)):
        axes.contour(x, y, framed, levels=[0.5], colors=colour, linewidths=factor * thick)
    axes.set(xlim=(0, width), ylim=(height, 0))


def _outline(axes: Axes, box: Boxes, colour: str, thick: float, style: LineStyle) -> None:
    """The outline of one box, not clipped at the border of the image."""
    x0, y0, x1, y1 = box.tolist()
    axes.add_patch(
        Rectangle(
            (x0, y0),
            x1 - x0,
            y1 - y0,
            fill=False,
            edgecolor=colour,
            linewidth=thick,
            linestyle=style,
            joinstyle="miter",
            clip_on=False,
        )
    )


def _write(
    figure: Figure, grid: _Grid, column: int, top: float, words: str, *, strong: bool = False
) -> None:
    """Lines of text centred in a column."""
    for number, line in enumerate(words.split("\n")):
        base = top + grid.line * number + _ASCENT * grid.size / POINTS_PER_INCH
        figure.text(
            (grid.left(column) + grid.cell / 2) / grid.width,
            1 - base / grid.height,
            line,
            ha="center",
            va="baseline",
            size=grid.size,
            family=FAMILY,
            weight="bold" if strong and number == 0 else "normal",
        )
