"""Whether this process is a notebook's kernel, and a line of it that can be replaced."""

import sys
from html import escape
from typing import Any


def in_notebook() -> bool:
    """Whether code runs in a Jupyter kernel, as IPython knows; IPython is not imported."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


class NotebookLine:
    """One line of output beneath a cell, replaced in place and removed at the end."""

    def __init__(self) -> None:
        from IPython import display

        self._display: Any = display  # not typed
        self._handle = self._display.display(self._display.HTML(""), display_id=True)

    def show(self, text: str, share: float) -> None:
        """Replaces the line.

        Args:
            text: what to show.
            share: 0 to 1, of the bar before it.
        """
        bar = f'<progress value="{share:.3f}" max="1" style="vertical-align:middle"></progress>'
        self._handle.update(self._display.HTML(f"{bar} {escape(text)}"))

    def clear(self) -> None:
        """Removes the line."""
        self._handle.update(self._display.HTML(""))
