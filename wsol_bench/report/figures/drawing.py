"""A figure and its file formats: PNG, SVG and PDF."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from wsol_bench.errors import DataError, UsageError
from wsol_bench.report.figures import pdf_pictures, svg_pictures
from wsol_bench.runtime.names import shown

__all__ = ["Drawing"]

FORMATS = ("png", "svg", "pdf")
DPI = 300
"""Resolution of images in every format, and of a whole PNG."""
MIN_WIDTH, MAX_WIDTH = 1.0, 40.0
"""Allowed widths of a figure in inches: below, nothing is legible; above, it is a typing error."""
SCREEN_DPI = 150
"""Resolution of the PNG that a notebook shows."""

_PLAIN_FILES: Any = {  # matplotlib types the keys one by one
    # TrueType instead of Type 3, which many conferences refuse.
    "pdf.fonttype": 42,
    # Text as outlines: an SVG embeds no fonts.
    "svg.fonttype": "path",
    # The same figure gives the same file.
    "svg.hashsalt": "wsol_bench",
}
_OPTIONS: dict[str, dict[str, Any]] = {
    # Larger by 3 % than by default, in a third of the time.
    "png": {"pil_kwargs": {"compress_level": 3}},
    # No dates: the same figure gives the same file.
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""Format -> options of matplotlib's `savefig`."""

_SMALLER: dict[str, Callable[[bytes], bytes]] = {
    "pdf": pdf_pictures.with_jpegs,
    "svg": svg_pictures.with_jpegs,
}
"""Format -> the recompression of its images."""


def check_width(width_in: float) -> None:
    """Checks the width of a figure.

    Raises:
        UsageError: it is too small, too large, or not a number.
    """
    if not MIN_WIDTH <= width_in <= MAX_WIDTH:
        raise UsageError(
            f"--width-in {width_in:g}: expected {MIN_WIDTH:g} to {MAX_WIDTH:g} inches."
        )


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that a notebook displays and that can be saved.

    Attributes:
        figure: matplotlib's figure, which may be changed further.
    """

    figure: Figure

    def save(self, path: str | Path) -> None:
        """Writes the figure in the format of the file's suffix.

        Raises:
            UsageError: the suffix is no known format.
            DataError: the file cannot be written.
        """
        target = Path(path)
        content = self._bytes(require_format(target), DPI)
        try:
            target.write_bytes(content)
        except OSError as error:
            name, reason = shown(str(path)), error.strerror or str(error)
            raise DataError(
                f"{name}: the figure cannot be written ({reason}). Give another --out."
            ) from error

    def _repr_png_(self) -> bytes:
        return self._bytes("png", SCREEN_DPI)

    def _bytes(self, form: str, dpi: int) -> bytes:
        buffer = BytesIO()
        with matplotlib.rc_context(_PLAIN_FILES):
            self.figure.savefig(buffer, format=form, dpi=dpi, **_OPTIONS[form])
        content = buffer.getvalue()
        return _SMALLER[form](content) if form in _SMALLER else content


def require_target(path: Path) -> None:
    """Checks that a figure can be written to a path, before any work is done.

    Raises:
        UsageError: the suffix is no known format.
        DataError: its folder does not exist.
    """
    require_format(path)
    if not path.parent.is_dir():
        raise DataError(
            f"--out {shown(str(path))}: the folder {shown(str(path.parent))} does not exist."
        )


def require_format(path: Path) -> str:
    """The format of a file's suffix.

    Raises:
        UsageError: it is no known format.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise UsageError(
            f"--out {shown(str(path))}: expected a file whose name ends in one of {endings}."
        )
    return form
