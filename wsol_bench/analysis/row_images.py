"""The images of a row, by which the records of two rows are paired."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Order = NDArray[np.intp] | slice
"""Index that sorts an array over the images of a row; a slice if it is sorted already."""

AS_IT_IS = slice(None)


@dataclass(frozen=True)
class RowImages:
    """The images of n records, in their order. Rows of one run share one such object.

    Attributes:
        open: gives the records of one row, in pieces; called again where ids are needed.
        labels: (n,).
        ascends: whether the ids ascend, so that none occurs twice and they need no sorting.
    """

    open: Callable[[], Iterable[pa.Table]]
    labels: NDArray[np.int32]
    ascends: bool

    @classmethod
    def of(cls, open_pieces: Callable[[], Iterable[pa.Table]]) -> "RowImages":
        """Reads the labels and checks the order of the ids, with one piece in memory at a time."""
        labels, ascends, last = [np.empty(0, np.int32)], True, ""
        for table in open_pieces():
            ids = table["image_id"].to_pylist()
            labels.append(table["label"].to_numpy().astype(np.int32))
            ascends = ascends and all(one < other for one, other in pairwise([last, *ids]))
            last = ids[-1] if ids else last
        return cls(open_pieces, np.concatenate(labels), ascends)

    @cached_property
    def ids(self) -> NDArray[np.str_]:
        """(n,)."""
        names = (name for table in self.open() for name in table["image_id"].to_pylist())
        return np.array(list(names), dtype=np.str_)

    @cached_property
    def repeated(self) -> str | None:
        """An image that occurs twice with the same label, or None."""
        if self.ascends:
            return None
        keys = Counter(zip(self.ids.tolist(), self.labels.tolist(), strict=True))
        if len(keys) == len(self.labels):
            return None
        ((name, _), _), *_ = keys.most_common(1)
        return str(name)

    @cached_property
    def order(self) -> Order:
        """By id, then by label."""
        return AS_IT_IS if self.ascends else np.lexsort((self.labels, self.ids))

    def same_as(self, other: "RowImages") -> bool:
        """Whether the other row has the same images and labels in the same order."""
        if self is other:
            return True
        return np.array_equal(self.labels, other.labels) and np.array_equal(self.ids, other.ids)
