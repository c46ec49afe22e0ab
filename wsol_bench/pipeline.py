"""Examples become records, for one network and its methods.

Three stages overlap: threads decode and resize the images of coming batches, the
network runs one batch, threads draw the boxes of the batch before. Decoding,
resizing and drawing run outside the interpreter lock.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol_bench.boxes import extract_box
from wsol_bench.errors import RunError
from wsol_bench.geometry import Boxes, Size
from wsol_bench.methods.entry import BoxMethod, MapMethod, Settings
from wsol_bench.networks.entry import Preprocessing
from wsol_bench.networks.forward import Asks, Network
from wsol_bench.networks.numbers import exact_float32, normalise
from wsol_bench.protocol import Protocol
from wsol_bench.records import Dataset, Example, MapState, Record
from wsol_bench.scoring import label_iou, rank_classes
from wsol_bench.subjects import SUBJECTS
from wsol_bench.views import VIEWS, Tensors, View

_BATCHES_AHEAD = 2
"""How many batches are decoded before the network asks for them."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A method at the layer of this network that it reads."""

    method: MapMethod
    layer: str


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All that turns examples into records, ready to run.

    Attributes:
        network: on its device.
        preprocessing: of its weights.
        methods: those that make maps, in the order of the records.
        baselines: those that need no network.
        protocol: view, box rule, scoring.
        settings: of the methods.
        device: where the network is.
        blacklist: 1-based indices left out of localization errors.
        keep_maps: whether to hand on the maps, as half floats. Boxes are then drawn
            from what is kept, so that drawing them again gives the same.
        class_boxes: whether to draw also the boxes of the best classes.
    """

    network: Network
    preprocessing: Preprocessing
    methods: tuple[Placed, ...]
    baselines: tuple[BoxMethod, ...]
    protocol: Protocol
    settings: Settings
    device: torch.device
    blacklist: frozenset[int] = frozenset()
    keep_maps: bool = False
    class_boxes: bool = False

    @property
    def view(self) -> View:
        """The protocol's view."""
        return VIEWS[self.protocol.view]

    @property
    def asks(self) -> Asks:
        """Everything that the methods will ask of a forward pass."""
        return Asks.merge(placed.method.asks(placed.layer) for placed in self.methods)


@dataclass(frozen=True, slots=True)
class _Prepared:
    example: Example
    size: Size
    tensors: Tensors
    subjects: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What the network said of a batch of n images, on the CPU.

    Attributes:
        batch: the images.
        scores: (n, C), the mean over each image's tensors.
        best: (n, k) the best classes, falling.
        maps: method -> (n, t, u, v), of the labels.
        class_maps: for each of the k best classes the same; empty where not wanted.
    """

    batch: list[_Prepared]
    scores: NDArray[np.float32]
    best: NDArray[np.int64]
    maps: dict[str, NDArray[np.float32]]
    class_maps: tuple[dict[str, NDArray[np.float32]], ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What a batch of n images came to.

    Attributes:
        records: one per image and method, image after image.
        maps: method -> (n, t, u, v) half floats; empty where none are kept.
    """

    records: list[Record]
    maps: dict[str, NDArray[np.float16]]


def records_of(
    pipeline: Pipeline,
    dataset: Dataset,
    batches: Sequence[Sequence[Example]],
    threads: int,
) -> Iterator[Made]:
    """Runs batches of examples and gives what each came to, in order.

    Args:
        pipeline: what to run.
        dataset: opens the images.
        batches: examples, already cut into batches.
        threads: for decoding and for drawing boxes.

    Raises:
        DataError: an image cannot be decoded; names it.
        RunError: a score or a map is NaN or infinite; names the image.
    """
    asks = pipeline.asks
    with ThreadPoolExecutor(threads) as pool, exact_float32():
        drawn: deque[tuple[_Answers, list[Future[list[Record]]]]] = deque()
        for batch in _prepare_ahead(pipeline, dataset, batches, pool):
            answers = _ask(pipeline, batch, asks)
            futures = [pool.submit(_records, pipeline, answers, i) for i in range(len(batch))]
            drawn.append((answers, futures))
            if len(drawn) > 1:
                yield _gather(pipeline, *drawn.popleft())
        while drawn:
            yield _gather(pipeline, *drawn.popleft())


def _prepare_ahead(
    pipeline: Pipeline,
    dataset: Dataset,
    batches: Sequence[Sequence[Example]],
    pool: ThreadPoolExecutor,
) -> Iterator[list[_Prepared]]:
    waiting: deque[list[Future[_Prepared]]] = deque()
    for batch in batches:
        waiting.append([pool.submit(_prepare, pipeline, dataset, example) for example in batch])
        if len(waiting) > _BATCHES_AHEAD:
            yield [future.result() for future in waiting.popleft()]
    while waiting:
        yield [future.result() for future in waiting.popleft()]


