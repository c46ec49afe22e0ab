"""Examples become records, for one network and its methods.

Three stages overlap: threads decode and resize the images of coming batches, the
network runs one batch, threads draw the boxes of the previous batch. Decoding,
resizing and drawing run outside the interpreter lock.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.example import Dataset, Example
from wsol_bench.errors import RunError
from wsol_bench.geometry import Size
from wsol_bench.methods.entry import Frame
from wsol_bench.networks.determinism import repeatable
from wsol_bench.networks.numbers import computing_in
from wsol_bench.pipeline.adaptive_batch import AdaptiveBatch
from wsol_bench.pipeline.inference import Answers, Pending, Pipeline
from wsol_bench.pipeline.kept_columns import BLANK, kept_columns, truth_of
from wsol_bench.pipeline.localize import localize, read_map
from wsol_bench.pipeline.prepared_images import PreparedImage, prepare_ahead
from wsol_bench.records.record import Record
from wsol_bench.runtime.memory import collect_garbage_as_usual, keep_freed_memory
from wsol_bench.runtime.parallel import side_pool
from wsol_bench.runtime.progress import log
from wsol_bench.scoring.ilsvrc import label_iou

__all__ = ["BatchRecords", "Pipeline", "records_of"]

_NO_CLASS = -1
"""Stands for an output that is no class of the dataset, and for the best classes of an image that
could not be read; never the label."""


@dataclass(frozen=True, slots=True)
class BatchRecords:
    """The records of a batch of n images.

    Attributes:
        records: one per image and method, image after image.
        maps: method -> (n, t, u, v) half floats, float32 of a method that reads its maps; empty
            where none are kept.
    """

    records: list[Record]
    maps: dict[str, NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A batch whose boxes are being drawn."""

    answers: list[Answers]
    located: list[Future["_Located"]]


@dataclass(frozen=True, slots=True)
class _Located:
    """One image's records, and the maps that were read for it where they are kept."""

    records: list[Record]
    read: Mapping[str, NDArray[np.float32]]


def records_of(
    pipeline: Pipeline,
    dataset: Dataset,
    batches: Iterable[Sequence[Example]],
    threads: int,
    log_line: Callable[[str], None] = log,
) -> Iterator[BatchRecords]:
    """Runs batches of examples and yields their records, in order.

    An image that cannot be read gives records of state `UNREADABLE`, which are wrong
    by every measure.

    Args:
        pipeline: the network and its methods.
        dataset: opens the images.
        batches: examples, already cut into batches; taken as they are needed.
        threads: for decoding and for drawing boxes.
        log_line: logs a line when the device's memory is too small.

    Raises:
        DataError: the dataset as a whole cannot be read any more.
        RunError: a score or a map is NaN or infinite; names the image.
    """
    collect_garbage_as_usual()
    on_cpu = pipeline.device.type == "cpu"
    if on_cpu:
        keep_freed_memory()
    requests, adaptive = pipeline.requests, AdaptiveBatch(log_line)
    queued: deque[tuple[list[PreparedImage], list[Pending]]] = deque()
    drawing: deque[_Drawing] = deque()
    with (
        side_pool(threads, gives_way=on_cpu) as pool,
        computing_in(pipeline.precision),
        repeatable(pipeline.deterministic),
    ):
        for batch in prepare_ahead(pipeline, dataset, batches, pool):
            questions = [each.question for each in batch]
            queued.append((batch, adaptive.ask(pipeline, questions, requests)))
            if len(queued) > (0 if on_cpu else 1):  # else the next batch would wait for this
                drawing.append(_draw(pipeline, *queued.popleft(), pool))
            if len(drawing) > 1:
                yield _gather(pipeline, drawing.popleft())
        drawing.extend(_draw(pipeline, batch, pending, pool) for batch, pending in queued)
        while drawing:
            yield _gather(pipeline, drawing.popleft())


def _draw(
    pipeline: Pipeline,
    batch: list[PreparedImage],
    pending: list[Pending],
    pool: ThreadPoolExecutor,
) -> _Drawing:
    answers = [each.wait(pipeline.ranked) for each in pending]
    places = ((part, i) for part in answers for i in range(part.images))
    return _Drawing(
        answers,
        [
            pool.submit(_records, pipeline, prepared, *place)
            for prepared, place in zip(batch, places, strict=True)
        ],
    )


