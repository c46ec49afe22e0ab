"""Errors so far, counted during a run and shown beneath its progress bar."""

from collections.abc import Mapping

import pyarrow as pa

from wsol_bench.protocols.catalog import Protocol
from wsol_bench.records.table import outcomes_of
from wsol_bench.scoring.catalog import METRICS
from wsol_bench.scoring.intervals import Rate
from wsol_bench.scoring.row_data import RowData

_NOTHING = Rate(0, 0)


class RunningErrors:
    """Counts the wrong images of each method so far.

    They are an indication, not a result: the first images are no random sample of the dataset.
    """

    def __init__(self, protocol: Protocol, titles: Mapping[str, str]) -> None:
        """Begins with zero images.

        Args:
            protocol: its minimum IoU and its k.
            titles: method -> how it is written, in the order to name them; at least one.
        """
        self._protocol, self._titles = protocol, titles
        self._classes = _NOTHING
        self._boxes = dict.fromkeys(titles, _NOTHING)

    def take(self, table: pa.Table) -> str:
        """Counts the records of a batch and returns a line with the errors so far.

        Args:
            table: records of all methods.

        Returns:
            The top-1 classification error and every method's top-1 localization error
            in per cent, or "" where there is no image yet.
        """
        for number, method in enumerate(self._titles):
            row = outcomes_of(table, method)
            ranked = row.classes.shape[1] > 0
            errors = self._rate("top1_loc" if ranked else "gt_known_loc", row)
            self._boxes[method] = _sum(self._boxes[method], errors)
            if number == 0 and ranked:  # the classes are the same in every method's records
                self._classes = _sum(self._classes, self._rate("top1_cls", row))
        boxes = [
            f"{title} {self._boxes[method].percent:.1f}"
            for method, title in self._titles.items()
            if self._boxes[method].n
        ]
        loc = ", ".join(boxes)
        if not self._classes.n:
            return f"GT-known error so far, %: {loc}" if boxes else ""
        classes = f"top-1 error so far, %: cls {self._classes.percent:.1f}"
        return f"{classes}; loc {loc}" if boxes else classes

    def _rate(self, metric: str, row: RowData) -> Rate:
        measured = METRICS[metric].compute(row, self._protocol)
        return Rate(round((measured.value or 0.0) * measured.n / 100), measured.n)


def _sum(one: Rate, other: Rate) -> Rate:
    return Rate(one.wrong + other.wrong, one.n + other.n)
