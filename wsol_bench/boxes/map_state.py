"""The states of a map: whether it holds any evidence."""

from enum import StrEnum

__all__ = ["MapState"]


class MapState(StrEnum):
    """Whether a map contains information; the box of a degenerate map is the whole image."""

    OK = "ok"
    ZERO = "zero"
    """Every value is 0."""
    CONSTANT = "constant"
    """Every value is the same and not 0."""
    EMPTY = "empty"
    """It varies, but its maximum is not positive, so nothing passes a threshold."""
    UNREADABLE = "unreadable"
    """The image could not be read; height and width are 0, the box is empty, each of
    `classes` is -1 and its score 0. Wrong by every measure."""