def _prepare(pipeline: Pipeline, dataset: Dataset, example: Example) -> _Prepared:
    image = dataset.open(example.image_id)
    tensors = pipeline.view.tensors(image, pipeline.preprocessing.size)
    subjects = {name: subject(example, dataset) for name, subject in SUBJECTS.items()}
    return _Prepared(example, Size(image.height, image.width), tensors, subjects)


def _ask(pipeline: Pipeline, batch: list[_Prepared], asks: Asks) -> _Answers:
    stacked = torch.from_numpy(np.concatenate([prepared.tensors for prepared in batch]))
    inputs = normalise(stacked.to(pipeline.device), pipeline.preprocessing)
    tensors = pipeline.view.count
    forward = pipeline.network.forward(inputs, asks)
    scores = forward.scores.float().unflatten(0, (len(batch), tensors)).mean(dim=1).cpu().numpy()
    best = rank_classes(scores, pipeline.protocol.topk)

    def maps_of(classes: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[np.float32]]:
        made = {}
        for placed in pipeline.methods:
            asked = torch.from_numpy(np.repeat(classes[placed.method.subject], tensors))
            maps = placed.method.maps(forward, placed.layer, asked, pipeline.settings)
            made[placed.method.name] = _on_cpu(maps, pipeline, tensors)
        return made

    subjects = {
        name: np.array([prepared.subjects[name] for prepared in batch]) for name in SUBJECTS
    }
    class_maps = (
        maps_of(dict.fromkeys(SUBJECTS, column)) for column in best.T if pipeline.class_boxes
    )
    return _Answers(batch, scores, best, maps_of(subjects), tuple(class_maps))


def _on_cpu(maps: Tensor, pipeline: Pipeline, tensors: int) -> NDArray[np.float32]:
    by_image = maps.float().unflatten(0, (-1, tensors))  # (n, t, u, v)
    kept = as_kept(by_image).float() if pipeline.keep_maps else by_image
    array: NDArray[np.float32] = kept.cpu().numpy()
    return array


def as_kept(maps: Tensor) -> Tensor:
    """Maps as they are kept, (n, t, u, v) half floats, each image's scaled to 1.

    A threshold is a share of the maximum or the mean, so the scale does not count.
    NaN stays NaN and a map of zeros stays zero.
    """
    largest = maps.abs().amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(largest > 0, maps / largest, maps).half()


def _gather(pipeline: Pipeline, answers: _Answers, futures: list[Future[list[Record]]]) -> Made:
    records = [record for future in futures for record in future.result()]
    kept = answers.maps if pipeline.keep_maps else {}
    return Made(records, {name: maps.astype(np.float16) for name, maps in kept.items()})


def _records(pipeline: Pipeline, answers: _Answers, i: int) -> list[Record]:
    """The records of the i-th image of a batch, one per method."""
    prepared = answers.batch[i]
    example, size = prepared.example, prepared.size
    scores = answers.scores[i]
    if not np.isfinite(scores).all():
        raise RunError(
            f"{example.image_id}: the network's scores hold NaN or infinite values. "
            "Check the weights and their preprocessing."
        )
    classes = answers.best[i]
    drawn = _draw_all(pipeline, answers.maps, prepared, i)
    others = [_draw_all(pipeline, maps, prepared, i) for maps in answers.class_maps]
    return [
        Record(
            image_id=example.image_id,
            index=example.index,
            method=name,
            label=example.label,
            height=size.height,
            width=size.width,
            classes=classes,
            scores=scores[classes],
            box=box,
            true_boxes=example.boxes,
            class_boxes=np.array([each[name][0] for each in others]).reshape(-1, 4),
            iou=label_iou(box, example.boxes, pipeline.protocol),
            map_state=state,
            blacklisted=example.index in pipeline.blacklist,
        )
        for name, (box, state) in drawn.items()
    ]


def _draw_all(
    pipeline: Pipeline, maps: dict[str, NDArray[np.float32]], prepared: _Prepared, i: int
) -> dict[str, tuple[Boxes, MapState]]:
    """Method -> the box of the i-th image's map, and baseline -> its box."""
    size, side = prepared.size, pipeline.preprocessing.size
    window = pipeline.view.window(size, side)
    drawn = {}
    for name, made in maps.items():
        try:
            joined = pipeline.view.join(made[i], side)
            drawn[name] = extract_box(joined, size, pipeline.protocol.box_rule, window)
        except RunError as error:
            raise RunError(f"{prepared.example.image_id}, {name}: {error}") from error
    return drawn | {each.name: (each.box(size), MapState.OK) for each in pipeline.baselines}
