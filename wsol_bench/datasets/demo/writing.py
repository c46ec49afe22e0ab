"""Writes a rendered set as a folder in ILSVRC's layout (as on Kaggle).

- `LOC_synset_mapping.txt`: wnid and name of each class.
- `ILSVRC/Data/CLS-LOC/<split>/DEMO_<split>_00000001.JPEG`: images, from 1 on.
- `ILSVRC/Annotations/CLS-LOC/<split>/DEMO_<split>_00000001.xml`: their boxes.
- `demo.json`: what it was rendered from.
"""

import json
import multiprocessing
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from PIL import Image

from wsol_bench.datasets.demo.annotation import annotation_xml
from wsol_bench.datasets.demo.classes import CLASSES
from wsol_bench.datasets.demo.rendering import VERSION, render
from wsol_bench.datasets.demo.stream import Stream
from wsol_bench.errors import DataError, UsageError
from wsol_bench.geometry import Size
from wsol_bench.runtime.process_owner import Owner, is_gone

JPEG_QUALITIES = range(80, 96)
IMAGES_PER_TASK = 8


def write(
    folder: Path,
    count: int,
    seed: int,
    split: str = "val",
    workers: int | None = None,
    on_image: Callable[[], None] | None = None,
) -> None:
    """Renders a set of images into a new folder.

    The folder appears under its name only when it is complete: until then, and after
    an interruption, there is at most a hidden neighbour, which is removed.

    Args:
        folder: must not exist, or be empty.
        count: number of images.
        seed: of the set.
        split: name of the split; other splits hold other images.
        workers: processes; None for one per core, 1 to stay in this process.
        on_image: called after each image, in this process.

    Raises:
        UsageError: the count, seed or split makes no sense.
        DataError: the folder holds something already.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"expected count >= 1 and seed >= 0, got {count} and {seed}")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", split):
        raise UsageError(f"expected letters, digits, - and _ as name of a split, got {split!r}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: expected a new or empty folder; choose another, or remove it")
    with _whole_or_absent(folder) as unfinished:
        for kind in ("Data", "Annotations"):
            (unfinished / "ILSVRC" / kind / "CLS-LOC" / split).mkdir(parents=True)
        _write_images(unfinished, count, seed, split, workers or os.cpu_count() or 1, on_image)
        mapping = "".join(f"{one.wnid} {one.name}\n" for one in CLASSES)
        (unfinished / "LOC_synset_mapping.txt").write_text(mapping, encoding="utf-8")
        origin = {"version": VERSION, "seed": seed, "split": split, "count": count}
        (unfinished / "demo.json").write_text(json.dumps(origin) + "\n", encoding="utf-8")


@contextmanager
def _whole_or_absent(folder: Path) -> Iterator[Path]:
    """A neighbour that takes the folder's name when the block ends well."""
    _clean(folder)
    unfinished = folder.with_name(f".{folder.name}-{Owner.here().tag}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _clean(folder: Path) -> None:
    """Removes files of earlier renderings of this folder whose processes have ended."""
    pattern = re.compile(rf"\.{re.escape(folder.name)}-([0-9a-f]{{12}})-(\d+)-(\d+)")
    with suppress(OSError):  # it may not exist yet; a file that cannot be removed does no harm
        for neighbour in folder.parent.iterdir():
            match = pattern.fullmatch(neighbour.name)
            if match and is_gone(match[1], int(match[2]), int(match[3])):
                shutil.rmtree(neighbour, ignore_errors=True)


def _write_images(
    folder: Path,
    count: int,
    seed: int,
    split: str,
    workers: int,
    on_image: Callable[[], None] | None,
) -> None:
    write_one = partial(write_image, folder, seed, split)
    if workers == 1:
        _exhaust(map(write_one, range(count)), on_image)
        return
    # Forking a process that has threads, as torch has, can hang; spawning cannot.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        _exhaust(pool.map(write_one, range(count), chunksize=IMAGES_PER_TASK), on_image)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Leaves Ctrl-C to the process that began this one, and ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _exhaust(images: Iterator[None], on_image: Callable[[], None] | None) -> None:
    for _ in images:
        if on_image is not None:
            on_image()


def write_image(folder: Path, seed: int, split: str, index: int) -> None:
    """Renders one image and writes it with its annotation."""
    rendering = render(seed, split, index)
    height, width, _ = rendering.pixels.shape
    image_id = f"DEMO_{split}_{index + 1:08d}"
    Image.fromarray(rendering.pixels).save(
        folder / "ILSVRC" / "Data" / "CLS-LOC" / split / f"{image_id}.JPEG",
        quality=Stream(seed, split, index, "file").pick(JPEG_QUALITIES),
        subsampling="4:2:0",
    )
    wnid = CLASSES[rendering.label].wnid
    xml = annotation_xml(image_id, split, wnid, Size(height, width), rendering.boxes)
    path = folder / "ILSVRC" / "Annotations" / "CLS-LOC" / split / f"{image_id}.xml"
    path.write_text(xml, encoding="utf-8")
