"""Sphinx configuration of the site.

    sphinx-build -W --keep-going docs build/site          # then open build/site/index.html

Nothing is downloaded when the site is built or read: no fonts, scripts or inventories of
other sites.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))
sys.argv[0] = "wsol-bench"  # otherwise the usage of the commands shows the running program, Sphinx

project = "wsol_bench"
author = "The wsol_bench authors"
project_copyright = author
release = version = version_of("wsol_bench")

extensions = [
    "cyclopts.ext.sphinx",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    # In _extensions:
    "catalog_tables",
    "docstring_conventions",
    "figure_tables",
    "notebook_pages",
    "outside_links",
]
exclude_patterns = ["_extensions", "_static"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nitpicky = False  # docstrings refer to types of torch and numpy, whose inventories are not loaded
smartquotes = False  # they would turn --out into a dash and a word

# Docstrings use single backticks for code, as in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autosummary_generate = False
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # the fields of a dataclass are already its arguments
napoleon_attr_annotations = False  # their types are listed there
napoleon_custom_sections = [("Source", "returns_style")]
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"wsol_bench {version}"
html_search_scorer = str(Path(__file__).parent / "_extensions/search_scorer.js")
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a page opened from the disk must not read another one
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#0b5cad",
        "color-brand-content": "#0b5cad",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7cb7ff",
        "color-brand-content": "#7cb7ff",
    },
}
