"""Renders a notebook as a page: its text, its code, and the stored outputs.

This avoids the dependencies of a notebook extension. Notebooks are not executed here but by
scripts/execute_notebook.py.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

PICTURES = {"image/png": "png", "image/jpeg": "jpg"}
FOLDER = "_images"
"""The folder of the site in which Sphinx stores images."""

Cells = list[dict[str, Any]]


class NotebookParser(MystParser):
    """Parses the JSON of a notebook as Markdown made of its cells."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Fills the document from the cells in order."""
        source = PurePosixPath(document["source"])
        up = "../" * document.settings.env.docname.count("/")
        super().parse(as_markdown(inputstring, source.name, f"{up}{FOLDER}"), document)


def as_markdown(notebook: str, name: str, folder: str) -> str:
    """Markdown of a notebook's cells and outputs, with a download link beneath the title.

    Args:
        notebook: the JSON of the notebook.
        name: the name of its file.
        folder: the folder of the images, relative to the page.
    """
    cells: Cells = json.loads(notebook)["cells"]
    pages = []
    for at, cell in enumerate(cells):
        text = "".join(cell["source"])
        language = "bash" if text.startswith("!") else "python"
        pages.append(text if cell["cell_type"] == "markdown" else f"```{language}\n{text}\n```")
        for number, output in enumerate(cell.get("outputs", [])):
            shown = as_html(output, f"{folder}/{picture_name(name, at, number)}")
            pages.append(f'````{{raw}} html\n<div class="notebook-output">{shown}</div>\n````')
    title, _, rest = pages[0].partition("\n")
    return "\n\n".join([title, f"{{download}}`Download this notebook <{name}>`", rest, *pages[1:]])


def as_html(output: Mapping[str, Any], picture: str) -> str:
    """The richest available form of an output.

    Args:
        output: an output of a cell.
        picture: the path of its image, without a suffix.
    """
    data = output.get("data", {})
    for kind, ending in PICTURES.items():
        if kind in data:
            return f'<img alt="output of the cell above" src="{picture}.{ending}">'
    if "text/html" in data:
        return "".join(data["text/html"])
    return f"<pre>{escape(''.join(output.get('text') or data.get('text/plain', '')))}</pre>"


def picture_name(notebook: str, cell: int, output: int) -> str:
    """The file name of an output's image, without a suffix."""
    return f"{PurePosixPath(notebook).stem}-{cell}-{output}"


def pictures_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """The images in a notebook's outputs: name, content."""
    cells: Cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for at, cell in enumerate(cells):
        for number, output in enumerate(cell.get("outputs", [])):
            for kind, ending in PICTURES.items():
                if kind in output.get("data", {}):
                    content = base64.b64decode("".join(output["data"][kind]))
                    yield f"{picture_name(path.name, at, number)}.{ending}", content


def write_pictures(app: Sphinx, failure: Exception | None) -> None:
    """Writes the images of every notebook to the site."""
    folder = Path(app.outdir) / FOLDER
    for path in sorted(Path(app.srcdir).rglob("*.ipynb")):
        for name, content in pictures_of(path):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)


def setup(app: Sphinx) -> dict[str, bool]:
    """Registers the parser of .ipynb files."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    app.connect("build-finished", write_pictures)
    return {"parallel_read_safe": True}
