"""Inference: the scores and maps of a batch, brought to the CPU.

On a GPU nothing here blocks: a batch's work is queued, its outputs are copied to
pinned memory during the next batch's work, and `Pending.wait` is called then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wsol_bench.geometry import Crop
from wsol_bench.methods.bound import BoundMethod
from wsol_bench.networks.archs.entry import Preprocessing
from wsol_bench.networks.forward import Forward, Network, Requests
from wsol_bench.networks.numbers import FP32, Precision, normalise
from wsol_bench.networks.outputs import Outputs
from wsol_bench.pipeline.given_scores import GivenScores
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.protocols.views import VIEWS, Tensors, View
from wsol_bench.scoring.ilsvrc import rank_classes
from wsol_bench.scoring.image_columns import ImageColumn


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything that turns examples into records, ready to run.

    Attributes:
        network: on its device; None where boxes and maps come from elsewhere.
        preprocessing: of its weights; None without a network.
        methods: bound to the network, in the order of the records.
        protocol: view, box rule, scoring.
        device: that of the network.
        blacklist: 1-based indices left out of localization errors.
        keep_maps: whether to return the maps, as half floats. Boxes are then drawn
            from the kept maps, so that drawing them again gives the same boxes.
        class_boxes: whether to draw also the boxes of the best classes.
        deterministic: whether to use only operations that are reproducible to the bit.
        columns: those that are kept of each map for metrics.
        ranks_classes: whether records hold the best classes; False where the outputs are no
            classes of the dataset.
        given: the scores of each image, in place of a network's; None where there are none.
    """

    network: Network | None
    preprocessing: Preprocessing | None
    methods: tuple[BoundMethod, ...]
    protocol: Protocol
    device: torch.device
    blacklist: frozenset[int] = frozenset()
    keep_maps: bool = False
    class_boxes: bool = False
    deterministic: bool = False
    columns: tuple[ImageColumn, ...] = ()
    ranks_classes: bool = True
    given: GivenScores | None = None

    @property
    def side(self) -> int:
        """The side of the network's square input, in pixels; 0 without a network."""
        return self.preprocessing.size if self.preprocessing else 0

    @property
    def crop(self) -> Crop | None:
        """The network's own centre crop, or None for the usual one."""
        return self.preprocessing.crop if self.preprocessing else None

    @property
    def precision(self) -> Precision:
        """The precision of the network."""
        return self.network.precision if self.network else FP32

    @property
    def outputs(self) -> Outputs | None:
        """The network's output of each class of the dataset, or None if the orders are the same."""
        source = self.network or self.given
        return source.outputs if source else None

    @property
    def view(self) -> View:
        """The protocol's view."""
        return VIEWS[self.protocol.view]

    @property
    def ranked(self) -> int:
        """The number of best classes in a record."""
        return self.protocol.topk if self.ranks_classes else 0

    @property
    def map_methods(self) -> tuple[BoundMethod, ...]:
        """The methods that make maps of a forward pass."""
        return tuple(method for method in self.methods if method.needs_network)

    @property
    def readers(self) -> tuple[BoundMethod, ...]:
        """The methods whose maps are read from files."""
        return tuple(row for row in self.methods if row.makes_map and not row.needs_network)

    @property
    def requests(self) -> Requests:
        """Everything that the methods will request of a forward pass."""
        return Requests.merge(method.requests() for method in self.map_methods)


