"""Why a network classifies far worse than published: the usual causes, each tried and measured.

Each preprocessing is tried on a few dozen images with each order of the outputs; where none
explains the error, other sides of the input and the weights' own centre crop are tried too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import numpy as np
import torch
from numpy.typing import NDArray

from wsol_bench.errors import UsageError
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.forward import Network, Requests
from wsol_bench.networks.numbers import normalise
from wsol_bench.networks.suspects import OWN_CROP, OWN_VALUES, SIDES, SUSPECTS, side_change

IMAGES = 64
"""Images, enough to distinguish the hypotheses: most faults move errors by ten points or more."""
_BATCH = 16
_CHANCE = 0.02
"""A hypothesis explains an error if its lower losses are less likely by chance than this (paired,
Wilcoxon's signed-rank test: losses have long tails)."""

Images = Callable[[Preprocessing, bool], NDArray[np.uint8]]
"""(preprocessing, whether to take its own centre crop) -> (n, side, side, 3) RGB, always the same
n images in the same order; without the crop, in the protocol's view."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one hypothesis: a preprocessing and an order of the outputs.

    Attributes:
        preprocessing: that was tried.
        input: its change of the input, in words.
        order: its change of the outputs, in words; "" for none.
        wrong: images whose best output is not the label's.
        losses: the cross-entropy of each image's label, at most twice that of a guess.
    """

    preprocessing: Preprocessing
    input: tuple[str, ...]
    order: str
    wrong: int
    losses: NDArray[np.float64]

    @property
    def changes(self) -> tuple[str, ...]:
        """All that it changes, in words; empty for the run as it is."""
        return (*self.input, self.order) if self.order else self.input

    @property
    def n(self) -> int:
        """The number of images tried."""
        return len(self.losses)

    @property
    def percent(self) -> float:
        """Top-1 error."""
        return 100 * self.wrong / self.n

    def is_better(self, other: "Finding") -> bool:
        """Whether it is better than another by more than chance, image by image."""
        if self.wrong >= other.wrong:
            return False
        from scipy.stats import wilcoxon  # at the start of a run nothing needs it yet

        return bool(wilcoxon(other.losses, self.losses, alternative="greater").pvalue < _CHANCE)


Passes = Callable[[Finding], bool]
"""Whether an error is near enough to the expected one."""


@dataclass(slots=True)
class Trials:
    """Tries preprocessings on a network.

    Attributes:
        network: on its device; its scores are in its own order.
        images: to try them on.
        labels: the class of each image.
        orders: from `output_orders`, the assumed one first.
        findings: so far; the first is the run as it is.
    """

    network: Network
    images: Images
    labels: Sequence[int]
    orders: Mapping[str, NDArray[np.int64]]
    findings: list[Finding] = field(default_factory=list)
    _tried: set[tuple[Preprocessing, bool]] = field(default_factory=set)

    def add(
        self, preprocessing: Preprocessing, changes: tuple[str, ...], *, own_crop: bool = False
    ) -> None:
        """Tries a preprocessing with each order of the outputs, unless it was tried."""
        if (preprocessing, own_crop) in self._tried:
            return
        self._tried.add((preprocessing, own_crop))
        scores = _scores(self.network, preprocessing, self.images(preprocessing, own_crop))
        if scores is None:
            return
        best, losses = scores.argmax(1), _losses(scores)
        rows, labels = np.arange(len(scores)), np.asarray(self.labels)
        for order, of_class in self.orders.items():
            outputs = of_class[labels]
            exist = (outputs >= 0) & (outputs < scores.shape[1])
            loss = np.where(exist, losses[rows, np.where(exist, outputs, 0)], losses.max(1))
            wrong = int((best != outputs).sum())
            self.findings.append(Finding(preprocessing, changes, order, wrong, loss))

    def best(self, passes: Passes) -> Finding | None:
        """The likeliest explanation: of those that pass, else of all, the lowest loss."""
        better = [each for each in self.findings[1:] if each.is_better(self.findings[0])]
        passing = [each for each in better if passes(each)]
        return min(passing or better, key=lambda each: float(each.losses.mean()), default=None)


def diagnose(
    trials: Trials,
    given: Preprocessing,
    own: Preprocessing,
    passes: Passes,
) -> Finding | None:
    """Tries every hypothesis; sides and the own crop only where nothing before them passes.

    Args:
        trials: without findings.
        given: the preprocessing that the run assumed.
        own: that of the weights, before flags replaced values of it.
        passes: see `Passes`.

    Returns:
        The likeliest explanation, or None where nothing is better than the run as it is.
    """
    trials.add(given, ())
    for suspect in SUSPECTS.values():
        trials.add(suspect.change(given), (suspect.name,))
    trials.add(own, (OWN_VALUES,))
    best = trials.best(passes)
    if best is not None and passes(best):
        return best
    base = best or trials.findings[0]
    for side in SIDES:
        trials.add(base.preprocessing.changed(size=side), (*base.input, side_change(side)))
    trials.add(base.preprocessing, (*base.input, OWN_CROP), own_crop=True)
    return trials.best(passes)


def explain(own: Finding, best: Finding, passes: Passes) -> str:
    """A diagnosis in words: what would pass, with figures.

    Args:
        own: the run as it is.
        best: the likeliest explanation.
        passes: see `Passes`.
    """
    verdict = "would pass" if passes(best) else "is nearer, and still fails"
    return (
        f"On {own.n} images top-1 error is {own.percent:.1f} % as it is, and {best.percent:.1f} % "
        f"with {' and '.join(best.changes)}, which {verdict}."
    )


def _scores(
    network: Network, preprocessing: Preprocessing, images: NDArray[np.uint8]
) -> NDArray[np.float32] | None:
    """(n, outputs), or None where the network does not take such an input."""
    found = []
    for start in range(0, len(images), _BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(images[start : start + _BATCH]))
        inputs = normalise(batch.to(network.device), preprocessing)
        try:
            scores = network.forward(inputs, Requests()).scores
        except (RuntimeError, AssertionError, UsageError, ValueError):
            return None  # it takes inputs of one size
        found.append(scores.cpu().numpy())
    return np.nan_to_num(np.concatenate(found))


def _losses(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cross-entropy of each output, (n, outputs), at most twice that of a guess."""
    shifted = scores.astype(np.float64) - scores.max(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1, keepdims=True)) - shifted
    return np.minimum(losses, 2 * log(scores.shape[1]))
