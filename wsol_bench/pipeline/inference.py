"""What the network says of a batch: scores and maps, brought to the CPU.

On a GPU nothing here waits: a batch's work is queued, its answers are copied to
pinned memory beside the next batch's work, and `Pending.wait` is called then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol_bench.errors import RunError
from wsol_bench.methods.entry import BoundMethod
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.forward import Forward, Network, Requests
from wsol_bench.networks.numbers import normalise
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS, Tensors, View
from wsol_bench.scoring.ilsvrc import rank_classes
from wsol_bench.scoring.image_columns import ImageColumn


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All that turns examples into records, ready to run.

    Attributes:
        network: on its device.
        preprocessing: of its weights.
        methods: bound to the network, in the order of the records.
        protocol: view, box rule, scoring.
        device: where the network is.
        blacklist: 1-based indices left out of localization errors.
        keep_maps: whether to hand on the maps, as half floats. Boxes are then drawn
            from what is kept, so that drawing them again gives the same.
        class_boxes: whether to draw also the boxes of the best classes.
        deterministic: whether to take only operations that repeat themselves to the bit.
        columns: what is kept of each map for metrics.
    """

    network: Network
    preprocessing: Preprocessing
    methods: tuple[BoundMethod, ...]
    protocol: Protocol
    device: torch.device
    blacklist: frozenset[int] = frozenset()
    keep_maps: bool = False
    class_boxes: bool = False
    deterministic: bool = False
    columns: tuple[ImageColumn, ...] = ()

    @property
    def view(self) -> View:
        """The protocol's view."""
        return VIEWS[self.protocol.view]

    @property
    def map_methods(self) -> tuple[BoundMethod, ...]:
        """The methods that make maps; the others are baselines."""
        return tuple(method for method in self.methods if method.makes_map)

    @property
    def requests(self) -> Requests:
        """Everything that the methods will request of a forward pass."""
        return Requests.merge(method.requests() for method in self.map_methods)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one image.

    Attributes:
        tensors: (t, side, side, 3) uint8, the view's.
        classes: a subject's name -> the class whose map is wanted.
        seed: of the image, for methods that draw at random.
    """

    tensors: Tensors
    classes: Mapping[str, int]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What the network said of n images, on the CPU.

    Attributes:
        scores: (n, C) float32, the mean over each image's tensors.
        best: (n, k) the best classes, falling.
        maps: method -> (n, t, u, v) float32, of the classes asked about.
        class_maps: for each of the k best classes the same; empty where not wanted.
    """

    scores: NDArray[np.float32]
    best: NDArray[np.int64]
    maps: Mapping[str, NDArray[np.float32]]
    class_maps: tuple[Mapping[str, NDArray[np.float32]], ...]

    @property
    def images(self) -> int:
        """How many images it tells of."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Pending:
    """Answers on their way from the device: tensors on the CPU, perhaps not yet filled."""

    scores: Tensor
    maps: Mapping[str, Tensor]
    class_maps: tuple[Mapping[str, Tensor], ...]
    copied: "torch.cuda.Event | None"

    def wait(self, topk: int) -> Answers:
        """The answers, as soon as they are all there."""
        if self.copied is not None:
            self.copied.synchronize()
        scores = self.scores.numpy()
        return Answers(
            scores,
            rank_classes(scores, topk),
            {name: maps.numpy() for name, maps in self.maps.items()},
            tuple({name: m.numpy() for name, m in maps.items()} for maps in self.class_maps),
        )


def ask(pipeline: Pipeline, questions: Sequence[Question], requests: Requests) -> Pending:
    """Runs one batch through the network and its methods.

    Args:
        pipeline: network, methods, protocol.
        questions: n of them.
        asks: the pipeline's.

    Raises:
        torch.OutOfMemoryError, RuntimeError: the device's memory does not hold it.
    """
    tensors, seeds = zip(*((each.tensors, each.seed) for each in questions), strict=True)
    forward = forward_of(pipeline, tensors, requests, seeds)
    scores = mean_scores(pipeline, forward)
    subjects = questions[0].classes
    classes = {name: np.array([each.classes[name] for each in questions]) for name in subjects}
    maps = maps_of(pipeline, forward, classes)
    class_maps: list[dict[str, Tensor]] = []
    if pipeline.class_boxes:
        best = rank_classes(scores.cpu().numpy(), pipeline.protocol.topk)
        class_maps = [
            maps_of(pipeline, forward, dict.fromkeys(subjects, column)) for column in best.T
        ]
    scores = _to_cpu(scores)
    copied = None
    if pipeline.device.type == "cuda":
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(pipeline.device))
    return Pending(scores, maps, tuple(class_maps), copied)


def seed_of(image_id: str) -> int:
    """The seed of an image: of its id alone, so that no order, batch or worker changes a draw."""
    return int.from_bytes(blake2b(image_id.encode(), digest_size=7).digest(), "big")


def forward_of(
    pipeline: Pipeline, tensors: Sequence[Tensors], requests: Requests, seeds: Sequence[int]
) -> Forward:
    """The forward pass of n images, each as the view's tensors and with its seed."""
    stacked = torch.from_numpy(np.concatenate(tensors))
    inputs = normalise(_to_device(stacked, pipeline.device), pipeline.preprocessing)
    of_tensors = np.repeat(np.array(seeds, dtype=np.int64), pipeline.view.count)
    return pipeline.network.forward(inputs, requests, of_tensors.tolist())


