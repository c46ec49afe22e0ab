"""The classification gate: a net that classifies wrongly localizes wrongly.

Most re-makes that missed the paper's table had weights, preprocessing or label
order off, and their classification error said so before any map was drawn.
"""

from dataclasses import dataclass, field

import numpy as np

from wsol_bench.errors import RunError
from wsol_bench.records.record import Record
from wsol_bench.scoring.intervals import Rate

IMAGES = 1000
"""The gate looks once this many images are through, or all, if fewer."""
MARGIN = 3.0
"""Points by which the published figure may lie outside the measured interval."""
CONFIDENCE = 0.99
_CHANCE = 95.0
"""An error above this is next to chance: nothing was recognised."""
_SURE = 1.0
"""A median lead of the best score over the second that a trained net shows."""


@dataclass(slots=True)
class Gate:
    """Watches the records of a run and stops it when they cannot be right.

    Attributes:
        expected: the published top-1 error in per cent.
        source: who states it.
        images: how many images to wait for.
    """

    expected: float
    source: str
    images: int
    _wrong: list[bool] = field(default_factory=list)
    _leads: list[float] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    @property
    def has_looked(self) -> bool:
        """Whether enough images are through; it then asks for no more."""
        return len(self._seen) >= self.images

    def watch(self, records: list[Record]) -> None:
        """Takes in the records of a batch; looks once, when enough are through.

        Raises:
            RunError: the published figure lies too far outside the interval.
        """
        looked = self.has_looked
        if looked:
            return
        for record in records:
            if record.image_id not in self._seen and len(self._seen) < self.images:
                self._seen.add(record.image_id)
                self._wrong.append(bool(record.classes[0] != record.label))
                self._leads.append(float(record.scores[0] - record.scores[1:2].sum()))
        if self.has_looked:
            check_error(
                Rate(sum(self._wrong), len(self._wrong)), self.expected, self.source, self._leads
            )


def check_error(measured: Rate, expected: float, source: str, leads: list[float]) -> None:
    """Compares a measured top-1 error with a published one.

    Args:
        measured: wrong images of those seen.
        expected: in per cent.
        source: who states it.
        leads: the best score less the second, image by image.

    Raises:
        RunError: `expected` lies more than `MARGIN` points outside the measured
            99 % interval; says what to suspect.
    """
    interval = measured.interval(CONFIDENCE)
    if interval.low - MARGIN <= expected <= interval.high + MARGIN:
        return
    raise RunError(
        f"--gate: top-1 error is {measured.percent:.1f} % on the first {measured.n} images "
        f"(99 % interval {interval.low:.1f} to {interval.high:.1f}), but {source} is "
        f"{expected:g} %. {_suspect(measured.percent, expected, leads)}"
    )


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
