"""The data of one row that a metric may use: its records as arrays, and its maps and masks."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice, repeat
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.masks import MaskPair
from wsol_bench.datasets.selection import BoxEnds
from wsol_bench.errors import DataError, NotApplicable
from wsol_bench.geometry import Boxes, Size, Window
from wsol_bench.scoring.image_columns import ExampleTruth, ImageColumn

__all__ = ["RowData"]

Answer = TypeVar("Answer")

BLOCK = 256
"""Examples whose columns are held at once."""


def _no_ids() -> NDArray[np.str_]:
    return np.empty(0, np.str_)


def _no_boxes() -> Boxes:
    return np.empty((0, 4))


def _no_numbers() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class RowData:
    """The n records of one row, in the order of the dataset, under one protocol.

    Attributes:
        labels: (n,) class indices.
        classes: (n, k) the classes of the highest scores, in descending order of score.
        ious: (n,) the highest IoU of the predicted box with a ground-truth box of the label,
            by the protocol's conventions.
        blacklisted: (n,) bool; localization leaves these images out.
        image_ids: (n,).
        boxes: (n, 4) predicted boxes for the label, half-open xyxy in original pixels.
        true_boxes: (t, 4) ground-truth boxes of the labels, image after image.
        box_counts: (n,) how many of `true_boxes` belong to each image.
        sizes: (n, 2) height and width in pixels; 0, 0 where the image could not be read.
        open_maps: opens the maps, (u, v) float32 each, in the order of the records; None
            where the row makes none, as a baseline.
        open_masks: opens (ground truth, ignore) masks of each image; None where the
            dataset has none.
        open_column: opens a kept column, in blocks of examples in the order of the records;
            called only with names among `kept_columns`.
        kept_columns: names of the columns that the run has kept of this row.
        window: the part of an image of some size that a map covers; None means all of it.
        class_ids: of the dataset; position is the label.
        corners: how maximum corners are meant in the dataset's own files, for programs that
            read these; `true_boxes` are half-open in any case.
        tuned_on: the same row of the run that thresholds are tuned on, or None.
        answers: what `remembered` keeps.
    """

    labels: NDArray[np.int64]
    classes: NDArray[np.int64]
    ious: NDArray[np.float64]
    blacklisted: NDArray[np.bool_]
    image_ids: NDArray[np.str_] = field(default_factory=_no_ids)
    boxes: Boxes = field(default_factory=_no_boxes)
    true_boxes: Boxes = field(default_factory=_no_boxes)
    box_counts: NDArray[np.int64] = field(default_factory=_no_numbers)
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))
    open_maps: Callable[[], Iterator[NDArray[np.float32]]] | None = None
    open_masks: Callable[[], Iterator[MaskPair]] | None = None
    open_column: Callable[[str], Iterator[NDArray[Any]]] | None = None
    kept_columns: frozenset[str] = frozenset()
    window: Callable[[Size], Window] | None = None
    class_ids: tuple[str, ...] = ()
    corners: BoxEnds = "inclusive"
    tuned_on: "RowData | None" = None
    answers: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """The number of records."""
        return len(self.labels)

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(n,) the images that localization counts: all but the blacklist's."""
        return ~self.blacklisted

    @property
    def readable(self) -> NDArray[np.bool_]:
        """(n,) whether the image could be read; one that could not is wrong."""
        return self.sizes[:, 0] > 0

    @property
    def lacks_boxes(self) -> bool:
        """Whether no image has a ground-truth box, as in a dataset with masks only."""
        return bool(self.n and len(self.box_counts) == self.n and not self.true_boxes.size)

    @property
    def has_maps(self) -> bool:
        """Whether the row makes maps, and is no baseline."""
        return self.open_maps is not None

    def maps(self) -> Iterator[NDArray[np.float32]]:
        """The map of each image, (u, v) float32, not normalised.

        Raises:
            NotApplicable: the row makes no maps.
            DataError: the run kept none; names the command that keeps them.
        """
        if self.open_maps is None:
            raise NotApplicable("it makes no maps")
        return self.open_maps()

    def masks(self) -> Iterator[MaskPair]:
        """The ground-truth and the ignore mask of each image, (height, width) bool.

        Raises:
            NotApplicable: the dataset has no masks.
        """
        if self.open_masks is None:
            raise NotApplicable("the dataset has no masks")
        return self.open_masks()

    def true_boxes_of_each(self) -> Iterator[Boxes]:
        """The ground-truth boxes of each image, (m, 4)."""
        ends = np.cumsum(self.box_counts)
        for start, end in zip(ends - self.box_counts, ends, strict=True):
            yield self.true_boxes[start:end]

    def size_of_each(self) -> Iterator[Size]:
        """The size of each image."""
        for height, width in self.sizes.tolist():
            yield Size(height, width)

    def column(self, column: ImageColumn) -> NDArray[Any]:
        """A column of all examples, (n,) or (n, width); see `blocks` for errors."""
        found = list(self.blocks(column))
        return np.concatenate(found) if found else column.array([])

    def blocks(self, column: ImageColumn) -> Iterator[NDArray[Any]]:
        """A column in blocks of examples: as it was kept, else computed from the maps.

        Raises:
            NotApplicable: the row makes no maps and the column has no value for a box, or the
                dataset has no masks.
            DataError: the run kept neither the column nor maps, or a mask is missing or empty.
        """
        if column.needs_masks and self.open_masks is None:
            raise NotApplicable("the dataset has no masks")
        if self.open_maps is None and column.of_box is None:
            raise NotApplicable("it makes no maps")
        if self.open_column is not None and column.name in self.kept_columns:
            yield from self.open_column(column.name)
            return
        values = self._values(column)
        while block := list(islice(values, BLOCK)):
            yield column.array(block)

    def _values(self, column: ImageColumn) -> Iterator[object]:
        masks = self.masks() if self.open_masks is not None else repeat(None, self.n)
        truths = (
            ExampleTruth(boxes, size, (self.window or Window.whole)(size), pair)
            for boxes, size, pair in zip(
                self.true_boxes_of_each(), self.size_of_each(), masks, strict=True
            )
        )
        values: Iterator[Callable[[ExampleTruth], object]] = (
            (partial(column.of_map, each) for each in self.open_maps())
            if self.open_maps is not None
            else (partial(column.value_of_box, each) for each in self.boxes)
        )
        for compute, truth, name in zip(values, truths, self.image_ids, strict=True):
            try:
                yield compute(truth)
            except DataError as error:
                raise DataError(f"{name}: {error}") from error

    def remembered(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The value that `make` returned when this key was first requested.

        Two metrics that need the same pass over the maps share it.
        """
        if key not in self.answers:
            self.answers[key] = make()
        answer: Answer = self.answers[key]
        return answer
