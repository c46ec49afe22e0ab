"""Diagnosis of a failed gate: tries the usual causes on a few images, reports one that passes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.devkit_ids import devkit_ids
from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.errors import DataError, RunError, UnreadableImage
from wsol_bench.geometry import Crop
from wsol_bench.networks.diagnosis import MORE_IMAGES, Finding, Passes, Trials, diagnose, explain
from wsol_bench.networks.forward import Network
from wsol_bench.networks.numbers import computing_in
from wsol_bench.networks.suspects import output_orders
from wsol_bench.protocols.views import View, center_crop
from wsol_bench.runs.class_orders import Consistency
from wsol_bench.runs.gate import GateFailed, is_near
from wsol_bench.runs.prepare import Prepared
from wsol_bench.runtime.progress import log
from wsol_bench.scoring.intervals import Rate

_MOST, _MUCH = 0.5, 0.25
"""Shares of the distance from the expected error: what explains most of it, and what is worth
reporting although the gate would still fail."""
_NAMED = 3
"""Classes that a message names as examples."""


@contextmanager
def diagnosing(prepared: Prepared, *, quiet: bool) -> Iterator[None]:
    """Completes the message of a gate that fails inside with the diagnosis.

    Args:
        prepared: the run, its network opened in this process.
        quiet: report nothing on stderr.

    Raises:
        RunError: the gate failed.
    """
    try:
        yield
    except GateFailed as failure:
        if failure.measured.percent < failure.expected:
            raise
        if not quiet:
            log(f"The gate failed. Trying the usual causes on up to {MORE_IMAGES} images.")
        raise RunError(f"{failure.finding} {_cause(prepared, failure)}") from failure


def _cause(prepared: Prepared, failure: GateFailed) -> str:
    def passes(finding: Finding) -> bool:
        return is_near(Rate(finding.wrong, finding.n), failure.expected)

    own, best = _tried(prepared, passes)
    if own and best and passes(best):
        return explain(own, best, passes)
    found = failure.by_class
    if found and _recovered(failure.measured.percent, found.rate.percent, failure) > _MOST:
        return _another_order(found, is_near(found.rate, failure.expected), prepared.source.dataset)
    if own is None:
        return failure.suspicion
    if best is not None and _recovered(own.percent, best.percent, failure) > _MUCH:
        return f"{failure.suspicion} {explain(own, best, passes)}"
    return (
        f"{failure.suspicion} Mean and scale, channel order, side, crop and order of the outputs "
        f"were varied on {own.n} images, and nothing is better than the {own.percent:.1f} % there."
    )


def _tried(prepared: Prepared, passes: Passes) -> tuple[Finding | None, Finding | None]:
    """The run as it is on the sample, and the likeliest explanation, if there are such."""
    pipeline, loaded = prepared.pipeline, prepared.loaded
    network, given = pipeline.network, pipeline.preprocessing
    if network is None or given is None or loaded is None:
        return None, None
    dataset = prepared.source.dataset
    orders = _orders(network, dataset)
    with _own_outputs(network), computing_in(network.precision):
        return diagnose(
            lambda count: _trials(network, pipeline.view, dataset, count, orders),
            given,
            loaded.own_preprocessing or given,
            passes,
        )


def _recovered(before: float, after: float, failure: GateFailed) -> float:
    """The share of the distance from the expected error that a change removes."""
    return (before - after) / (failure.measured.percent - failure.expected)


def _another_order(found: Consistency, passes: bool, dataset: Dataset) -> str:
    """The error under another order of the classes, with examples."""
    ids = dataset.class_ids
    examples = ", ".join(
        f"{count} of {images} images of {ids[label]} get the output of {ids[other]}"
        for label, other, count, images in found.moved[:_NAMED]
    )
    verdict = ", which would pass" if passes else ""
    return (
        "The network distinguishes the classes, but their order is another one: if each class had "
        f"the output that most of its images get, top-1 error would be {found.rate.percent:.1f} % "
        f"on {found.rate.n} images{verdict}. {examples[:1].upper()}{examples[1:]}. "
        "--classes FILE names the output of each class."
    )


@contextmanager
def _own_outputs(network: Network) -> Iterator[None]:
    """Inside, the network's scores are in its own order, not in the dataset's."""
    outputs, network.outputs = network.outputs, None
    try:
        yield
    finally:
        network.outputs = outputs


def _orders(network: Network, dataset: Dataset) -> Mapping[str, NDArray[np.int64]]:
    outputs = network.outputs
    return output_orders(
        range(len(dataset.class_ids)) if outputs is None else outputs.of_class,
        dataset.class_ids,
        dataset.class_names,
        _devkit_places(dataset),
    )


def _trials(
    network: Network,
    view: View,
    dataset: Dataset,
    count: int,
    orders: Mapping[str, NDArray[np.int64]],
) -> Trials:
    examples = _sample(dataset, count)

    @lru_cache(maxsize=2)  # most candidates differ in values alone
    def tensors(side: int, crop: Crop | None, centered: bool) -> NDArray[np.uint8]:
        of = center_crop if centered else view.tensors
        made = (of(dataset.open(each.image_id), side, crop) for each in examples)
        return np.stack([each[(len(each) - 1) // 2] for each in made])  # of ten crops the centre

    return Trials(
        network,
        lambda preprocessing, own: tensors(preprocessing.size, preprocessing.crop, own),
        [each.label for each in examples],
        orders,
    )


def _sample(dataset: Dataset, count: int) -> list[Example]:
    """Readable images spread evenly over the examples, since these may be sorted by class."""
    examples = list({example.image_id: example for example in dataset.examples}.values())
    places = np.linspace(0, len(examples) - 1, min(count, len(examples))).round()
    return [each for each in (examples[int(at)] for at in places) if _is_readable(dataset, each)]


def _is_readable(dataset: Dataset, example: Example) -> bool:
    try:
        dataset.open(example.image_id)
    except UnreadableImage:
        return False
    return True


def _devkit_places(dataset: Dataset) -> list[int] | None:
    """The place of each class in the devkit's order, where all are the devkit's."""
    try:
        return [each - 1 for each in devkit_ids(dataset.class_ids).ids]
    except DataError:
        return None
