"""A notebook becomes a page: its words and its code, without having been run.

One directive of Sphinx less than a notebook extension brings, and none of its dependencies.
"""

import json
from pathlib import PurePosixPath

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx


class NotebookParser(MystParser):
    """Reads a notebook's JSON as the Markdown that its cells make."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fills the document from the cells, in their order."""
        source = PurePosixPath(document["source"])
        super().parse(as_markdown(inputstring, source.name), document)


def as_markdown(notebook: str, name: str) -> str:
    """Markdown of a notebook's cells, its download beneath the title."""
    cells = json.loads(notebook)["cells"]
    parts = ["".join(cell["source"]) for cell in cells]
    kinds = [cell["cell_type"] for cell in cells]
    pages = [
        text if kind == "markdown" else f"```python\n{text}\n```"
        for kind, text in zip(kinds, parts, strict=True)
    ]
    title, _, rest = pages[0].partition("\n")
    return "\n\n".join([title, f"{{download}}`Download this notebook <{name}>`", rest, *pages[1:]])


def setup(app: Sphinx) -> dict[str, bool]:
    """Tells Sphinx of files that end in .ipynb."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True}
