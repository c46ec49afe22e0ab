"""Tables of a terminal."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.table import Table


def figure_table(first: str, numbers: Iterable[str], **options: Any) -> Table:
    """A table whose first column holds names and whose others hold figures.

    Names wrap on a narrow terminal; a figure stays in one line. Title and caption stand at the
    left.

    Args:
        first: heading of the names.
        numbers: headings of the figures.
        options: of `rich.table.Table`.
    """
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", caption_justify="left", **options)
    table.add_column(first, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
