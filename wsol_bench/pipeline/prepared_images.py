"""Images decoded and preprocessed in threads, ahead of the network."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.datasets.masks import MaskPair, masks_of
from wsol_bench.errors import UnreadableImage
from wsol_bench.geometry import Size
from wsol_bench.pipeline.inference import Pipeline, Question, seed_of
from wsol_bench.pipeline.target_class import TARGET_CLASSES

_BATCHES_AHEAD = 2
"""The number of batches that are decoded ahead of the network."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image as it goes through the network; an unreadable one is black and 0 x 0."""

    example: Example
    size: Size
    question: Question
    readable: bool
    masks: MaskPair | None = None


def prepare_ahead(
    pipeline: Pipeline,
    dataset: Dataset,
    batches: Iterable[Sequence[Example]],
    pool: ThreadPoolExecutor,
) -> Iterator[list[PreparedImage]]:
    """Decodes and preprocesses the images of each batch in threads, ahead of the network.

    Raises:
        DataError: the dataset as a whole cannot be read any more.
    """
    waiting: deque[list[Future[PreparedImage]]] = deque()
    for batch in batches:
        waiting.append([pool.submit(_prepare, pipeline, dataset, example) for example in batch])
        if len(waiting) > _BATCHES_AHEAD:
            yield [future.result() for future in waiting.popleft()]
    while waiting:
        yield [future.result() for future in waiting.popleft()]


def _prepare(pipeline: Pipeline, dataset: Dataset, example: Example) -> PreparedImage:
    if pipeline.network is None:
        return _without_network(pipeline, dataset, example)
    side = pipeline.side
    try:
        image, readable = dataset.open(example.image_id), True
    except UnreadableImage:
        image, readable = Image.new("RGB", (side, side)), False
    size = Size(image.height, image.width) if readable else Size(0, 0)
    classes = {name: target(example, dataset) for name, target in TARGET_CLASSES.items()}
    seed = seed_of(example.image_id)
    question = Question(pipeline.view.tensors(image, side, pipeline.crop), classes, seed)
    masks = masks_of(dataset, example) if pipeline.columns else None
    return PreparedImage(example, size, question, readable, masks)


def _without_network(pipeline: Pipeline, dataset: Dataset, example: Example) -> PreparedImage:
    """An image that no network reads: opened only where its size is not annotated."""
    size, readable = example.size, True
    if size is None:
        try:
            image = dataset.open(example.image_id)
            size = Size(image.height, image.width)
        except UnreadableImage:
            size, readable = Size(0, 0), False
    scores = np.zeros(0, np.float32) if pipeline.given is None else pipeline.given.of(example)
    question = Question(np.zeros((0, 0, 0, 3), np.uint8), {}, scores=scores)
    masks = masks_of(dataset, example) if pipeline.columns else None
    return PreparedImage(example, size, question, readable, masks)
