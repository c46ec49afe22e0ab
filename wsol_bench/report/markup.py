"""Rows of Markdown tables, and texts that LaTeX prints as they are."""

from collections.abc import Sequence

_TEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def tex(text: str) -> str:
    """A text with what LaTeX would interpret escaped."""
    return "".join(_TEX_ESCAPES.get(character, character) for character in text)


def markdown_line(entries: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(entries)} |"
