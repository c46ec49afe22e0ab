"""One image without a dataset: its best classes, and the box of each method for each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.class_lookup import find_class
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.demo.classes import CLASSES as DEMO_CLASSES
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.images import read_image
from wsol_bench.geometry import Boxes, Size, Window
from wsol_bench.methods.catalog import find_methods
from wsol_bench.methods.entry import Frame
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.forward import Forward
from wsol_bench.networks.numbers import exact_float32
from wsol_bench.networks.weights.class_count import count_classes
from wsol_bench.pipeline.inference import forward_of, maps_of, mean_scores, seed_of
from wsol_bench.pipeline.localize import localize
from wsol_bench.pipeline.pipeline import require_finite
from wsol_bench.pipeline.target_class import TARGET_CLASSES
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.runs.checks import check_settings
from wsol_bench.runs.prepare import Prepared, prepare, prepare_cam_arch
from wsol_bench.runs.source import FALLBACK_WEIGHTS, Source
from wsol_bench.runtime.names import shown
from wsol_bench.runtime.progress import progress
from wsol_bench.scoring.ilsvrc import rank_classes
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class and its score.

    Attributes:
        index, class_id, name: of the class; the last two are "" where they are not known.
        rank: 1 for the best class.
        score: before the softmax, the mean over the view's tensors.
        probability: the softmax of the scores.
    """

    index: int
    class_id: str
    name: str
    rank: int
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class MethodBox:
    """The box of one method for one class.

    Attributes:
        method, title: the method's name, and its name in a paper's table.
        arch: of the network that the map comes from; it may be the CAM arch.
        layer: the layer that the method reads; "" for a method without a network.
        box: (4,) half-open xyxy in the image's pixels.
        state: of the map.
        values: the joined map, (u, v), or None for a method that makes none.
        window: the part of the image that the map shows.
    """

    method: str
    title: str
    arch: str
    layer: str
    box: Boxes
    state: MapState
    values: NDArray[np.float32] | None
    window: Window


@dataclass(frozen=True, slots=True)
class ImageResult:
    """Classes and boxes of one image.

    Attributes:
        path: of the image.
        image: as decoded.
        arch, weights: of the network.
        protocol: its view and box rule.
        best: the best classes, in descending order of their scores.
        target: the class that the maps are computed for.
        boxes: one per supported method, in the order of the settings.
        boxes_of_best: the same for each of the best classes.
        not_applicable: method -> why this network does not support it.
        note: a remark on the weights, or "".
    """

    path: Path
    image: Image.Image
    arch: str
    weights: str
    protocol: Protocol
    best: tuple[ClassScore, ...]
    target: ClassScore
    boxes: tuple[MethodBox, ...]
    boxes_of_best: tuple[tuple[MethodBox, ...], ...]
    not_applicable: Mapping[str, str]
    note: str


def evaluate_image(path: Path, settings: RunSettings, wanted: str | None = None) -> ImageResult:
    """Runs a network and its methods on one image.

    Args:
        path: of the image. It is taken as stored: an EXIF orientation is not applied.
        settings: as of a run; those of the dataset are ignored.
        wanted: the target class, as `find_class` reads it; default: the best class.

    Raises:
        UsageError: a name or a flag does not make sense, or there is no such class.
        DataError, WeightsError: a file is missing or bad; names it.
        RunError: a score or a map is NaN or infinite.
    """
    check_settings(settings)
    spec = settings.weights or FALLBACK_WEIGHTS
    single = SingleImage.of(path, read_image(path), *_classes_of(settings.arch, spec))
    main = prepare(settings, Source(single, spec, ""))
    # Before the network runs, so that a wrong name costs no time.
    label = None if wanted is None else find_class(wanted, single.class_ids, single.class_names)
    with exact_float32():
        forward = _forward(main, single)
        scores = mean_scores(main.pipeline, forward)[0].float().cpu().numpy()
        require_finite(scores, single.name)
        ranked = rank_classes(scores[None], len(scores))[0]
        target = int(ranked[0]) if label is None else label
        passes = [(main, forward)]
        cam_arch = prepare_cam_arch(main)
        if cam_arch:
            passes.append((cam_arch, _forward(cam_arch, single)))
        best = [int(index) for index in ranked[: main.pipeline.protocol.topk]]
        found = {}
        classes_drawn = dict.fromkeys([target, *best])
        what = f"Boxes of {single.name}"
        with progress(what, len(classes_drawn), unit="classes", brief=True) as advance:
            for each in classes_drawn:
                found[each] = _boxes_for(passes, single.labelled(each))
                advance(1)
    classes = [_class_score(single, scores, rank, int(i)) for rank, i in enumerate(ranked, 1)]
    supported = {each.method for each in found[target]}
    return ImageResult(
        path=path,
        image=single.image,
        arch=main.arch.name,
        weights=main.weights,
        protocol=main.pipeline.protocol,
        best=tuple(classes[: len(best)]),
        target=next(each for each in classes if each.index == target),
        boxes=found[target],
        boxes_of_best=tuple(found[each] for each in best),
        not_applicable={n: why for n, why in main.not_applicable.items() if n not in supported},
        note=_kind_of(spec).note,
    )


