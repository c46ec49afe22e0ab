"""Why a network classifies far worse than published: the usual causes, each tried and measured.

Each preprocessing is tried on a few dozen images with each order of the outputs; where none
explains the error, other sides of the input and the weights' own centre crop are tried too. What
these images leave undecided is decided on more of them.
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
"""Images on which every hypothesis is tried; most faults move errors by ten points or more."""
MORE_IMAGES = 256
"""Images on which the best hypotheses are tried where `IMAGES` do not decide, as after a fault that
moves the error by five points."""
_CONTENDERS = 3
_BATCH = 16
_CHANCE = 0.001
"""A hypothesis explains an error if its lower losses are less likely by chance than this, image by
image (Wilcoxon's signed-rank test: losses have long tails). Some fifty hypotheses are tried, so
that one of them comes out by chance in one diagnosis of twenty at most (Bonferroni)."""

Images = Callable[[Preprocessing, bool], NDArray[np.uint8]]
"""(preprocessing, whether to take its own centre crop) -> (n, side, side, 3) RGB, always the same
n images in the same order; without the crop, in the protocol's view."""


@dataclass(frozen=True, slots=True, eq=False)
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
    def is_own_crop(self) -> bool:
        """Whether its inputs are the weights' own centre crops."""
        return OWN_CROP in self.input

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

Sample = Callable[[int], "Trials"]
"""(number of images) -> trials without findings on at most that many, the same ones each time."""


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

    def contenders(self) -> list[Finding]:
        """The likeliest hypotheses that are better than the run as it is, if only by chance."""
        own = self.findings[0]
        lower = [each for each in self.findings if each.losses.mean() < own.losses.mean()]
        lower.sort(key=lambda each: float(each.losses.mean()))
        unlike = {(each.preprocessing, each.is_own_crop): each for each in reversed(lower)}
        return [each for each in lower if each in unlike.values()][:_CONTENDERS]


def diagnose(
    sample: Sample,
    given: Preprocessing,
    own: Preprocessing,
    passes: Passes,
) -> tuple[Finding | None, Finding | None]:
    """Tries every hypothesis; sides and the own crop only where nothing before them passes.

    Args:
        sample: see `Sample`.
        given: the preprocessing that the run assumed.
        own: that of the weights, before flags replaced values of it.
        passes: see `Passes`.

    Returns:
        The run as it is, None without images, and the likeliest explanation, on the same images;
        None where nothing is better than the run as it is.
    """
    trials = sample(IMAGES)
    if not trials.labels:
        return None, None
    trials.add(given, ())
    for suspect in SUSPECTS.values():
        trials.add(suspect.change(given), (suspect.name,))
    trials.add(own, (OWN_VALUES,))
    now, best = _decided(trials, sample, passes)
    if best is not None and passes(best):
        return now, best
    base = best or trials.findings[0]
    for side in SIDES:
        trials.add(base.preprocessing.changed(size=side), (*base.input, side_change(side)))
    trials.add(base.preprocessing, (*base.input, OWN_CROP), own_crop=True)
    return _decided(trials, sample, passes)


def _decided(trials: Trials, sample: Sample, passes: Passes) -> tuple[Finding, Finding | None]:
    """The run as it is and the best explanation; on more images where these do not decide."""
    now, best = trials.findings[0], trials.best(passes)
    contenders = trials.contenders()
    if (best is not None and passes(best)) or not contenders or now.n < IMAGES:
        return now, best
    more = sample(MORE_IMAGES)
    more.add(now.preprocessing, ())
    for each in contenders:
        more.add(each.preprocessing, each.input, own_crop=each.is_own_crop)
    return more.findings[0], more.best(passes)


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
