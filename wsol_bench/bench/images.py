"""The work before and after the network: decoding, resizing and boxes."""

import io
from functools import partial

import numpy as np
from PIL import Image

from wsol_bench.bench.case import PROTOCOL, Case
from wsol_bench.bench.methods import IMAGE, draw
from wsol_bench.bench.timing import Task
from wsol_bench.datasets.images import decode_image
from wsol_bench.protocols.views import VIEWS

DECODE = "decode and resize"
MAP_SIDES = (7, 14)
"""The sides of the maps of GoogLeNet and VGG-16."""

_CELLS = (4, 16, 64, 256)
_QUALITY = 95


def image_tasks(case: Case) -> dict[str, Task]:
    """The tasks, each on one thread, for as many images or maps as the batch has."""
    view, preprocessing = VIEWS[PROTOCOL.view], case.topology.preprocessing
    data = synthetic_jpeg()

    def decode() -> None:
        for _ in range(case.batch):
            image = decode_image(data, "a synthetic image")
            view.tensors(image, preprocessing.size, preprocessing.crop)

    tasks: dict[str, Task] = {DECODE: decode}
    for cells in MAP_SIDES:
        random = np.random.default_rng(0)
        maps = np.abs(random.standard_normal((case.batch, cells, cells), np.float32))
        tasks[boxes_task(cells)] = partial(draw, maps)
    return tasks


def boxes_task(cells: int) -> str:
    """The name of the task that draws the boxes of maps of this side."""
    return f"boxes of {cells}x{cells} maps"


def synthetic_jpeg() -> bytes:
    """A synthetic JPEG of the most common size in ILSVRC: a weighted sum of noise.

    It compresses about as a photograph does: to 117 kB, where the median of ILSVRC's images
    of this size is 129 kB.
    """
    random = np.random.default_rng(0)
    total = np.zeros((*IMAGE, 3))
    for cells in _CELLS:
        noise = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        layer = Image.fromarray(noise).resize(IMAGE[::-1], Image.Resampling.BICUBIC)
        total += np.asarray(layer) / len(_CELLS)
    buffer = io.BytesIO()
    Image.fromarray(total.astype(np.uint8)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
