"""One image of the demo, from its seed, split and index alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wsol_bench.datasets.demo.background import Planes, render_background
from wsol_bench.datasets.demo.camera import photograph
from wsol_bench.datasets.demo.classes import CLASSES
from wsol_bench.datasets.demo.figure import Figure
from wsol_bench.datasets.demo.light import Light, sample_light
from wsol_bench.datasets.demo.paint import paint
from wsol_bench.datasets.demo.scene import Scene, sample_scene
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.datasets.demo.surface import sample_look, vary_look
from wsol_bench.geometry import Boxes

VERSION = "1"
"""Names the pixels: raise it with every change that alters an image."""

DEFAULT_SEED = 2017
DEFAULT_COUNT = 1000

MIN_VISIBLE = 60
"""An object of fewer visible pixels gets no box, as annotators would miss it."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One image and its annotation.

    Attributes:
        pixels: (height, width, 3) uint8, RGB.
        label: class index.
        boxes: (m, 4) float64 half-open xyxy, tight on what is visible, m >= 1.
    """

    pixels: NDArray[np.uint8]
    label: int
    boxes: Boxes


def render(seed: int, split: str, index: int) -> Rendering:
    """Renders one image, independently of all others.

    Args:
        seed: of the whole set, 0 or more.
        split: any name; splits of one seed share no image.
        index: 0-based place in the split.
    """
    scene = scene_at(seed, split, index)
    stream = Stream(seed, split, index, "pixels")
    planes = render_background(stream, scene.size)
    light = sample_light(stream)
    _paint_distractors(planes, scene.behind, light, stream, blur=4.0)
    visible = _paint_objects(planes, scene.objects, light, stream)
    hidden = _paint_distractors(planes, scene.before, light, stream, blur=2.0)
    shown = [mask & ~hidden for mask in visible]
    boxes = [_tight_box(mask) for mask in shown if mask.sum() >= MIN_VISIBLE]
    return Rendering(photograph(stream, planes), scene.label, np.array(boxes, dtype=np.float64))


def scene_at(seed: int, split: str, index: int) -> Scene:
    """The geometry of one image, without its pixels."""
    return sample_scene(Stream(seed, split, index, "scene"), label_at(seed, split, index))


def label_at(seed: int, split: str, index: int) -> int:
    """The class of one image: each run of 24 indices holds every class once."""
    block, place = divmod(index, len(CLASSES))
    return Stream(seed, split, block, "labels").permutation(len(CLASSES))[place]


def _paint_distractors(
    planes: Planes, figures: tuple[Figure, ...], light: Light, stream: Stream, blur: float
) -> NDArray[np.bool_]:
    """Paints figures of no class; returns the pixels that they cover."""
    covered = np.zeros(planes.shape[1:], dtype=bool)
    for figure in figures:
        look = sample_look(stream, softness=stream.uniform(1.0, blur))
        covered |= paint(planes, figure, look, light, stream)
    return covered


def _paint_objects(
    planes: Planes, figures: tuple[Figure, ...], light: Light, stream: Stream
) -> list[NDArray[np.bool_]]:
    """Paints the objects; returns the pixels where each one is in sight."""
    look = sample_look(stream, softness=stream.uniform(1.0, 2.0))
    flock = stream.chance(0.6)
    visible: list[NDArray[np.bool_]] = []
    for figure in figures:
        own = vary_look(stream, look) if flock else sample_look(stream, look.softness)
        mask = paint(planes, figure, own, light, stream)
        visible = [earlier & ~mask for earlier in visible] + [mask]
    return visible


def _tight_box(mask: NDArray[np.bool_]) -> list[int]:
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