@dataclass(frozen=True, slots=True)
class Question:
    """One image for the network, and the target classes of its maps.

    Attributes:
        tensors: (t, side, side, 3) uint8, the view's; empty without a network.
        classes: a target's name -> the target class.
        seed: of the image, for methods that draw at random.
        scores: (C,) of the image, where they are given and no network makes them; else empty.
    """

    tensors: Tensors
    classes: Mapping[str, int]
    seed: int = 0
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Answers:
    """The network's outputs for n images, on the CPU.

    Attributes:
        scores: (n, C) float32, the mean over each image's tensors.
        best: (n, k) the best classes, by descending score.
        maps: method -> (n, t, u, v) float32, of the target classes.
        class_maps: for each of the k best classes the same; empty if not requested.
    """

    scores: NDArray[np.float32]
    best: NDArray[np.int64]
    maps: Mapping[str, NDArray[np.float32]]
    class_maps: tuple[Mapping[str, NDArray[np.float32]], ...]

    @property
    def images(self) -> int:
        """The number of images."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Pending:
    """Outputs on their way from the device: tensors on the CPU, perhaps not yet filled."""

    scores: Tensor
    maps: Mapping[str, Tensor]
    class_maps: tuple[Mapping[str, Tensor], ...]
    copied: "torch.cuda.Event | None"

    def wait(self, topk: int) -> Answers:
        """Waits until all outputs are there, and returns them."""
        if self.copied is not None:
            self.copied.synchronize()
        scores = self.scores.numpy()
        return Answers(
            scores,
            rank_classes(scores, topk),
            {name: maps.numpy() for name, maps in self.maps.items()},
            tuple({name: m.numpy() for name, m in maps.items()} for maps in self.class_maps),
        )


def ask(
    pipeline: Pipeline,
    questions: Sequence[Question],
    requests: Requests,
    report: Callable[[str], None] | None = None,
) -> Pending:
    """Runs one batch through the network and its methods.

    Args:
        pipeline: network, methods, protocol.
        questions: one per image, n in all.
        requests: the pipeline's.
        report: called now and then by methods of many passes with how far they are.

    Raises:
        torch.OutOfMemoryError, RuntimeError: the device's memory does not hold it.
    """
    if pipeline.network is None:
        return Pending(
            torch.from_numpy(np.stack([each.scores for each in questions])), {}, (), None
        )
    tensors, seeds = zip(*((each.tensors, each.seed) for each in questions), strict=True)
    forward = forward_of(pipeline, tensors, requests, seeds)
    scores = mean_scores(pipeline, forward)
    targets = questions[0].classes
    classes = {name: np.array([each.classes[name] for each in questions]) for name in targets}
    columns: list[NDArray[np.int64]] = []
    if pipeline.class_boxes:
        columns = list(rank_classes(scores.cpu().numpy(), pipeline.protocol.topk).T)
    forward.expect([_of_tensors(pipeline, each) for each in (*classes.values(), *columns)], report)
    maps = maps_of(pipeline, forward, classes)
    class_maps = [maps_of(pipeline, forward, dict.fromkeys(targets, each)) for each in columns]
    scores = _to_cpu(scores)
    copied = None
    if pipeline.device.type == "cuda":
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(pipeline.device))
    return Pending(scores, maps, tuple(class_maps), copied)


def seed_of(image_id: str) -> int:
    """The seed of an image, from its id alone, so that no order, batch or worker changes a draw."""
    return int.from_bytes(blake2b(image_id.encode(), digest_size=7).digest(), "big")


def forward_of(
    pipeline: Pipeline, tensors: Sequence[Tensors], requests: Requests, seeds: Sequence[int]
) -> Forward:
    """The forward pass of n images, each as the view's tensors and with its seed."""
    network, preprocessing = pipeline.network, pipeline.preprocessing
    if network is None or preprocessing is None:
        raise TypeError("a pipeline without a network has no forward pass.")
    stacked = torch.from_numpy(np.concatenate(tensors))
    inputs = normalise(_to_device(stacked, pipeline.device), preprocessing)
    of_tensors = np.repeat(np.array(seeds, dtype=np.int64), pipeline.view.count)
    return network.forward(inputs, requests, of_tensors.tolist())


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
        targets = _of_tensors(pipeline, classes[method.target_class])
        maps = method.maps(forward, targets)
        by_image = maps.float().unflatten(0, (-1, tensors))  # (n, t, u, v)
        kept = as_kept(by_image).float() if pipeline.keep_maps else by_image
        made[method.name] = _to_cpu(kept)
    return made


def _of_tensors(pipeline: Pipeline, classes: NDArray[np.int64]) -> Tensor:
    """The class of each tensor of n images, from the class of each image."""
    return torch.from_numpy(np.repeat(classes, pipeline.view.count))


def as_kept(maps: Tensor) -> Tensor:
    """Maps as they are kept, (n, t, u, v) half floats, each image's scaled to 1.

    A threshold is a share of the maximum or the mean, so the scale does not count.
    NaN stays NaN and a map of zeros stays zero.
    """
    maximum = maps.abs().amax(dim=(1, 2, 3), keepdim=True)
    return torch.where(maximum > 0, maps / maximum, maps).half()


def _to_device(values: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def _to_cpu(values: Tensor) -> Tensor:
    if values.device.type != "cuda":
        return values.cpu()
    on_cpu = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
    return on_cpu.copy_(values, non_blocking=True)
