"""Adds a CSS class to tables of figures, so that no figure is separated from its interval.

On a narrow screen such a table scrolls horizontally; a table of text wraps.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

FIGURE = re.compile(r"[+−-]?\d")


def _mark(app: Sphinx, page: nodes.document) -> None:
    for table in page.findall(nodes.table):
        cells = [
            entry.astext()
            for body in table.findall(nodes.tbody)
            for entry in body.findall(nodes.entry)
        ]
        if 2 * sum(FIGURE.match(cell) is not None for cell in cells) > len(cells):
            table["classes"].append("figures")


def setup(app: Sphinx) -> dict[str, bool]:
    """Checks every page after it was read."""
    app.connect("doctree-read", _mark)
    return {"parallel_read_safe": True}
