"""The entries of the table of layouts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.selection import BoxEnds, Selection

__all__ = ["Layout"]


def no_splits(path: Path) -> Sequence[str]:
    """The splits of a layout that has only one set of images."""
    return ()


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a dataset's files are laid out.

    Attributes:
        description: one line: what it recognises in the path.
        recognises: whether a path has it; quick, and never raises.
        load: makes the dataset; raises DataError for what is missing or bad.
        splits: the names of the splits in a path that has the layout, the default first;
            empty where it has only one set of images. Never raises.
        takes_box_ends: whether `Selection.box_ends` may be given: the format does not
            itself state how corners are meant.
        box_ends: how maximum corners are meant in its files, where `load` does not state it.
    """

    description: str
    recognises: Callable[[Path], bool]
    load: Callable[[Path, Selection], ImageDataset]
    splits: Callable[[Path], Sequence[str]] = no_splits
    takes_box_ends: bool = False
    box_ends: BoxEnds = "inclusive"
