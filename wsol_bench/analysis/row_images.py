"""The images of a row, by which the records of two rows are paired."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Order = NDArray[np.intp] | slice
"""Puts an array over the images of a row in order; a slice where it is in order."""

AS_IT_IS = slice(None)


@dataclass(frozen=True)
class RowImages:
    """The images of n records, in their order. Rows of one run share one such object.

    Attributes:
        ids: (n,) strings, which take a quarter of the memory that numpy's do.
        labels: (n,).
    """

    ids: pa.ChunkedArray
    labels: NDArray[np.int32]

    @classmethod
    def of(cls, tables: Iterable[pa.Table]) -> "RowImages":
        """Those of the records of one row, which may come in pieces."""
        ids, labels = [], []
        for table in tables:
            ids += table["image_id"].chunks
            labels.append(table["label"].to_numpy().astype(np.int32))
        joined = np.concatenate(labels) if labels else np.empty(0, np.int32)
        return cls(pa.chunked_array(ids, pa.string()), joined)

    @cached_property
    def repeated(self) -> str | None:
        """An image that is there twice with one label, or None."""
        if self._ascends:
            return None
        keys = Counter(zip(self.ids.to_pylist(), self.labels.tolist(), strict=True))
        if len(keys) == len(self.labels):
            return None
        ((name, _), _), *_ = keys.most_common(1)
        return str(name)

    @cached_property
    def order(self) -> Order:
        """By id, then by label."""
        if self._ascends:
            return AS_IT_IS
        return np.lexsort((self.labels, np.array(self.ids.to_pylist(), dtype=np.str_)))

    @cached_property
    def _ascends(self) -> bool:
        before = self.ids.slice(0, max(len(self.ids) - 1, 0))
        return bool(pc.all(pc.less(before, self.ids.slice(1))).as_py() in (True, None))

    def same_as(self, other: "RowImages") -> bool:
        """Whether the other row has the same images and labels in the same order."""
        if self is other:
            return True
        return self.ids.equals(other.ids) and np.array_equal(self.labels, other.labels)

    def sorted_ids(self) -> NDArray[np.str_]:
        """The ids in `order`."""
        ids: NDArray[np.str_] = np.array(self.ids.to_pylist(), dtype=np.str_)[self.order]
        return ids
