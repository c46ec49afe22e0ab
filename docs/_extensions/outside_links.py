"""Links to files outside docs/ lead to their page on the site.

In the repository [data/README.md](../data/README.md) is a link to that file, and works as one
where the files are read as they are. The site has the same text on a page of its own.
"""

import re

from sphinx.application import Sphinx

PAGES = {"data/README.md": "/data.md", "README.md": "/index.md", "CHANGELOG.md": "/changelog.md"}
"""File of the repository -> the page that shows it, from the root of docs/."""

LINK = re.compile(r"\]\((?:\.\./)+(?P<file>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def _lead_inside(app: Sphinx, page: str, source: list[str]) -> None:
    def inside(link: re.Match[str]) -> str:
        target = PAGES.get(link["file"])
        return f"]({target}{link['anchor'] or ''})" if target else link[0]

    source[0] = LINK.sub(inside, source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrites links before a page is parsed."""
    app.connect("source-read", _lead_inside)
    return {"parallel_read_safe": True}
