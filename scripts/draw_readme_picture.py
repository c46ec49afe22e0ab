"""Draws the README's picture: demo images, a map over each, its box and the true boxes.

    python scripts/draw_readme_picture.py          # writes docs/images/demo.jpg

Shown are the first images of the demo's validation split, in the order of their
numbers, whose class the network gets right, so nobody has picked the pretty ones: a
box may be wrong. Orange is the method's box, white are the true boxes. On stdout: which
images these are and the IoU of each box.
"""

import argparse
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from wsol_bench.boxes import enlarge, extract_box
from wsol_bench.geometry import Boxes, Size, box_iou
from wsol_bench.networks.numbers import normalise
from wsol_bench.pipeline import Pipeline
from wsol_bench.prepare import check, open_source, prepare
from wsol_bench.records import Example
from wsol_bench.scoring import rank_classes
from wsol_bench.settings import RunSettings
from wsol_bench.views import VIEWS

COLUMNS, ROWS = 3, 2
WIDTH, GAP = 1080, 6
"""Of the picture and between images, in pixels."""
ORANGE, WHITE, BLACK = (255, 128, 0), (255, 255, 255), (0, 0, 0)
COLOURS = np.array([(48, 18, 100), (30, 90, 200), (20, 170, 170), (120, 220, 80), (250, 240, 60)])
"""Of map values 0 to 1, evenly spaced."""
MOST_OPAQUE = 0.62
QUALITY = 82


@dataclass(frozen=True, slots=True)
class Drawn:
    """One image with what is to be seen on it; boxes are half-open xyxy in its pixels."""

    example: Example
    image: Image.Image
    values: NDArray[np.float32]
    box: Boxes

    @property
    def iou(self) -> float:
        """The best over the true boxes."""
        return float(box_iou(self.box, self.example.boxes).max())


def draw_example(pipeline: Pipeline, image: Image.Image, example: Example) -> Drawn | None:
    """The map and box of an image's class, or None where the network gets the class wrong."""
    (placed,) = pipeline.methods
    tensors = VIEWS[pipeline.protocol.view].tensors(image, pipeline.preprocessing.size)
    inputs = normalise(torch.tensor(tensors, device=pipeline.device), pipeline.preprocessing)
    forward = pipeline.network.forward(inputs, pipeline.asks)
    if rank_classes(forward.scores.cpu().numpy(), 1)[0, 0] != example.label:
        return None
    maps = placed.method.maps(
        forward, placed.layer, torch.tensor([example.label]), pipeline.settings
    )
    size = Size(image.height, image.width)
    values = maps[0].cpu().numpy()
    box, _ = extract_box(values, size, pipeline.protocol.box_rule)
    return Drawn(example, image, enlarge(values, *size), box)


def coloured(drawn: Drawn) -> Image.Image:
    """The image under its map: more colour where the map is larger, none at 0."""
    share = np.clip(drawn.values / max(float(drawn.values.max()), 1e-12), 0, 1)  # (h, w)
    places = np.linspace(0, 1, len(COLOURS))
    colour = np.stack([np.interp(share, places, channel) for channel in COLOURS.T], axis=-1)
    opaque = MOST_OPAQUE * np.sqrt(share)[..., None]
    mixed = np.asarray(drawn.image) * (1 - opaque) + colour * opaque
    return Image.fromarray(mixed.round().astype(np.uint8))


def tile(drawn: Drawn, height: int) -> Image.Image:
    """The coloured image with its boxes, at this height."""
    scale = height / drawn.image.height
    small = coloured(drawn).resize(
        (round(drawn.image.width * scale), height), Image.Resampling.LANCZOS
    )
    pen = ImageDraw.Draw(small)
    for box in drawn.example.boxes:
        outline(pen, box * scale, WHITE)
    outline(pen, drawn.box * scale, ORANGE)
    return small


def outline(pen: ImageDraw.ImageDraw, box: Boxes, colour: tuple[int, int, int]) -> None:
    """A box of three pixels with a dark edge on both sides, so that it shows on any ground."""
    x0, y0, x1, y1 = box.round().astype(int).tolist()
    pen.rectangle((x0, y0, x1 - 1, y1 - 1), outline=BLACK, width=5)
    pen.rectangle((x0 + 1, y0 + 1, x1 - 2, y1 - 2), outline=colour, width=3)


def row_of(many: list[Drawn]) -> Image.Image:
    """Images side by side at one height, so that they fill the picture's width."""
    room = WIDTH - GAP * (len(many) - 1)
    height = int(room / sum(each.image.width / each.image.height for each in many))
    row = Image.new("RGB", (WIDTH, height), WHITE)
    left = 0
    for each in many:
        one = tile(each, height)
        row.paste(one, (left, 0))
        left += one.width + GAP
    return row


def picture(many: list[Drawn]) -> Image.Image:
    """All rows beneath each other."""
    rows = [row_of(many[start : start + COLUMNS]) for start in range(0, len(many), COLUMNS)]
    whole = Image.new("RGB", (WIDTH, sum(row.height for row in rows) + GAP * (ROWS - 1)), WHITE)
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height + GAP
    return whole


def main() -> None:
    """Reads the flags, runs the network until enough images are found, and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="vgg16")
    parser.add_argument("--method", default="grad_cam")
    parser.add_argument("--out", type=Path, default=Path("docs/images/demo.jpg"))
    flags = parser.parse_args()
    settings = RunSettings(arch=flags.arch, methods=(flags.method,))
    check(settings)
    source = open_source(settings, quiet=False)
    pipeline = prepare(settings, source).pipeline
    if not pipeline.methods:
        parser.error(f"--method {flags.method}: makes no map on {flags.arch}")
    found = (
        draw_example(pipeline, source.dataset.open(example.image_id), example)
        for example in source.dataset.examples
    )
    many = list(islice((each for each in found if each), ROWS * COLUMNS))
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    picture(many).save(flags.out, quality=QUALITY, optimize=True)
    for each in many:
        name = source.dataset.class_names[each.example.label]
        print(f"{each.example.image_id}  {name:18}  IoU {each.iou:.2f}")
    print(f"{flags.out}: {flags.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
