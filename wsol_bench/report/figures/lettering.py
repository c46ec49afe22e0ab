"""Words of a figure: measured, broken into lines, and cut off where there is no room."""

from functools import lru_cache

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

FAMILY = "DejaVu Sans"
"""Comes with matplotlib, so that a figure is the same on every machine."""
LEADING = 1.2
"""The distance of lines as a multiple of the letters' size."""
POINTS_PER_INCH = 72.0
_CUT = "…"


def wrapped(text: str, room: float, size: float, most_lines: int) -> str:
    """A text broken at spaces into lines that fit; what does not fit ends in "…".

    Args:
        text: may have line breaks of its own, which stay.
        room: the width of a line, in points.
        size: of the letters, in points.
        most_lines: how many lines there may be.
    """
    lines: list[str] = []
    for part in text.split("\n"):
        lines += _broken(part.split(), room, size)
    if len(lines) > most_lines:
        lines = [*lines[: most_lines - 1], " ".join(lines[most_lines - 1 :])]
    return "\n".join(_cut(line, room, size) for line in lines)


@lru_cache(maxsize=4096)
def width_of(text: str, size: float) -> float:
    """How wide a line of text is, in points."""
    if not text.strip():
        return 0.0
    return float(TextPath((0, 0), text, size=size, prop=FontProperties(FAMILY)).get_extents().width)


def _broken(words: list[str], room: float, size: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _cut(line: str, room: float, size: float) -> str:
    if width_of(line, size) <= room:
        return line
    while line and width_of(line + _CUT, size) > room:
        line = line[:-1].rstrip()
    return line + _CUT
