"""One image, no dataset: what a network takes it for, and where each method sees that class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from wsol_bench.boxes.extract import extract_box
from wsol_bench.boxes.map_state import MapState
from wsol_bench.datasets.class_lookup import find_class
from wsol_bench.datasets.classes import official_classes
from wsol_bench.datasets.demo.classes import CLASSES as DEMO_CLASSES
from wsol_bench.datasets.example import Example
from wsol_bench.datasets.images import read_image
from wsol_bench.errors import RunError
from wsol_bench.geometry import Boxes, Size, Window
from wsol_bench.networks.archs.catalog import ARCHS
from wsol_bench.networks.forward import Forward
from wsol_bench.networks.numbers import exact_float32, normalise
from wsol_bench.networks.weights.class_count import count_classes
from wsol_bench.networks.weights.load import has_own_weights
from wsol_bench.pipeline.pipeline import Placed
from wsol_bench.pipeline.target_class import SUBJECTS
from wsol_bench.protocols.catalog import Protocol
from wsol_bench.runs.prepare import FALLBACK_WEIGHTS, Prepared, Source, check, prepare
from wsol_bench.runtime.names import shown
from wsol_bench.scoring.ilsvrc import rank_classes
from wsol_bench.settings import RunSettings


@dataclass(frozen=True, slots=True)
class ClassScore:
    """What a network says of one class.

    Attributes:
        index, wnid, name: of the class; the last two are "" where they are not known.
        rank: 1 for the best.
        score: before the softmax, the mean over the view's tensors.
        probability: the softmax of the scores.
    """

    index: int
    wnid: str
    name: str
    rank: int
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a method sees the class.

    Attributes:
        method, title: its name, and as a paper's table writes it.
        arch: of the network that carries it; a CAM net's may be another than asked for.
        layer: what it reads; "" for a method that needs no network.
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
class Look:
    """All that `show` tells of an image.

    Attributes:
        image: as decoded.
        arch, weights: of the network.
        protocol: its view and box rule.
        best: the best classes, falling.
        subject: the class that the maps were asked about.
        sightings: one per method that could run, in the order asked for.
        of_best: the sightings of each of the best classes.
        not_applicable: method -> why this network cannot carry it.
        note: what a user must know of the weights, or "".
    """

    path: Path
    image: Image.Image
    arch: str
    weights: str
    protocol: Protocol
    best: tuple[ClassScore, ...]
    subject: ClassScore
    sightings: tuple[Sighting, ...]
    of_best: tuple[tuple[Sighting, ...], ...]
    not_applicable: Mapping[str, str]
    note: str


def look_at(path: Path, settings: RunSettings, asked: str | None = None) -> Look:
    """Runs a network and its methods on one image.

    Args:
        path: of the image. It is taken as stored: an EXIF orientation is not applied.
        settings: as of a run; those of the dataset do not count.
        asked: the class to ask about, as `find_class` reads it; None takes the best.

    Raises:
        UsageError: a name or a flag does not make sense, or there is no such class.
        DataError, WeightsError: a file is missing or bad; names it.
        RunError: a score or a map is NaN or infinite.
    """
    check(settings)
    image = read_image(path)
    spec = settings.weights or FALLBACK_WEIGHTS
    lone = LoneImage.of(path, image, *_classes_of(settings.arch, spec))
    source = Source(lone, spec, "")
    main = prepare(settings, source)
    # Before the network runs, so that a wrong name costs no time.
    label = None if asked is None else find_class(asked, lone.wnids, lone.class_names)
    with exact_float32():
        forward = _forward(main, image)
        scores = _scores(forward, path)
        ranked = rank_classes(scores[None], len(scores))[0]
        subject = int(ranked[0]) if label is None else label
        companion = _companion_of(main, source)
        parts = [(main, forward), *([(companion, _forward(companion, image))] if companion else [])]
        best = [int(index) for index in ranked[: main.pipeline.protocol.topk]]
        seen = {each: _seen(parts, lone.about(each)) for each in dict.fromkeys([subject, *best])}
    told = [_told(lone, scores, rank, int(index)) for rank, index in enumerate(ranked, 1)]
    carried = {each.method for each in seen[subject]}
    return Look(
        path=path,
        image=image,
        arch=main.arch.name,
        weights=main.loaded.name,
        protocol=main.pipeline.protocol,
        best=tuple(told[: len(best)]),
        subject=next(each for each in told if each.index == subject),
        sightings=seen[subject],
        of_best=tuple(seen[each] for each in best),
        not_applicable={n: why for n, why in main.not_applicable.items() if n not in carried},
        note=_own_of(spec).note,
    )


@dataclass(slots=True)
class LoneImage:
    """A dataset of one image whose class nobody knows; a `records.Dataset`."""

    name: str
    wnids: Sequence[str]
    class_names: Sequence[str]
    examples: Sequence[Example]
    missing_ids: tuple[str, ...]
    image: Image.Image

    @classmethod
    def of(
        cls, path: Path, image: Image.Image, wnids: Sequence[str], names: Sequence[str]
    ) -> "LoneImage":
        """Of an image and the network's classes; its label is the first until it is known."""
        size = Size(image.height, image.width)
        example = Example(shown(path.stem), 1, 0, np.zeros((0, 4)), size)
        return cls(shown(path.name), wnids, names, (example,), (), image)

    def about(self, label: int) -> "LoneImage":
        """The same with another label."""
        return replace(self, examples=(replace(self.examples[0], label=label),))

    def open(self, image_id: str) -> Image.Image:
        """The image."""
        return self.image