def _gather(pipeline: Pipeline, drawing: _Drawing) -> BatchRecords:
    located = [future.result() for future in drawing.located]
    records = [record for each in located for record in each.records]
    if not pipeline.keep_maps:
        return BatchRecords(records, {})
    maps = {
        name: np.concatenate([part.maps[name].astype(np.float16) for part in drawing.answers])
        for name in drawing.answers[0].maps
    }
    for name in located[0].read:
        read = np.stack([each.read[name] for each in located])
        maps[name] = read[:, None]  # (n, 1, u, v), as exact as the files have them
    return BatchRecords(records, maps)


def _records(pipeline: Pipeline, prepared: PreparedImage, answers: Answers, i: int) -> _Located:
    """The records of the i-th image of a batch, one per method."""
    if not prepared.readable:
        return _unreadable(pipeline, prepared, k=answers.best.shape[1])
    example, size, scores = prepared.example, prepared.size, answers.scores[i]
    truth = truth_of(pipeline, example, size, prepared.masks)
    require_finite(scores, example.image_id)
    classes = answers.best[i]  # (k,)
    found, *others = (
        localize(
            pipeline,
            {name: each[i] for name, each in maps.items()},
            Frame(size, example.image_id, int(label)),
        )
        for maps, label in zip(
            (answers.maps, *answers.class_maps),
            (example.label, *(classes if pipeline.class_boxes else ())),
            strict=True,
        )
    )
    records = [
        Record(
            image_id=example.image_id,
            index=example.index,
            method=name,
            label=example.label,
            height=size.height,
            width=size.width,
            classes=named_classes(pipeline, classes),
            scores=scores[classes],
            box=each.box,
            true_boxes=example.boxes,
            class_boxes=np.array([other[name].box for other in others]).reshape(-1, 4),
            iou=label_iou(each.box, example.boxes, pipeline.protocol),
            map_state=each.state,
            blacklisted=example.index in pipeline.blacklist,
            columns=kept_columns(
                pipeline, each.values, each.box, replace(truth, window=each.window)
            ),
        )
        for name, each in found.items()
    ]
    read = {row.name: found[row.name].values for row in pipeline.readers if pipeline.keep_maps}
    return _Located(records, {name: each for name, each in read.items() if each is not None})


def require_finite(scores: NDArray[np.float32], name: str) -> None:
    """Checks the scores of one image.

    Raises:
        RunError: one is NaN or infinite; the message begins with `name`.
    """
    if not np.isfinite(scores).all():
        raise RunError(
            f"{name}: the network's scores hold NaN or infinite values. "
            "Check the weights and their preprocessing."
        )


def named_classes(pipeline: Pipeline, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The classes with `_NO_CLASS` for an output that is none of the dataset's."""
    if pipeline.outputs is None:
        return classes
    return np.where(classes < len(pipeline.outputs.of_class), classes, _NO_CLASS)


def _unreadable(pipeline: Pipeline, prepared: PreparedImage, k: int) -> _Located:
    example = prepared.example
    truth = truth_of(pipeline, example, prepared.size, prepared.masks)
    records = [
        Record(
            image_id=example.image_id,
            index=example.index,
            method=name,
            label=example.label,
            height=0,
            width=0,
            classes=np.full(k, _NO_CLASS),
            scores=np.zeros(k, np.float32),
            box=np.zeros(4),
            true_boxes=example.boxes,
            class_boxes=np.zeros((k if pipeline.class_boxes else 0, 4)),
            iou=0.0,
            map_state=MapState.UNREADABLE,
            blacklisted=example.index in pipeline.blacklist,
            columns=kept_columns(pipeline, BLANK if makes_map else None, np.zeros(4), truth),
        )
        for name, makes_map in ((method.name, method.makes_map) for method in pipeline.methods)
    ]
    frame = Frame(Size(0, 0), example.image_id, example.label)
    kept = pipeline.readers if pipeline.keep_maps else ()
    return _Located(records, {row.name: read_map(pipeline, row, frame) for row in kept})
