"""The classification gate: a net that classifies wrongly localizes wrongly.

Most re-makes that missed the paper's table had weights, preprocessing or label
order off, and their classification error showed it before any map was drawn.
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from wsol_bench.errors import RunError
from wsol_bench.runs.class_orders import Consistency, consistency
from wsol_bench.scoring.intervals import Rate

IMAGES = 1000
"""The gate decides after this many images, or after all, if fewer."""
MARGIN = 3.0
"""Points by which the published figure may lie outside the measured interval."""
CONFIDENCE = 0.99
_CHANCE = 95.0
"""An error above this is next to chance: nothing was recognised."""
_SURE = 1.0
"""A median lead of the best score over the second that a trained net shows."""


@dataclass(eq=False)
class GateFailed(RunError):  # noqa: N818 - a result, not a fault of the program
    """The measured error is far from the expected one.

    Attributes:
        finding: what was measured and expected.
        suspicion: what to suspect, from the figures alone.
        measured: wrong images of those seen.
        expected: top-1 error in per cent.
        by_class: the error under another order of the classes, or None.
    """

    finding: str
    suspicion: str
    measured: Rate
    expected: float
    by_class: Consistency | None

    def __str__(self) -> str:
        return f"{self.finding} {self.suspicion}"


@dataclass(slots=True)
class Gate:
    """Watches the records of a run and stops it when they cannot be right.

    Attributes:
        expected: the published top-1 error in per cent.
        source: where it is published.
        images: the number of images after which it decides.
    """

    expected: float
    source: str
    images: int
    _labels: list[int] = field(default_factory=list)
    _best: list[int] = field(default_factory=list)
    _leads: list[float] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @property
    def has_looked(self) -> bool:
        """Whether enough images were counted."""
        return len(self._seen) >= self.images

    def watch(self, table: pa.Table) -> None:
        """Counts the records of a batch; decides once, when there are enough.

        Raises:
            GateFailed: the published figure lies too far outside the interval.
        """
        looked = self.has_looked
        if looked:
            return
        columns = (table[name].to_pylist() for name in ("image_id", "label", "classes", "scores"))
        for image_id, label, classes, scores in zip(*columns, strict=True):
            if image_id not in self._seen and len(self._seen) < self.images:
                self._seen.add(image_id)
                self._labels.append(label)
                self._best.append(classes[0])
                self._leads.append(scores[0] - sum(scores[1:2]))
        if self.has_looked:
            self._check()

    def _check(self) -> None:
        wrong = sum(label != best for label, best in zip(self._labels, self._best, strict=True))
        measured = Rate(wrong, len(self._labels))
        if is_near(measured, self.expected):
            return
        interval = measured.interval(CONFIDENCE)
        raise GateFailed(
            f"--gate: top-1 error is {measured.percent:.1f} % on the first {measured.n} images "
            f"(99 % interval {interval.low:.1f} to {interval.high:.1f}), but {self.source} is "
            f"{self.expected:g} %.",
            _suspect(measured.percent, self.expected, self._leads),
            measured,
            self.expected,
            consistency(self._labels, self._best),
        )


def is_near(measured: Rate, expected: float) -> bool:
    """Whether an expected error, in per cent, may be the one that was measured.

    It is where it lies within `MARGIN` points of the measured 99 % interval.
    """
    interval = measured.interval(CONFIDENCE)
    return interval.low - MARGIN <= expected <= interval.high + MARGIN


def _suspect(percent: float, expected: float, leads: list[float]) -> str:
    if percent < expected:
        return (
            "Lower than published: suspect the weights (fine-tuned on these images, or of "
            "another net), or name the right figure with --gate PERCENT."
        )
    if percent < _CHANCE:
        return (
            "Worse, yet far from chance: suspect the preprocessing (channel order, mean, scale, "
            "input size) of these weights."
        )
    if float(np.median(leads)) > _SURE:
        return (
            "Next to chance although the network is sure of itself: suspect the label order; "
            "classes must be in sorted WNID order."
        )
    return (
        "Next to chance and the network is unsure: suspect the weights (never trained, or "
        "entries in another order)."
    )