def mean_scores(pipeline: Pipeline, forward: Forward) -> Tensor:
    """The scores of n images, (n, C), each the mean over the view's tensors."""
    return forward.scores.unflatten(0, (-1, pipeline.view.count)).mean(dim=1)


def maps_of(
    pipeline: Pipeline, forward: Forward, classes: Mapping[str, NDArray[np.int64]]
) -> dict[str, Tensor]:
    """The maps of n images, method -> (n, t, u, v) on the CPU.

    Args:
        pipeline: whose methods make the maps.
        forward: of n images.
        classes: name of a target class -> (n,) class indices.
    """
    tensors = pipeline.view.count
    made = {}
    for method in pipeline.map_methods:
        targets = torch.from_numpy(np.repeat(classes[method.target_class], tensors))
        maps = method.maps(forward, targets)
        by_image = maps.float().unflatten(0, (-1, tensors))  # (n, t, u, v)
        kept = as_kept(by_image).float() if pipeline.keep_maps else by_image
        made[method.name] = _to_cpu(kept)
    return made


def as_kept(maps: Tensor) -> Tensor:
    """Maps as they are kept, (n, t, u, v) half floats, each image's scaled to 1.

    A threshold is a share of the maximum or the mean, so the scale does not count.
    NaN stays NaN and a map of zeros stays zero.
    """
    largest = maps.abs().amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(largest > 0, maps / largest, maps).half()


def _to_device(values: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def _to_cpu(values: Tensor) -> Tensor:
    if values.device.type != "cuda":
        return values.cpu()
    on_cpu = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return on_cpu.copy_(values, non_blocking=True)


@dataclass(slots=True)
class Room:
    """How many images fit into the device's memory at once; learns it by failing.

    Attributes:
        log: reports that batches are split.
        images: at most so many at once, or None as long as all fitted.
    """

    log: Callable[[str], None]
    images: int | None = field(default=None)

    def ask(
        self, pipeline: Pipeline, questions: Sequence[Question], requests: Requests
    ) -> list[Pending]:
        """`ask`, in halves where the whole does not fit.

        Raises:
            RunError: not even one image fits.
        """
        if self.images is None or len(questions) <= self.images:
            try:
                return [ask(pipeline, questions, requests)]
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._learn(len(questions), pipeline.device)
        half = (len(questions) + 1) // 2
        parts = questions[:half], questions[half:]
        return [pending for part in parts for pending in self.ask(pipeline, part, requests)]

    def _learn(self, images: int, device: torch.device) -> None:
        if images == 1:
            raise RunError(
                f"{device}: out of memory on a single image. Free memory there, ask for fewer "
                "--methods, or take --device cpu."
            )
        if self.images is None:
            self.log(
                f"{device}: out of memory with {images} images at once; going on with half of "
                f"that. To say so from the start: --batch-size with a smaller number."
            )
        self.images = (images + 1) // 2
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