@dataclass(slots=True)
class SingleImage:
    """A dataset of one image whose class is not known; a `records.Dataset`."""

    name: str
    class_ids: Sequence[str]
    class_names: Sequence[str]
    examples: Sequence[Example]
    missing_ids: tuple[str, ...]
    image: Image.Image

    @classmethod
    def of(
        cls, path: Path, image: Image.Image, class_ids: Sequence[str], names: Sequence[str]
    ) -> "SingleImage":
        """An image and the network's classes; class 0 is the label until another is given."""
        size = Size(image.height, image.width)
        example = Example(shown(path.stem), 1, 0, np.zeros((0, 4)), size)
        return cls(shown(path.name), class_ids, names, (example,), (), image)

    def labelled(self, label: int) -> "SingleImage":
        """The same image with another label."""
        return replace(self, examples=(replace(self.examples[0], label=label),))

    def open(self, image_id: str) -> Image.Image:
        """The image."""
        return self.image


def _classes_of(arch: str, spec: str) -> tuple[Sequence[str], Sequence[str]]:
    """WNIDs and names of the classes that the weights predict; "" where not known."""
    official = official_classes()
    lists = (official, _kind_of(spec))
    known = {len(each.class_ids): (each.class_ids, each.names) for each in lists}
    count = count_classes(ARCHS[arch], spec) or len(official.class_ids)
    return known.get(count) or ([""] * count, [""] * count)


@dataclass(frozen=True, slots=True)
class _WeightsKind:
    """Classes and a note that belong to one kind of weights.

    Attributes:
        class_ids, names: of classes that are not ILSVRC's; may be empty.
        note: a remark on the weights, or "".
    """

    class_ids: Sequence[str] = ()
    names: Sequence[str] = ()
    note: str = ""


def _kind_of(spec: str) -> _WeightsKind:
    return _WEIGHTS_KINDS.get(spec.partition(":")[0], _WeightsKind())


_WEIGHTS_KINDS: Mapping[str, _WeightsKind] = MappingProxyType(
    {
        "demo": _WeightsKind(
            class_ids=[each.wnid for each in DEMO_CLASSES],
            names=[each.name for each in DEMO_CLASSES],
            note=(
                "--weights demo: small networks, trained on the demo's rendered images. "
                "Their prediction for a photograph means nothing."
            ),
        )
    }
)
"""Prefix of the weights' spec -> what belongs to it."""


def _forward(prepared: Prepared, single: SingleImage) -> Forward:
    pipeline = prepared.pipeline
    tensors = pipeline.view.tensors(single.image, pipeline.side, pipeline.crop)
    return forward_of(
        pipeline, [tensors], pipeline.requests, [seed_of(single.examples[0].image_id)]
    )


def _class_score(
    single: SingleImage, scores: NDArray[np.float32], rank: int, index: int
) -> ClassScore:
    exponentials = np.exp(scores.astype(np.float64) - float(scores.max()))
    share = float(exponentials[index] / exponentials.sum())
    class_id, name = single.class_ids[index], single.class_names[index]
    return ClassScore(index, class_id, name, rank, float(scores[index]), share)


def _boxes_for(
    passes: Sequence[tuple[Prepared, Forward]], single: SingleImage
) -> tuple[MethodBox, ...]:
    """The boxes for the image's label, in the order of the settings' methods."""
    found: dict[str, MethodBox] = {}
    for prepared, forward in passes:
        found |= _boxes_of(prepared, forward, single)
    rows = find_methods(passes[0][0].settings.methods)
    return tuple(found[row.name] for row in rows if row.name in found)


def _boxes_of(prepared: Prepared, forward: Forward, single: SingleImage) -> dict[str, MethodBox]:
    """Method -> its box for the image's label, of one network."""
    pipeline = prepared.pipeline
    (example,) = single.examples
    size = Size(single.image.height, single.image.width)
    classes = {name: np.array([of(example, single)]) for name, of in TARGET_CLASSES.items()}
    maps = {n: each[0].numpy() for n, each in maps_of(pipeline, forward, classes).items()}
    frame = Frame(size, example.image_id, example.label)
    rows = {row.name: row for row in pipeline.methods}
    return {
        name: MethodBox(
            method=name,
            title=rows[name].title,
            arch=prepared.arch.name,
            layer=rows[name].layer or "",
            box=each.box,
            state=each.state,
            values=each.values,
            window=each.window,
        )
        for name, each in localize(pipeline, maps, frame).items()
    }
