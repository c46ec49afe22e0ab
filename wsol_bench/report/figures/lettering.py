"""Text of a figure: measured, wrapped into lines, and truncated where it does not fit."""

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath

FAMILY = "DejaVu Sans"
"""Shipped with matplotlib, so that a figure is the same on every machine."""
LEADING = 1.2
"""Line spacing as a multiple of the font size."""
POINTS_PER_INCH = 72.0
_CUT = "…"


def wrapped(text: str, width: float, size: float, most_lines: int) -> str:
    """Text wrapped at spaces; lines that do not fit are truncated with "…".

    Args:
        text: its own line breaks are kept.
        width: the width of a line, in points.
        size: font size in points.
        most_lines: maximum number of lines.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines += _broken(paragraph.split(), width, size)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], " ".join(lines[most_lines - 1 :])]
    return "\n".join(_cut(line, width, size) for line in lines)


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """Width of one line of text in points."""
    if not text.strip():
        return 0.0
    path = TextPath((0, 0), text, size=size, prop=FontProperties(FAMILY))
    # The extremes of Latin glyphs are points of their outlines; where they are not, the width is
    # at most an eighth of a point too large. `get_extents` would solve every curve.
    across = path.vertices[path.codes != Path.CLOSEPOLY, 0]
    return float(across.max() - across.min())


def _broken(words: list[str], width: float, size: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(line: str, width: float, size: float) -> str:
    if width_of(line, size) <= width:
        return line
    while line and width_of(line + _CUT, size) > width:
        line = line[:-1].rstrip()
    return line + _CUT
