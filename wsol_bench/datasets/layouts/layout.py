"""What the table of layouts holds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wsol_bench.datasets.dataset import ImageDataset, Selection


@dataclass(frozen=True, slots=True)
class Layout:
    """One way in which a dataset's files may lie.

    Attributes:
        description: one line: what it looks for in the path.
        recognises: whether a path has it; quick, and never raises.
        load: makes the dataset; raises DataError for what is missing or bad.
    """

    description: str
    recognises: Callable[[Path], bool]
    load: Callable[[Path, Selection], ImageDataset]
