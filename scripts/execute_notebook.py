"""Executes the example notebook and keeps what it shows, for the site to show it too.

    python scripts/execute_notebook.py [docs/notebooks/demo.ipynb]

Pictures become JPEG, and what is of this machine alone goes: progress, warnings, times.
"""

import base64
import sys
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[1]
QUALITY = 85
"""Of the pictures; the file stays well below a megabyte."""
SECONDS = 1200
"""For a cell; the first run of all renders the demo."""


def main(path: Path) -> None:
    """Executes a notebook in place."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    NotebookClient(notebook, timeout=SECONDS, record_timing=False).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [kept(each) for each in cell.outputs if not is_passing(each)]
    notebook.metadata.language_info = {"name": "python"}  # not which release
    nbformat.write(notebook, path)


def is_passing(output: nbformat.NotebookNode) -> bool:
    """Whether an output is a message, or a bar of progress that is gone."""
    empty = output.get("data", {}).get("text/html") == ""
    return output.get("name") == "stderr" or (output.output_type == "display_data" and empty)


def kept(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output whose picture is a JPEG, without the address that stands for one in text."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = Image.open(BytesIO(base64.b64decode(data.pop("image/png"))))
        file = BytesIO()
        picture.convert("RGB").save(file, "JPEG", quality=QUALITY, optimize=True)
        data["image/jpeg"] = base64.b64encode(file.getvalue()).decode()
    if len(data) > 1:
        data.pop("text/plain", None)  # the richer form is what is shown
    return output


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/notebooks/demo.ipynb")
