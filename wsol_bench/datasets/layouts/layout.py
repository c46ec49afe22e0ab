"""The entries of the table of layouts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsol_bench.datasets.dataset import ImageDataset
from wsol_bench.datasets.scanning import is_file
from wsol_bench.datasets.selection import BoxEnds, Selection, in_order

__all__ = ["Layout"]


def no_splits(path: Path, found: object) -> Sequence[str]:
    """The splits of a layout that has only one set of images."""
    return ()


def splits_by_name(*first: str) -> Callable[[Path, Mapping[str, Any]], Sequence[str]]:
    """The splits of a layout that finds the files of each by its name.

    Args:
        *first: the names that come first, the usual default before the others.

    Returns:
        A function for `Layout.splits`; it gives no splits for a path that is a file.
    """
    return lambda path, found: () if is_file(path) else in_order(found, first)


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a dataset's files are laid out.

    Attributes:
        description: one line: what it recognises in the path.
        find: what a path has of it, such as the folder with the images; None or empty where the
            path does not have the layout. Quick, and never raises.
        load: makes the dataset from the path, what `find` found in it, and the selection; raises
            DataError for what is missing or bad.
        splits: the names of the splits in the path and what was found in it, the default first;
            empty where it has only one set of images. Never raises.
        takes_box_ends: whether `Selection.box_ends` may be given: the format does not
            itself state how corners are meant.
        box_ends: how maximum corners are meant in its files, where `load` does not state it.
    """

    description: str
    find: Callable[[Path], Any]
    load: Callable[[Path, Any, Selection], ImageDataset]
    splits: Callable[[Path, Any], Sequence[str]] = no_splits
    takes_box_ends: bool = False
    box_ends: BoxEnds = "inclusive"
