"""The tables of methods, archs, datasets, protocols and weights, as `wsol-bench list` prints them.

Usage in a page: a block ```{catalog} methods```. A new entry of a table appears on the page when
the site is built the next time.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from wsol_bench.report.tables.lists import CATALOGS


class CatalogTable(SphinxDirective):
    """Inserts one of the tables."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table as a node; the first column contains what a user types."""
        headings, rows = CATALOGS[self.arguments[0]]
        group = nodes.tgroup("", *(nodes.colspec() for _ in headings), cols=len(headings))
        head = nodes.row("", *(_entry(nodes.Text(each)) for each in headings))
        body = [_row(row) for row in rows()]
        group += nodes.thead("", head)
        group += nodes.tbody("", *body)
        return [nodes.table("", group)]


def _row(cells: tuple[str, ...]) -> nodes.row:
    name, *others = cells
    return nodes.row(
        "", _entry(nodes.literal(name, name)), *(_entry(nodes.Text(e)) for e in others)
    )


def _entry(content: nodes.Node) -> nodes.entry:
    return nodes.entry("", nodes.paragraph("", "", content))


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the directive."""
    app.add_directive("catalog", CatalogTable)
    return {"parallel_read_safe": True}
