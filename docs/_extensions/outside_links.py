"""Redirects links to files outside docs/ to the corresponding page of the site.

In the repository, [data/README.md](../data/README.md) is a link to that file. The site has the
same text on a separate page.
"""

import re

from sphinx.application import Sphinx

PAGES = {"data/README.md": "/data.md", "README.md": "/index.md", "CHANGELOG.md": "/changelog.md"}
"""File of the repository -> the page that includes it, relative to docs/."""

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