def _classes_of(arch: str, spec: str) -> tuple[Sequence[str], Sequence[str]]:
    """WNIDs and names of the classes that some weights are for; "" where not known."""
    official = official_classes()
    known = {len(each.wnids): (each.wnids, each.names) for each in (official, _own_of(spec))}
    count = count_classes(ARCHS[arch], spec) or len(official.wnids)
    return known.get(count) or ([""] * count, [""] * count)


@dataclass(frozen=True, slots=True)
class _Own:
    """What weights of a kind bring beside ILSVRC's classes.

    Attributes:
        wnids, names: of their classes; may be none.
        note: what a user must know of them, or "".
    """

    wnids: Sequence[str] = ()
    names: Sequence[str] = ()
    note: str = ""


def _own_of(spec: str) -> _Own:
    return _OWN.get(spec.partition(":")[0], _Own())


_OWN: Mapping[str, _Own] = MappingProxyType(
    {
        "demo": _Own(
            wnids=[each.wnid for each in DEMO_CLASSES],
            names=[each.name for each in DEMO_CLASSES],
            note=(
                "--weights demo: small nets, trained on the demo's rendered images. "
                "On a photograph their answer means nothing."
            ),
        )
    }
)
"""Kind of weights -> what they bring."""


def _companion_of(main: Prepared, source: Source) -> Prepared | None:
    """The arch's CAM net, with the methods that its own net cannot carry."""
    name = main.arch.companion
    if name is None or not main.not_applicable:
        return None
    if not has_own_weights(ARCHS[name], source.weights):
        return None
    return prepare(replace(main.settings, arch=name, methods=tuple(main.not_applicable)), source)


def _forward(part: Prepared, image: Image.Image) -> Forward:
    pipeline = part.pipeline
    tensors = np.ascontiguousarray(pipeline.view.tensors(image, pipeline.preprocessing.size))
    inputs = normalise(torch.tensor(tensors, device=pipeline.device), pipeline.preprocessing)
    return pipeline.network.forward(inputs, pipeline.asks)


def _scores(forward: Forward, path: Path) -> NDArray[np.float32]:
    """(C,), the mean over the view's tensors."""
    scores: NDArray[np.float32] = forward.scores.float().mean(dim=0).cpu().numpy()
    if not np.isfinite(scores).all():
        raise RunError(
            f"{shown(path.name)}: the network's scores hold NaN or infinite values. Check the "
            "weights and their preprocessing."
        )
    return scores


def _told(lone: LoneImage, scores: NDArray[np.float32], rank: int, index: int) -> ClassScore:
    exponentials = np.exp(scores.astype(np.float64) - float(scores.max()))
    share = float(exponentials[index] / exponentials.sum())
    wnid, name = lone.wnids[index], lone.class_names[index]
    return ClassScore(index, wnid, name, rank, float(scores[index]), share)


def _seen(parts: Sequence[tuple[Prepared, Forward]], lone: LoneImage) -> tuple[Sighting, ...]:
    """Where each method sees the label of the lone image, in the order asked for."""
    found: dict[str, Sighting] = {}
    for part, forward in parts:
        found |= _sightings(part, forward, lone)
    return tuple(found[name] for name in parts[0][0].settings.methods if name in found)


def _sightings(part: Prepared, forward: Forward, lone: LoneImage) -> dict[str, Sighting]:
    """Method -> where it sees the label of the lone image."""
    pipeline, image = part.pipeline, lone.image
    size, side = Size(image.height, image.width), pipeline.preprocessing.size
    window = pipeline.view.window(size, side)
    found = {}
    for placed in pipeline.methods:
        values = _map(part, placed, forward, lone)
        method = placed.method
        try:
            box, state = extract_box(values, size, pipeline.protocol.box_rule, window)
        except RunError as error:
            raise RunError(f"{lone.name}, {method.name}: {error}") from error
        found[method.name] = Sighting(
            method.name, method.title, part.arch.name, placed.layer, box, state, values, window
        )
    for each in pipeline.baselines:
        found[each.name] = Sighting(
            each.name, each.title, part.arch.name, "", each.box(size), MapState.OK, None, window
        )
    return found


def _map(part: Prepared, placed: Placed, forward: Forward, lone: LoneImage) -> NDArray[np.float32]:
    """The joined map of the class that the method is asked about."""
    pipeline = part.pipeline
    subject = SUBJECTS[placed.method.subject](lone.examples[0], lone)
    classes = torch.full((pipeline.view.count,), subject, dtype=torch.int64)
    maps = placed.method.maps(forward, placed.layer, classes, pipeline.settings)  # (t, u, v)
    return pipeline.view.join(maps.float().cpu().numpy(), pipeline.preprocessing.size)
